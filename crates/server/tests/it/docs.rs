//! What the documents say is so.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use atelier_contract::Refusal;

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &str) -> String {
    std::fs::read_to_string(workspace().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// What stands between backticks in the tables of a document.
fn quoted(document: &str) -> impl Iterator<Item = &str> {
    let rows = document.lines().filter(|line| line.starts_with('|'));
    rows.flat_map(|row| row.split('`').skip(1).step_by(2))
}

/// Every source file below a folder.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let mut found = Vec::new();
    for path in entries.map(|entry| entry.expect("an entry").path()) {
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

#[test]
fn every_rule_names_tests_that_are_there() {
    let rules = read("docs/rules.md");
    let tests: BTreeSet<_> = quoted(&rules)
        .filter_map(|word| word.split_once("::"))
        .filter(|(file, _)| workspace().join(format!("crates/server/tests/it/{file}.rs")).exists())
        .collect();
    assert!(tests.len() > 40, "only {} tests are named", tests.len());
    for (file, test) in tests {
        let source = read(&format!("crates/server/tests/it/{file}.rs"));
        let header = format!("fn {test}(");
        let (before, _) = source
            .split_once(&header)
            .unwrap_or_else(|| panic!("there is no {file}::{test}"));
        assert!(
            before.trim_end_matches("async ").trim_end().ends_with(']'),
            "{file}::{test} is no test"
        );
    }
}

#[test]
fn every_refusal_of_the_server_is_told_with_its_status() {
    let api = read("docs/api.md");
    let told: BTreeSet<_> = quoted(&api).collect();
    let known: BTreeSet<_> = Refusal::exit_codes().into_iter().map(|(code, _)| code).collect();
    for file in sources(&workspace().join("crates/server/src")) {
        let source = std::fs::read_to_string(&file).expect("text");
        for used in source.split("Refusal::").skip(1) {
            let name: String = used.chars().take_while(char::is_ascii_alphanumeric).collect();
            let code = snake_case(&name);
            if known.contains(&code) {
                assert!(
                    told.contains(code.as_str()),
                    "{code} of {} is not in docs/api.md",
                    file.display()
                );
            }
        }
    }
}

fn snake_case(name: &str) -> String {
    let mut words = String::new();
    for (at, letter) in name.char_indices() {
        if at > 0 && letter.is_ascii_uppercase() {
            words.push('_');
        }
        words.push(letter.to_ascii_lowercase());
    }
    words
}

#[test]
fn every_setting_is_told() {
    let told = read("docs/operations.md");
    let source = read("crates/server/src/config.rs");
    for (of, prefix) in [("Config", "`ATELIER_"), ("Limits", "__")] {
        let (_, fields) = source.split_once(&format!("pub struct {of} {{")).expect("the settings");
        let (fields, _) = fields.split_once("\n}").expect("their end");
        let names = fields
            .lines()
            .filter_map(|line| line.trim().strip_prefix("pub ")?.split(':').next());
        for name in names {
            let variable = format!("{prefix}{}", name.to_uppercase());
            assert!(told.contains(&variable), "{variable} is not in docs/operations.md");
        }
    }
}

#[test]
fn the_description_beside_the_documents_is_the_server_s() {
    let ours = serde_json::to_string_pretty(&atelier_server::app::openapi()).expect("plain data");
    assert_eq!(
        read("docs/openapi.json").trim_end(),
        ours,
        "write it anew: atelier-server openapi --out docs/openapi.json"
    );
}
