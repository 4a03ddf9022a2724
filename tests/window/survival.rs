//! What may happen to a studio while it works: it goes on, or says why not, and loses nothing.

use std::fs::File;
use std::io::Write;
use std::process::Command;

use atelier_tests::library::{Contents, assert_whole, set_dates_ahead};
use atelier_tests::pictures::patchwork;
use atelier_tests::processes::{is_alive, kill};
use atelier_tests::window::{JOB, SOON, within};
use atelier_tests::{Stage, Window, answer, display};

use crate::steps::{gallery_has, generate, go, library_of_an_artist, train_briefly};

const BEGUN: &str = "SELECT count(*) FROM generations WHERE generation_progress IS NOT NULL AND status = 'processing'";
const LEARNING: &str =
    "SELECT count(*) FROM styles WHERE training_status = 'training' AND json_extract(training_metric, '$.step') > 0";
const COMPLETED: &str = "SELECT count(*) FROM generations WHERE status = 'completed'";
const TRAINED: &str = "SELECT count(*) FROM styles WHERE training_status = 'completed'";

/// Ends the workers in the middle of what they do, and sees it told.
async fn kill_workers(stage: &Stage, window: &Window, begun: &'static str) {
    let contents = Contents::open(&stage.home.data()).await;
    let working = within(JOB, async || (contents.number(begun).await > 0).then_some(()));
    assert!(working.await.is_some(), "{begun} stays 0");
    for worker in window.workers() {
        kill(worker, "KILL");
    }
    window.find_text(SOON, "It was started again and goes on").await;
}

/// Waits until `sql` gives `expected`.
async fn comes_to(stage: &Stage, sql: &'static str, expected: i64) {
    let contents = Contents::open(&stage.home.data()).await;
    let reached = within(JOB, async || (contents.number(sql).await == expected).then_some(()));
    assert!(reached.await.is_some(), "{sql} gives {}", contents.number(sql).await);
}

#[tokio::test]
async fn a_killed_worker_is_told_of_and_replaced() {
    let stage = Stage::new();
    library_of_an_artist(&stage.home);
    let window = Window::open(&stage).await;
    generate(&window, 8).await;
    kill_workers(&stage, &window, BEGUN).await;
    comes_to(&stage, COMPLETED, 8).await;
    train_briefly(&window).await;
    kill_workers(&stage, &window, LEARNING).await;
    comes_to(&stage, TRAINED, 1).await;
    window.close(&stage).await;
    assert_whole(&stage.home.data()).await;
}

#[tokio::test]
async fn work_goes_on_after_the_next_start() {
    let stage = Stage::new();
    library_of_an_artist(&stage.home);
    let window = Window::open(&stage).await;
    generate(&window, 3).await;
    window.worker().await;
    window.close(&stage).await;
    let window = Window::open(&stage).await;
    comes_to(&stage, COMPLETED, 3).await;
    train_briefly(&window).await;
    window.worker().await;
    window.kill();
    let window = Window::open(&stage).await;
    comes_to(&stage, TRAINED, 1).await;
    window.close(&stage).await;
    assert_whole(&stage.home.data()).await;
}

#[tokio::test]
async fn a_full_disk_is_said_and_work_goes_on_when_there_is_room() {
    let stage = Stage::new().with_disk(64 << 20);
    let window = Window::open(&stage).await;
    let mut filler = File::create(window.data().join("filler")).expect("made");
    while filler.write_all(&[0; 4096]).is_ok() {}
    generate(&window, 1).await;
    window.find_text(SOON, "There is no room left").await;
    drop(filler);
    std::fs::remove_file(window.data().join("filler")).expect("removed");
    generate(&window, 1).await;
    gallery_has(&window, 1).await;
    // SQLite opens nothing below another process's root.
    let copy = stage.home.path("copy");
    answer(Command::new("cp").arg("-r").args([&window.data(), &copy])).ok();
    window.kill();
    assert_whole(&copy).await;
}

