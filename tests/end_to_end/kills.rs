//! `kill -9` of studio or worker at any moment of import, training and generation: the library opens, no row is half-written, training
//! goes on from its checkpoint, nothing is lost.

use std::process::Child;
use std::time::{Duration, Instant};

use atelier_tests::library::{Contents, assert_whole};
use atelier_tests::processes::{children, kill};
use atelier_tests::{Home, workspace};

/// Kills in all, over the three kinds of work.
const KILLS: u32 = 50;
/// Longest time that any single command may take.
const DEADLINE: Duration = Duration::from_secs(600);
const STEPS: u32 = 60;

/// Different moments in every run of the tests, since the machine never takes the same time twice; spread over `0..most`.
fn moment(kill: u32, most: Duration) -> Duration {
    most * (kill.wrapping_mul(2_654_435_761) >> 16) / (1 << 16)
}

/// The worker that a studio started, if it has by now.
fn worker_of(studio: &Child) -> Option<u32> {
    children(studio.id(), "atelier-worker").first().copied()
}

/// Kills the studio, or its worker after which the studio is left to finish.
fn strike(mut studio: Child, after: Duration, at_worker: bool) {
    std::thread::sleep(after);
    match at_worker.then(|| worker_of(&studio)).flatten() {
        Some(worker) => {
            kill(worker, "KILL");
            let began = Instant::now();
            while studio.try_wait().expect("a child").is_none() {
                assert!(
                    began.elapsed() < DEADLINE,
                    "the studio does not get over the death of its worker"
                );
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        None => {
            studio.kill().expect("it is ours");
            studio.wait().expect("a child");
        }
    }
}

fn artist() -> String {
    workspace().join("models/samples/warm-etching").display().to_string()
}

/// An import that was killed and is then repeated has every artwork once.
async fn kill_an_import(home: &Home, number: u32) {
    let style = format!("import-{number}");
    home.run_with(["style", "new", &style]).ok();
    let import = format!("artwork import {} --style {style}", artist());
    strike(home.start(&import), moment(number, Duration::from_millis(900)), false);
    assert_whole(&home.data()).await;
    home.run(&import).ok();
    let listed = home.run(&format!("artwork list --style {style} --json")).ok().json();
    let names: std::collections::BTreeSet<_> = listed
        .as_array()
        .expect("a list")
        .iter()
        .map(|artwork| artwork["file_name"].to_string())
        .collect();
    assert_eq!(names.len(), 16);
    assert_eq!(listed.as_array().map(Vec::len), Some(16));
}

/// Goes on with the training, or begins anew when the last one came to its end; returns the step that was reached.
async fn kill_a_training(home: &Home, number: u32) {
    let status = home.run("style show subject --json").ok().json();
    let goes_on = status["training_status"] == "training";
    let resume = if goes_on { " --resume" } else { "" };
    let train = format!("style train subject --preset quick --steps {STEPS}{resume}");
    strike(
        home.start(&train),
        moment(number, Duration::from_secs(5)),
        number % 4 == 1,
    );
    assert_whole(&home.data()).await;
}

async fn kill_a_generation(home: &Home, number: u32) {
    let before = Contents::open(&home.data()).await;
    let completed = "SELECT count(*) FROM generations WHERE status = 'completed'";
    let had = before.number(completed).await;
    let at_worker = number.is_multiple_of(2);
    let studio = home.start("generate --tags house,sea --steps 12 --count 3");
    strike(studio, moment(number, Duration::from_secs(3)), at_worker);
    assert_whole(&home.data()).await;
    assert!(
        Contents::open(&home.data()).await.number(completed).await >= had,
        "pictures were lost"
    );
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_kill_at_any_moment_loses_nothing() {
    let home = Home::new();
    home.run("style new subject").ok();
    home.run(&format!("artwork import {} --style subject", artist())).ok();
    for number in 0..KILLS {
        match number % 5 {
            0 | 3 => kill_an_import(&home, number).await,
            1 | 4 => kill_a_training(&home, number).await,
            _ => kill_a_generation(&home, number).await,
        }
    }
    // What was under way can be finished.
    let status = home.run("style show subject --json").ok().json();
    if status["training_status"] == "training" {
        home.run("style train subject --resume").ok();
    } else {
        home.run(&format!("style train subject --preset quick --steps {STEPS}"))
            .ok();
    }
    let style = home.run("style show subject --json").ok().json();
    assert_eq!(style["training_status"], "completed", "{style}");
    home.run("generate --style subject --tags house --steps 4").ok();
    let contents = Contents::open(&home.data()).await;
    let open = "SELECT count(*) FROM generations WHERE status IN ('processing','retrying','queued')";
    assert_eq!(contents.number(open).await, 0, "generations hang");
    assert_whole(&home.data()).await;
}

/// However often its worker dies, a training is paused at its checkpoint at worst.
#[cfg(target_os = "linux")]
#[test]
fn a_training_whose_worker_dies_again_and_again_rests_at_its_checkpoint() {
    let home = Home::new();
    home.run("style new subject").ok();
    home.run(&format!("artwork import {} --style subject", artist())).ok();
    let mut studio = home.start("style train subject --preset quick --steps 24");
    let began = Instant::now();
    let ended = loop {
        if let Some(status) = studio.try_wait().expect("a child") {
            break status;
        }
        assert!(began.elapsed() < DEADLINE, "the studio goes on for ever");
        let has_checkpoint = walk(&home.data().join("training"))
            .iter()
            .any(|file| is_checkpoint(file));
        if let (true, Some(worker)) = (has_checkpoint, worker_of(&studio)) {
            kill(worker, "KILL");
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    assert_eq!(ended.code(), Some(77), "the worker crashed");
    let rests = home.run("style show subject").ok().out;
    assert!(rests.contains("paused"), "{rests}");
    let trained = home.run("style train subject --resume --json").ok().json();
    assert!(trained["resumed_at"].as_u64() > Some(0), "{trained}");
}

fn is_checkpoint(file: &str) -> bool {
    file.contains("checkpoint") && !file.ends_with(".part")
}

/// Resumed after a kill, training goes on from the last checkpoint and says so.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_killed_training_goes_on_from_its_checkpoint() {
    let home = Home::new();
    home.run("style new subject").ok();
    home.run(&format!("artwork import {} --style subject", artist())).ok();
    let mut studio = home.start(&format!("style train subject --preset quick --steps {STEPS}"));
    let began = Instant::now();
    let checkpoints = || {
        let folder = home.data().join("training");
        walk(&folder).iter().filter(|file| is_checkpoint(file)).count()
    };
    while checkpoints() == 0 {
        assert!(
            began.elapsed() < DEADLINE,
            "no checkpoint: {:?}",
            walk(&home.data().join("training"))
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    studio.kill().expect("it is ours");
    studio.wait().expect("a child");
    let trained = home.run("style train subject --resume --json").ok().json();
    assert!(trained["resumed_at"].as_u64() > Some(0), "{trained}");
}

/// Names of all files below a folder.
fn walk(folder: &std::path::Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    paths
        .flat_map(|path| match path.is_dir() {
            true => walk(&path),
            false => vec![path.display().to_string()],
        })
        .collect()
}
