//! Prepares what the window is built with.
fn main() {
    tauri_build::build();
}
