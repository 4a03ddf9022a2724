//! Writes what the page knows of the shell: `cargo run -p atelier-window --example bindings`.

use specta_typescript::Typescript;

const FILE: &str = "/root/h3/bindings.ts";

fn main() -> anyhow::Result<()> {
    Ok(atelier_window::bindings().export(Typescript::default(), FILE)?)
}
