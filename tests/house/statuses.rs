//! Statuses: each enum of the contract is the `CHECK` list of its column, word for word.

use atelier_contract::{AspectRatio, GenerationStatus, JobKind, JobStatus, LicenseType, TrainingStatus};

/// The words of the constraint `name` in the library's migrations.
fn words(name: &str) -> Vec<String> {
    let folder = atelier_tests::workspace().join("migrations/library");
    let files = std::fs::read_dir(folder).expect("the migrations are there");
    let sql: String = files
        .map(|file| file.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "sql"))
        .map(|path| std::fs::read_to_string(path).expect("text"))
        .collect();
    let (_, constraint) = sql
        .split_once(&format!("CONSTRAINT {name} CHECK ("))
        .unwrap_or_else(|| panic!("no constraint {name}"));
    let (_, list) = constraint.split_once(" IN (").expect("a list");
    let (list, _) = list.split_once(')').expect("its end");
    list.split(',')
        .map(|word| word.trim().trim_matches('\'').to_owned())
        .collect()
}

macro_rules! same {
    ($($kind:ident: $constraint:literal),+ $(,)?) => {$(
        let ours: Vec<_> = $kind::ALL.iter().map(|word| word.as_str()).collect();
        assert_eq!(ours, words($constraint), "{}", $constraint);
    )+};
}

#[test]
fn every_status_is_the_list_of_its_column() {
    same! {
        TrainingStatus: "styles_training_status",
        LicenseType: "styles_license_type",
        JobKind: "jobs_kind",
        JobStatus: "jobs_status",
        AspectRatio: "generations_aspect_ratio",
        GenerationStatus: "generations_status",
    }
}
