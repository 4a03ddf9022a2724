//! Writes what the page knows of the shell: `cargo run -p atelier-window --example bindings`.

use specta_typescript::Typescript;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../ui/src/lib/bindings.ts");

fn main() -> anyhow::Result<()> {
    Ok(atelier_window::bindings().export(Typescript::default(), FILE)?)
}
