//! Every screen in both themes and both languages: a picture of each for people to look at, and axe-core finds nothing that hinders anybody.

use atelier_tests::{Stage, Window};

use crate::steps::{SCREENS, go, library_of_an_artist, look_like};

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
    for language in ["en", "ko"] {
        for theme in ["light", "dark"] {
            look_like(&window, language, theme).await;
            for screen in SCREENS {
                go(&window, screen).await;
                window.settle().await;
                let name = format!("{screen}-{theme}-{language}");
                window.photograph(&name);
                broken.extend(window.axe().await.into_iter().map(|line| format!("{name}: {line}")));
            }
        }
    }
    window.close(&stage).await;
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}
