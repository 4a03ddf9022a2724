//! Who may know whom: every dependency between our own crates, and what each of them must never meet.

use std::collections::BTreeSet;
use std::process::Command;

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};

/// Edges between crates of this workspace; anything else is a mistake.
const ALLOWED: &[(&str, &str)] = &[
    ("atelier-studio", "atelier-contract"),
    ("atelier-server", "atelier-contract"),
    ("atelier-studio", "atelier-worker-protocol"),
    ("atelier-worker", "atelier-worker-protocol"),
    ("atelier-worker", "atelier-engine"),
    ("atelier-cli", "atelier-studio"),
    ("atelier-window", "atelier-studio"),
];

/// Crates that a room must not meet, however far down.
const NEVER: &[(&str, &[&str])] = &[
    ("atelier-contract", &["sqlx", "reqwest", "axum", "candle-core", "tokio"]),
    ("atelier-engine", &["tokio", "reqwest", "sqlx", "hyper"]),
    ("atelier-worker-protocol", &["candle-core", "sqlx", "reqwest"]),
    ("atelier-worker", &["reqwest", "hyper", "sqlx"]),
    ("atelier-studio", &["tauri", "candle-core", "sqlx-postgres"]),
    ("atelier-server", &["tauri", "candle-core", "sqlx-sqlite"]),
    ("atelier-cli", &["tauri", "candle-core", "sqlx-postgres"]),
    ("atelier-window", &["candle-core", "sqlx-postgres"]),
];

fn metadata() -> Metadata {
    MetadataCommand::new()
        .manifest_path(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"))
        .exec()
        .expect("cargo knows this workspace")
}

fn ours(metadata: &Metadata) -> Vec<&Package> {
    metadata
        .workspace_packages()
        .into_iter()
        .filter(|package| package.name != "atelier-tests")
        .collect()
}

#[test]
fn crates_depend_only_along_the_drawn_arrows() {
    let metadata = metadata();
    let names: BTreeSet<_> = ours(&metadata).iter().map(|package| package.name.to_string()).collect();
    for package in ours(&metadata) {
        for dependency in &package.dependencies {
            if names.contains(&dependency.name) && dependency.kind == DependencyKind::Normal {
                let edge = (package.name.as_str(), dependency.name.as_str());
                assert!(ALLOWED.contains(&edge), "{} must not know {}", edge.0, edge.1);
            }
        }
    }
}

/// Names of all that is linked into a package, on any platform. `cargo tree`, because the graph of `cargo metadata` also holds
/// optional dependencies that no feature switches on.
fn linked_into(package: &Package) -> BTreeSet<String> {
    let answer = Command::new(env!("CARGO"))
        .args([
            "tree", "--locked", "--edges", "normal", "--target", "all", "--prefix", "none", "--format", "{p}",
        ])
        .args(["--package", package.name.as_str()])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .output()
        .expect("cargo runs");
    assert!(answer.status.success(), "{}", String::from_utf8_lossy(&answer.stderr));
    let names = String::from_utf8(answer.stdout).expect("package names are UTF-8");
    names
        .lines()
        .filter_map(|line| line.split(' ').next())
        .map(str::to_owned)
        .collect()
}

#[test]
fn no_room_meets_what_it_must_never_know() {
    let metadata = metadata();
    for package in ours(&metadata) {
        let met = linked_into(package);
        assert!(met.len() > 1, "{} links nothing at all", package.name);
        let never = NEVER.iter().find(|(name, _)| *name == package.name.as_str());
        for stranger in never
            .unwrap_or_else(|| panic!("{} has no line in NEVER", package.name))
            .1
        {
            assert!(!met.contains(*stranger), "{} meets {stranger}", package.name);
        }
    }
}

#[test]
fn every_crate_takes_the_lints_of_the_workspace() {
    for package in metadata().workspace_packages() {
        let manifest = std::fs::read_to_string(&package.manifest_path).expect("the manifest is a file");
        assert!(
            manifest.contains("[lints]\nworkspace = true"),
            "{} has no lints",
            package.name
        );
    }
}
