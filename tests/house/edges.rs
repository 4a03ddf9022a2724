//! Who may know whom: every dependency between our own crates, and what each of them must never meet.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package, PackageId};

/// Edges between crates of this workspace; anything else is a mistake.
const ALLOWED: &[(&str, &str)] = &[
    ("atelier-studio", "atelier-contract"),
    ("atelier-studio", "atelier-worker-protocol"),
    ("atelier-worker", "atelier-worker-protocol"),
    ("atelier-worker", "atelier-engine"),
    ("atelier-cli", "atelier-studio"),
];

/// Crates that a room must not meet, however far down.
const NEVER: &[(&str, &[&str])] = &[
    ("atelier-contract", &["sqlx", "reqwest", "axum", "candle-core", "tokio"]),
    ("atelier-engine", &["tokio", "reqwest", "sqlx", "hyper"]),
    ("atelier-worker-protocol", &["candle-core", "sqlx", "reqwest"]),
    ("atelier-worker", &["reqwest", "hyper", "sqlx"]),
    ("atelier-studio", &["tauri", "candle-core", "sqlx-postgres"]),
    ("atelier-cli", &["tauri", "candle-core", "sqlx-postgres"]),
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

/// Follows normal dependencies only: what is linked, not what builds or tests it.
fn reachable<'a>(metadata: &'a Metadata, from: &'a PackageId) -> BTreeSet<String> {
    let resolve = metadata.resolve.as_ref().expect("metadata was asked with dependencies");
    let nodes: BTreeMap<_, _> = resolve.nodes.iter().map(|node| (&node.id, node)).collect();
    let (mut open, mut seen) = (vec![from], BTreeSet::new());
    while let Some(id) = open.pop() {
        for dependency in &nodes[id].deps {
            let linked = dependency.dep_kinds.iter().any(|kind| kind.kind == DependencyKind::Normal);
            if linked && seen.insert(&dependency.pkg) {
                open.push(&dependency.pkg);
            }
        }
    }
    seen.into_iter().map(|id| metadata[id].name.to_string()).collect()
}

#[test]
fn no_room_meets_what_it_must_never_know() {
    let metadata = metadata();
    for package in ours(&metadata) {
        let met = reachable(&metadata, &package.id);
        let never = NEVER.iter().find(|(name, _)| *name == package.name.as_str());
        for stranger in never.unwrap_or_else(|| panic!("{} has no line in NEVER", package.name)).1 {
            assert!(!met.contains(*stranger), "{} meets {stranger}", package.name);
        }
    }
}

#[test]
fn every_crate_takes_the_lints_of_the_workspace() {
    for package in metadata().workspace_packages() {
        let manifest = std::fs::read_to_string(&package.manifest_path).expect("the manifest is a file");
        assert!(manifest.contains("[lints]\nworkspace = true"), "{} has no lints", package.name);
    }
}
