//! How fast and how large the window is. By hand, on a machine that does nothing else:
//! `cargo build --release -p atelier-cli -p atelier-worker && ui/node_modules/.bin/tauri build --no-bundle`, then
//! `cargo bench -p atelier-tests --bench window`.

#![expect(clippy::print_stdout, reason = "it prints what it measured")]

use std::process::{Command, Stdio};
use std::time::Duration;

use atelier_tests::processes::{Group, memory_bytes, started_at_ms};
use atelier_tests::{Stage, Window, answer, library, workspace};
use serde_json::{Value, json};

/// Starts that are measured, after one that is not.
const STARTS: usize = 10;
/// After which a started studio has nothing more to do.
const AT_REST: Duration = Duration::from_secs(6);
const PICTURES: u32 = 100_000;
/// Pictures that are really made; the rest are rows like theirs.
const MADE: u32 = 24;

#[tokio::main]
async fn main() {
    println!("| what | measured | at most |\n|---|---|---|");
    row("page, gzipped", &kilobytes(page_bytes()), "400 kB");
    let stage = stage();
    start(&stage).await;
    memory(&stage).await;
    drop(stage);
    let stage = stage_with_gallery().await;
    gallery(&stage).await;
}

fn row(what: &str, measured: &str, most: &str) {
    println!("| {what} | {measured} | {most} |");
}

fn kilobytes(bytes: u64) -> String {
    format!("{} kB", bytes / 1000)
}

fn milliseconds(number: f64) -> String {
    format!("{number:.0} ms")
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

/// A stage for the release build, beside whose program its worker lies.
fn stage() -> Stage {
    Stage::new().playing(workspace().join("target/release/atelier-window"))
}

/// All that the page loads, each file as a server would send it.
fn page_bytes() -> u64 {
    let files = answer(
        Command::new("find")
            .arg(workspace().join("ui/dist"))
            .args(["-type", "f"]),
    )
    .ok();
    let packed = |file: &str| {
        let gzip = Command::new("gzip")
            .args(["-9", "-c", file])
            .output()
            .expect("gzip runs");
        gzip.stdout.len() as u64
    };
    files.out.lines().map(packed).sum()
}

/// From the start of the program until the page shows the studio's facts.
async fn start(stage: &Stage) {
    let mut starts = Vec::new();
    for _ in 0..=STARTS {
        let window = Window::open(stage).await;
        let shown = measure(&window, include_str!("window/interactive.js"), Vec::new()).await;
        starts.push(shown - started_at_ms(window.pid()));
        window.close(stage).await;
    }
    let longest = starts[1..].iter().copied().fold(0.0, f64::max);
    let shown = format!(
        "{}, longest {}",
        milliseconds(median(starts.split_off(1))),
        milliseconds(longest)
    );
    row(&format!("start to interactive, median of {STARTS}"), &shown, "1000 ms");
}

/// What the studio takes that a person starts, with nobody driving it.
async fn memory(stage: &Stage) {
    let mut studio = Group::start(stage.program(&stage.application()).stderr(Stdio::null()));
    tokio::time::sleep(AT_REST).await;
    let bytes = memory_bytes(studio.leader().id(), "atelier-worker");
    row(
        "memory of shell and page without worker (PSS)",
        &kilobytes(bytes),
        "300 MB",
    );
}

async fn stage_with_gallery() -> Stage {
    let stage = stage();
    let make = format!(
        "generate --tags lighthouse,sea,dusk --steps 8 --seed 1 --count {}",
        MADE / 2
    );
    stage.home.run(&make).ok();
    stage
        .home
        .run(&make.replace("lighthouse,sea,dusk", "cat,beach,noon"))
        .ok();
    library::multiply_generations(&stage.home.data(), PICTURES).await;
    stage
}

async fn gallery(stage: &Stage) {
    let window = Window::open(stage).await;
    let first = measure(&window, include_str!("window/first_page.js"), Vec::new()).await;
    row(
        &format!("gallery of {PICTURES}: first page with its pictures"),
        &milliseconds(first),
        "200 ms",
    );
    let gap = measure(&window, include_str!("window/scroll.js"), vec![json!(false)]).await;
    row("longest wait while scrolling for 10 s", &milliseconds(gap), "50 ms");
    let gap = measure(&window, include_str!("window/scroll.js"), vec![json!(true)]).await;
    row("longest wait while jumping about for 10 s", &milliseconds(gap), "50 ms");
    for text in ["dusk", "cat beach", "nothing of the kind"] {
        let took = measure(&window, include_str!("window/search.js"), vec![json!(text)]).await;
        row(&format!("search for “{text}”"), &milliseconds(took), "100 ms");
    }
    row(
        "memory after that, driven (PSS)",
        &kilobytes(memory_bytes(window.pid(), "atelier-worker")),
        "–",
    );
    window.close(stage).await;
}

/// The number that a script answers with.
async fn measure(window: &Window, script: &str, arguments: Vec<Value>) -> f64 {
    let answer = window.client().execute_async(script, arguments).await;
    let answer = answer.unwrap_or_else(|error| panic!("{error} in {script}"));
    answer.as_f64().unwrap_or_else(|| panic!("{answer} from {script}"))
}
