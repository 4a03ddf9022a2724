//! Pictures go to other programs.

use atelier_tests::window::{Key, SOON};
use atelier_tests::{Stage, Window, display};

use crate::steps::go;

#[tokio::test]
async fn a_picture_is_dragged_onto_another_window() {
    let stage = Stage::new();
    stage.home.run("generate --tags house --steps 4").ok();
    let window = Window::open(&stage).await;
    go(&window, "gallery").await;
    window.begin_to_drag("option", ".+").await;
    let uris = display::catch_dragged(stage.display());
    assert_eq!(uris.len(), 1, "{uris:?}");
    let file = uris[0].strip_prefix("file://").expect("a file of this machine");
    let told = stage.home.run_with(["inspect", file, "--json"]).ok().json();
    assert_eq!(told["pixels_intact"], true, "{told}");
    window.close(&stage).await;
}

#[tokio::test]
async fn all_that_is_chosen_is_dragged_onto_another_window() {
    let stage = Stage::new();
    stage.home.run("generate --tags house --steps 4 --count 3").ok();
    let window = Window::open(&stage).await;
    go(&window, "gallery").await;
    window.click("option", ".+").await;
    window.press(&[Key::Control.into(), 'a']).await;
    window.find_text(SOON, "3 chosen").await;
    window.begin_to_drag("option", ".+").await;
    let uris = display::catch_dragged(stage.display());
    assert_eq!(uris.len(), 3, "{uris:?}");
    window.close(&stage).await;
}
