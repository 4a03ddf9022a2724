//! The main job: a folder of artworks in, pictures in their style out, signed, and all still there after a restart.

use std::path::{Path, PathBuf};

use atelier_tests::library::{Contents, assert_whole};
use atelier_tests::pictures::patchwork;
use atelier_tests::window::{JOB, Key, SOON};
use atelier_tests::{Home, Stage, Window, workspace};

use crate::steps::{ARTIST, gallery_has, generate, go, import, train};

/// A folder with the sample artist's artworks and the first of them once more under another name, a little darker.
fn folder_with_a_double(home: &Home) -> PathBuf {
    let (samples, folder) = (workspace().join("models/samples").join(ARTIST), home.path(ARTIST));
    std::fs::create_dir(&folder).expect("made");
    for file in std::fs::read_dir(samples).expect("the samples are there") {
        let file = file.expect("a file").path();
        std::fs::copy(&file, folder.join(file.file_name().expect("a name"))).expect("copied");
    }
    let first = image::open(folder.join("01-castle.jpg")).expect("a picture");
    first.brighten(-3).save(folder.join("double.png")).expect("written");
    folder
}

/// A signature as people upload it.
fn signature(home: &Home) -> PathBuf {
    let file = home.path("signature.png");
    patchwork(1).save(&file).expect("written");
    file
}

/// The exported files, each of which tells its style, its signature, and that nobody changed it since.
fn assert_exported(home: &Home, folder: &Path, count: usize) {
    let files = std::fs::read_dir(folder).expect("the folder is made");
    let files: Vec<_> = files.map(|file| file.expect("a file").path()).collect();
    assert_eq!(files.len(), count, "{files:?}");
    for file in files {
        let file = file.to_str().expect("a plain path");
        let told = home.run_with(["inspect", file, "--json"]).ok().json();
        assert_eq!(told["pixels_intact"], true, "{told}");
        assert_eq!(told["provenance"]["styles"][0]["name"], ARTIST, "{told}");
        assert!(told["provenance"]["signature"].is_object(), "{told}");
    }
}

#[tokio::test]
async fn artworks_become_pictures_by_mouse() {
    let stage = Stage::new();
    let window = Window::open(&stage).await;
    go(&window, "artworks").await;
    window.click("button", "New style").await;
    window.fill("textbox", "Name", ARTIST).await;
    window.click("button", "Create style").await;
    window.find("heading", "neon-night has no artworks yet").await;
    import(&window, &folder_with_a_double(&stage.home)).await;
    // One artwork is there twice: the double goes.
    window.click("button", "Not valid 1").await;
    window.click("option", ".*double.*").await;
    window.click("button", "Remove it").await;
    window.find("button", "Not valid 0").await;
    window.click("button", "All 16").await;
    // Tags for all of them at once.
    window.click("option", ".*castle.*").await;
    window.press(&[Key::Control.into(), 'a']).await;
    window.fill("combobox", "Tags of all 16", "glow").await;
    window.press(&[Key::Enter.into()]).await;
    window.find("option", "16-rabbit.* glow").await;
    train(&window, "Quick").await;
    window.photograph("job-train");
    window.find_within(JOB, "link|button", "Use it in Generate").await;
    window.photograph("job-trained");
    window.click("link|button", "Use it in Generate").await;
    generate(&window, 4).await;
    gallery_has(&window, 4).await;
    window.photograph("job-gallery");
    let folder = stage.home.path("exported");
    go(&window, "settings").await;
    window
        .fill(
            "textbox",
            "Picture of your signature",
            signature(&stage.home).to_str().expect("a plain path"),
        )
        .await;
    window.press(&[Key::Enter.into()]).await;
    window.find("img", "Your signature").await;
    go(&window, "gallery").await;
    window.click("option", ".+").await;
    window.press(&[Key::Control.into(), 'a']).await;
    window.click("button", "Export").await;
    window.find("dialog", "Export 4 pictures").await;
    window
        .fill("textbox", "Folder", folder.to_str().expect("a plain path"))
        .await;
    window.click("button", "Export").await;
    window.find_text(SOON, "4 pictures are in .*").await;
    assert_exported(&stage.home, &folder, 4);
    window.close(&stage).await;
    assert_still_there(&stage).await;
}

