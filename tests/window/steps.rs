//! What a person does on each screen, in the words of the screen.

use std::path::Path;

use atelier_tests::window::{JOB, Key};
use atelier_tests::{Home, Window, Words, workspace};

/// In the order of the navigation.
pub(crate) const SCREENS: [&str; 7] = [
    "artworks", "train", "generate", "gallery", "welcome", "models", "settings",
];
/// The sample artist whose look is learnt fastest.
pub(crate) const ARTIST: &str = "neon-night";

/// Goes to a screen by its address, as the navigation does, in whatever language.
pub(crate) async fn go(window: &Window, screen: &str) {
    window
        .run("location.hash = `#/${arguments[0]}`", vec![screen.into()])
        .await;
    window.settle().await;
}

/// Chooses a language and a theme in the settings.
pub(crate) async fn look_like(window: &Window, language: &str, theme: &str) {
    go(window, "settings").await;
    let name = match language {
        "ko" => "한국어",
        _ => "English",
    };
    window.click("radio", name).await;
    window
        .click("radio", Words::of(language).say(&format!("settings.theme.{theme}")))
        .await;
}

/// Puts a style with the sample artist's artworks into the library of `home`.
pub(crate) fn library_of_an_artist(home: &Home) {
    let artworks = workspace().join("models/samples").join(ARTIST);
    home.run(&format!("style new {ARTIST}")).ok();
    home.run(&format!("artwork import {} --style {ARTIST}", artworks.display()))
        .ok();
}

/// Adds a folder to the style that is chosen.
pub(crate) async fn import(window: &Window, folder: &Path) {
    go(window, "artworks").await;
    window
        .fill(
            "textbox",
            "Folder or file to add",
            folder.to_str().expect("a plain path"),
        )
        .await;
    window.press(&[Key::Enter.into()]).await;
}

/// Starts a training of the style that is chosen.
pub(crate) async fn train(window: &Window, preset: &str) {
    go(window, "train").await;
    window.click("radio", preset).await;
    begin_to_train(window).await;
}

/// Starts one that is shorter than any preset and still long enough to be interrupted.
pub(crate) async fn train_briefly(window: &Window) {
    go(window, "train").await;
    // What unfolds a part of a page has no role that it could be found by.
    let unfold = "document.querySelector('main details').open = true";
    window.run(unfold, Vec::new()).await;
    window.fill("spinbutton", "Steps", "60").await;
    window.press(&[Key::Tab.into()]).await;
    begin_to_train(window).await;
}

async fn begin_to_train(window: &Window) {
    window.click("button", "Train").await;
    window.find("progressbar", "Training").await;
}

/// Asks for `count` pictures of a house.
pub(crate) async fn generate(window: &Window, count: u32) {
    go(window, "generate").await;
    window.fill("spinbutton", "Pictures", &count.to_string()).await;
    if window.look("button", "house, .* of .*").await.is_empty() {
        window.fill("combobox", "Tags", "house").await;
        window.press(&[Key::Enter.into()]).await;
    }
    window.click("button", "Generate").await;
}

/// Waits until the gallery shows `count` pictures.
pub(crate) async fn gallery_has(window: &Window, count: u32) {
    go(window, "gallery").await;
    let found = match count {
        1 => "1 picture".to_owned(),
        _ => format!("{count} pictures"),
    };
    window.find_text(JOB, &found).await;
}
