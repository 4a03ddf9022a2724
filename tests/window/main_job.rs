//! The main job: a folder of artworks in, pictures in their style out, and all still there after a restart.

use atelier_tests::{Stage, Window};

#[tokio::test]
async fn the_window_opens_and_closes() {
    let stage = Stage::new();
    let window = Window::open(&stage).await;
    window.close(&stage).await;
}