/// The same without a mouse: what is done first is reached with Tab, what is done often has keys of its own.
#[tokio::test]
async fn artworks_become_pictures_by_keyboard() {
    let stage = Stage::new();
    let folder = folder_with_a_double(&stage.home);
    let window = Window::open(&stage).await;
    window.press(&[Key::Control.into(), '1']).await;
    window.tab_to("button", "New style").await;
    window.press(&[Key::Enter.into()]).await;
    window.find("textbox", "Name").await;
    window.type_text(ARTIST).await;
    window.press(&[Key::Enter.into()]).await;
    window.tab_to("textbox", "Folder or file to add").await;
    window.type_text(folder.to_str().expect("a plain path")).await;
    window.press(&[Key::Enter.into()]).await;
    window.tab_to("button", "Not valid 1").await;
    window.press(&[' ']).await;
    window.tab_to("listbox", "Artworks of .*").await;
    window.press(&[Key::Home.into()]).await;
    window.find("button", "Remove it").await;
    window.press(&[Key::Delete.into()]).await;
    window.tab_to("button", "All 16").await;
    window.press(&[' ']).await;
    window.tab_to("listbox", "Artworks of .*").await;
    window.press(&[Key::Control.into(), 'a']).await;
    window.press(&['t']).await;
    window.type_text("glow").await;
    window.press(&[Key::Enter.into()]).await;
    window.find("option", "16-rabbit.* glow").await;
    window.press(&[Key::Control.into(), '2']).await;
    window.tab_to("radio", "Quick|Balanced|Thorough").await;
    for _ in ["Thorough", "Balanced"] {
        if !window.is_on("radio", "Quick").await {
            window.press(&[Key::Up.into()]).await;
        }
    }
    window.press(&[Key::Control.into(), Key::Enter.into()]).await;
    window.find_within(JOB, "link|button", "Use it in Generate").await;
    window.tab_to("link|button", "Use it in Generate").await;
    window.press(&[Key::Enter.into()]).await;
    window.tab_to("combobox", "Tags").await;
    window.type_text("house").await;
    window.press(&[Key::Enter.into()]).await;
    window.press(&[Key::Control.into(), Key::Enter.into()]).await;
    window.press(&[Key::Control.into(), '4']).await;
    window.find_text(JOB, "4 pictures").await;
    window.press(&[Key::Control.into(), ',']).await;
    window.tab_to("textbox", "Picture of your signature").await;
    let signature = signature(&stage.home);
    window.type_text(signature.to_str().expect("a plain path")).await;
    window.press(&[Key::Enter.into()]).await;
    window.find("img", "Your signature").await;
    window.press(&[Key::Control.into(), '4']).await;
    window.tab_to("listbox", ".*").await;
    window.press(&[Key::Control.into(), 'a']).await;
    window.press(&[Key::Control.into(), 'e']).await;
    window.tab_to("textbox", "Folder").await;
    let exported = stage.home.path("exported");
    window.type_text(exported.to_str().expect("a plain path")).await;
    window.tab_to("button", "Export").await;
    window.press(&[Key::Enter.into()]).await;
    window.find_text(SOON, "4 pictures are in .*").await;
    assert_exported(&stage.home, &exported, 4);
    window.close(&stage).await;
    assert_still_there(&stage).await;
}

/// What the next start finds.
async fn assert_still_there(stage: &Stage) {
    let window = Window::open(stage).await;
    gallery_has(&window, 4).await;
    go(&window, "artworks").await;
    window.find("option", ".*castle.*").await;
    assert_eq!(window.look("option", ".*\\.jpg.*").await.len(), 16);
    window.close(stage).await;
    assert_whole(&stage.home.data()).await;
    let contents = Contents::open(&stage.home.data()).await;
    assert_eq!(
        contents.column("SELECT training_status FROM styles").await,
        ["completed"]
    );
}
