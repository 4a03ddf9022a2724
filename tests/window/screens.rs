//! Every screen in both themes and both languages: a picture of each for people to look at, and axe-core finds nothing that hinders anybody.

use atelier_tests::window::{Key, SOON};
use atelier_tests::{Stage, Window};

use crate::steps::{SCREENS, go, library_of_an_artist, look_like};

/// Photographs what is to be seen; gives what axe-core says against it.
async fn look_over(window: &Window, name: &str) -> Vec<String> {
    window.settle().await;
    window.photograph(name);
    let found = window.axe().await.into_iter();
    found.map(|line| format!("{name}: {line}")).collect()
}

/// Every screen, in this language and theme.
async fn look_over_screens(window: &Window, prefix: &str, language: &str, theme: &str) -> Vec<String> {
    look_like(window, language, theme).await;
    let mut broken = Vec::new();
    for screen in SCREENS {
        go(window, screen).await;
        broken.extend(look_over(window, &format!("{prefix}{screen}-{theme}-{language}")).await);
    }
    broken
}

#[tokio::test]
async fn every_screen_can_be_used_by_everybody() {
    let stage = Stage::new();
    library_of_an_artist(&stage.home);
    let home = &stage.home;
    home.run("style train neon-night --preset quick").ok();
    home.run("generate --style neon-night --tags lighthouse,sea,dusk --seed 7 --count 6")
        .ok();
    home.run("generate --tags cat,beach,noon --seed 11 --count 6").ok();
    let window = Window::open(&stage).await;
    let mut broken = Vec::new();
    for (language, theme) in [("en", "light"), ("en", "dark"), ("ko", "light"), ("ko", "dark")] {
        broken.extend(look_over_screens(&window, "", language, theme).await);
    }
    window.close(&stage).await;
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[tokio::test]
async fn what_lies_over_the_screens_can_be_used_by_everybody() {
    let stage = Stage::new();
    library_of_an_artist(&stage.home);
    stage
        .home
        .run("generate --tags cat,beach,noon --seed 11 --count 2")
        .ok();
    let window = Window::open(&stage).await;
    look_like(&window, "en", "dark").await;
    let broken = look_over_dialogs(&window).await;
    window.close(&stage).await;
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

async fn look_over_dialogs(window: &Window) -> Vec<String> {
    let mut broken = Vec::new();
    let leave = async || {
        window.press(&[Key::Escape.into()]).await;
        window.gone(SOON, "dialog", ".*").await;
    };
    go(window, "artworks").await;
    window.click("button", "New style").await;
    window.find("dialog", "New style").await;
    broken.extend(look_over(window, "dialog-new-style").await);
    leave().await;
    window.click("button", "More about this style").await;
    window.click("menuitem", "Recently removed styles").await;
    window.find("dialog", "Recently removed styles").await;
    broken.extend(look_over(window, "dialog-removed-styles").await);
    leave().await;
    window.click("option", ".*castle.*").await;
    window.press(&['c']).await;
    window.find("dialog", ".*").await;
    broken.extend(look_over(window, "dialog-crop").await);
    leave().await;
    window.click("radio|tab|button", "What training sees").await;
    broken.extend(look_over(window, "artworks-report").await);
    go(window, "gallery").await;
    window.click("option", ".+").await;
    window.press(&[Key::Enter.into()]).await;
    window.find("dialog", ".*").await;
    broken.extend(look_over(window, "dialog-picture").await);
    leave().await;
    window.press(&[Key::Control.into(), 'a']).await;
    window.click("button", "Export").await;
    window.find("dialog", "Export .*").await;
    broken.extend(look_over(window, "dialog-export").await);
    leave().await;
    window.press(&[Key::Control.into(), 'k']).await;
    window.find("dialog", ".*").await;
    broken.extend(look_over(window, "palette").await);
    leave().await;
    broken
}

#[tokio::test]
async fn an_empty_studio_can_be_used_by_everybody() {
    let stage = Stage::new();
    let window = Window::open(&stage).await;
    let mut broken = look_over_screens(&window, "empty-", "en", "light").await;
    broken.extend(look_over_screens(&window, "empty-", "ko", "dark").await);
    window.close(&stage).await;
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}
