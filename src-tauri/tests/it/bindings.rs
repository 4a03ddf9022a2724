//! What the page knows of the shell is what the shell is.

use specta_typescript::Typescript;

#[test]
fn the_page_knows_every_command_event_and_type() {
    let folder = tempfile::tempdir().expect("a folder of its own");
    let file = folder.path().join("bindings.ts");
    atelier_window::bindings()
        .export(Typescript::default(), &file)
        .expect("every type has a form in TypeScript");
    let generated = std::fs::read_to_string(file).expect("just written");
    let committed = include_str!("../../../ui/src/lib/bindings.ts");
    assert!(
        generated == committed,
        "ui/src/lib/bindings.ts is of other commands: cargo run -p atelier-window --example bindings"
    );
}
