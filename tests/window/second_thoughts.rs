//! What a person thinks better of: done on one screen, seen on the others, and taken back.

use atelier_tests::window::{Key, SOON};
use atelier_tests::{Stage, Window};

use crate::steps::{gallery_has, go, library_of_an_artist};

async fn take_back(window: &Window) {
    window.press(&[Key::Control.into(), 'z']).await;
}

#[tokio::test]
async fn a_picture_is_the_same_on_every_screen() {
    let stage = Stage::new();
    library_of_an_artist(&stage.home);
    stage.home.run("generate --tags cat,beach --seed 11 --count 2").ok();
    let window = Window::open(&stage).await;
    gallery_has(&window, 2).await;
    // Rated and removed on the easel: the gallery, which has been seen, knows.
    go(&window, "generate").await;
    window.click("button", "cat, beach, seed 11").await;
    window.click("radio", "4 stars").await;
    go(&window, "gallery").await;
    window.find("option", "cat, beach, 4 stars").await;
    go(&window, "generate").await;
    window.click("button", "cat, beach, seed 12").await;
    window.click("button", "Remove").await;
    gallery_has(&window, 1).await;
    take_back(&window).await;
    gallery_has(&window, 2).await;
    // Removed in the gallery: the easel knows, and gets it back.
    window.click("option", "cat, beach.*").await;
    window.press(&[Key::Delete.into()]).await;
    gallery_has(&window, 1).await;
    go(&window, "generate").await;
    window.find("button", "cat, beach, seed 11").await;
    window.gone(SOON, "button", "cat, beach, seed 12").await;
    take_back(&window).await;
    window.find("button", "cat, beach, seed 12").await;
    window.close(&stage).await;
}

#[tokio::test]
async fn a_removed_style_makes_room_for_the_next_and_comes_back() {
    let stage = Stage::new();
    library_of_an_artist(&stage.home);
    stage.home.run("style new other-look").ok();
    let window = Window::open(&stage).await;
    go(&window, "artworks").await;
    window.click("button|combobox", "Style.*").await;
    window.click("option", "neon-night.*").await;
    window.find("option", ".*castle.*").await;
    window.click("button", "More about this style").await;
    window.click("menuitem", "Remove this style").await;
    window.find("heading", "other-look has no artworks yet").await;
    window.click("button", "More about this style").await;
    window.click("menuitem", "Recently removed styles").await;
    window.find_text(SOON, "16 artworks · not trained yet").await;
    window.click("button", "Bring back neon-night").await;
    window.find("option", ".*castle.*").await;
    window.close(&stage).await;
}