#[tokio::test]
async fn a_second_studio_raises_the_first() {
    let stage = Stage::new();
    let window = Window::open(&stage).await;
    display::take_focus_away(stage.display());
    let second = answer(&mut stage.program(&stage.application()));
    assert!(second.status.success(), "{second:?}");
    let raised = within(SOON, async || {
        display::has_focus(stage.display(), window.pid()).then_some(())
    });
    assert!(raised.await.is_some(), "the first window stays behind");
    window.close(&stage).await;
}

#[tokio::test]
async fn a_start_while_the_first_studio_closes_ends_in_a_window() {
    let stage = Stage::new();
    library_of_an_artist(&stage.home);
    let first = Window::open(&stage).await;
    train_briefly(&first).await;
    // A worker that does not answer keeps the first studio from ending at once.
    let (studio, worker) = (first.pid(), first.worker().await);
    kill(worker, "STOP");
    display::ask_to_close(stage.display(), studio);
    let second = Window::open(&stage).await;
    kill(worker, "CONT");
    go(&second, "artworks").await;
    second.find_within(JOB, "option", ".*castle.*").await;
    assert!(!is_alive(studio), "the first studio has ended");
    second.close(&stage).await;
    assert_whole(&stage.home.data()).await;
}

#[tokio::test]
async fn what_is_good_among_dropped_rubbish_is_taken() {
    let stage = Stage::new();
    let pictures = (0..450).map(|number| {
        let file = stage.home.path(&format!("{number}.png"));
        patchwork(number).save(&file).expect("written");
        file
    });
    let rubbish = (0..50).map(|number| {
        let file = stage.home.path(&format!("rubbish-{number}.jpg"));
        std::fs::write(&file, b"no picture").expect("written");
        file
    });
    let files: Vec<_> = pictures.chain(rubbish).collect();
    stage.home.run("style new patchwork").ok();
    let window = Window::open(&stage).await;
    go(&window, "artworks").await;
    display::drop_files(stage.display(), window.pid(), &files);
    comes_to(&stage, "SELECT count(*) FROM artworks", 450).await;
    window.find_text(JOB, "50 were not taken in").await;
    window.close(&stage).await;
    assert_whole(&stage.home.data()).await;
}

/// What a clock that was set back leaves: rows from tomorrow.
#[tokio::test]
async fn a_clock_set_back_changes_nothing() {
    let stage = Stage::new();
    library_of_an_artist(&stage.home);
    stage.home.run("generate --tags house --steps 4 --count 2").ok();
    set_dates_ahead(&stage.home.data()).await;
    let window = Window::open(&stage).await;
    generate(&window, 1).await;
    comes_to(&stage, COMPLETED, 3).await;
    go(&window, "gallery").await;
    window.find("option", ".*").await;
    window.close(&stage).await;
}

#[tokio::test]
async fn a_display_with_small_pixels_shows_all_of_it() {
    let stage = Stage::new().with("GDK_SCALE", "2");
    library_of_an_artist(&stage.home);
    let window = Window::open(&stage).await;
    assert_eq!(window.run("return devicePixelRatio", Vec::new()).await, 2);
    for screen in crate::steps::SCREENS {
        go(&window, screen).await;
        let wider = window
            .run("return document.documentElement.scrollWidth - innerWidth", Vec::new())
            .await;
        assert_eq!(wider, 0, "{screen} is wider than the window");
        window.photograph(&format!("{}-200-percent", screen));
    }
    window.close(&stage).await;
}

#[tokio::test]
async fn a_data_folder_that_cannot_be_made_is_named_in_the_window() {
    let stage = Stage::new();
    std::fs::write(stage.home.data(), "a file where the data folder should be").expect("written");
    let window = Window::open(&stage).await;
    window.find_text(SOON, "data is there already and was left alone").await;
    std::fs::remove_file(stage.home.data()).expect("removed");
    window.click("button", "Try again").await;
    window.find_text(SOON, "What this machine can do").await;
    window.close(&stage).await;
}
