//! Prepares what the window is built with. A tree whose page was not built yet gets one that says so, for the tests that need no page.

use std::path::Path;
use std::{fs, io};

const PAGE: &str = "../ui/dist";
const NOT_BUILT: &str =
    "<!doctype html><title>Atelier</title><p>This page is not built: <code>npm --prefix ui run build</code>\n";

fn main() -> io::Result<()> {
    let index = Path::new(PAGE).join("index.html");
    if !index.exists() {
        fs::create_dir_all(PAGE)?;
        fs::write(index, NOT_BUILT)?;
    }
    println!("cargo:rerun-if-changed={PAGE}");
    tauri_build::build();
    Ok(())
}
