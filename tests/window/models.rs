//! Base models come over the wire, are checked and go again; what is no model is told so.

use std::os::unix::fs::symlink;

use atelier_tests::model_server::ModelServer;
use atelier_tests::window::{Key, SOON};
use atelier_tests::{Stage, Window, workspace};

use crate::steps::go;

/// Bytes that arrive before the wire falls silent.
const PART: usize = 1 << 20;

/// A stage whose studio can download one model, and where from.
fn stage_with_a_model_to_get() -> (Stage, ModelServer) {
    let (stage, server) = (Stage::new(), ModelServer::new());
    let resources = stage.home.path("resources");
    server.manifest_in(&resources);
    for shipped in ["samples", "starter", "starter-words.txt"] {
        symlink(workspace().join("models").join(shipped), resources.join(shipped)).expect("linked");
    }
    let stage = stage.with("ATELIER_RESOURCES", resources.to_str().expect("a plain path"));
    (stage, server)
}

#[tokio::test]
async fn a_download_is_stopped_outlives_a_restart_arrives_and_is_checked() {
    let (stage, server) = stage_with_a_model_to_get();
    server.fall_silent_after(PART);
    let window = Window::open(&stage).await;
    go(&window, "models").await;
    window.click("button", "Download small").await;
    window.find_text(SOON, "published under MIT OR Apache-2.0").await;
    window.click("button", "Agree and download").await;
    server.wait_for_silence();
    window.click("button", "Stop the download of small").await;
    window.find_text(SOON, "are here already").await;
    window.close(&stage).await;

    server.fall_silent_after(None);
    let window = Window::open(&stage).await;
    go(&window, "models").await;
    window.click("button", "Resume the download of small").await;
    window.find_text(SOON, "small is ready").await;
    let ranges = server.ranges();
    assert!(
        ranges.len() == 1 && ranges[0] != "0-",
        "it went on once, where it was: {ranges:?}"
    );
    window.click("button", "Check files of small").await;
    window.find_text(SOON, "Every file is what was published").await;
    window.photograph("models-downloaded");
    window.click("button", "Remove small").await;
    window.click("button", "Remove").await;
    window.find("button", "Download small").await;
    assert!(!stage.home.data().join("models/small").exists());
    window.close(&stage).await;
}

#[tokio::test]
async fn what_is_no_model_is_told_so_and_nothing_of_it_kept() {
    let stage = Stage::new();
    let rubbish = stage.home.path("rubbish.safetensors");
    std::fs::write(&rubbish, b"no weights").expect("written");
    let window = Window::open(&stage).await;
    go(&window, "models").await;
    window
        .fill("textbox", "File or folder", rubbish.to_str().expect("a plain path"))
        .await;
    window.press(&[Key::Tab.into()]).await;
    window.click("button", "Import").await;
    window.find_text(SOON, "it is damaged or not a safetensors file").await;
    let kept = std::fs::read_dir(stage.home.data().join("models")).map_or(0, Iterator::count);
    assert_eq!(kept, 0, "something of it was kept");
    window.close(&stage).await;
}
