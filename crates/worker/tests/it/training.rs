//! Trainings through the protocol: previews, pause, resumption, cancelling, preflight.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use atelier_worker_protocol::client::Worker;
use atelier_worker_protocol::{
    Event, Failure, JobId, Outcome, Phase, Preflight, PreflightProblem, Task, Train, TrainSettings, TrainingPicture,
};
use image::{Rgb, RgbImage};

use crate::work::{end, event, failure, golden, worker};

/// More steps than any test waits for.
const ENDLESS: u32 = 100_000;

/// A training on four striped pictures in `folder`.
fn training(folder: &Path, steps: u32) -> Train {
    let pictures = (0..4u32).map(|i| {
        let path = folder.join(format!("{i}.png"));
        let stripes = RgbImage::from_fn(64, 64, |x, y| Rgb([(x * 4) as u8, (y * 4) as u8, (i * 60) as u8]));
        stripes.save(&path).expect("written");
        TrainingPicture {
            path,
            crop: None,
            quarter_turns: 0,
            tags: vec!["stripes".into()],
        }
    });
    Train {
        model: golden("sd15-tiny"),
        dtype: None,
        trigger: "striped".into(),
        pictures: pictures.collect(),
        folder: folder.to_owned(),
        output: folder.join("style.safetensors"),
        metadata: BTreeMap::new(),
        resume: true,
        memory_available_bytes: None,
        settings: TrainSettings {
            steps,
            rank: 2,
            alpha: 2.0,
            learning_rate: 1e-3,
            warmup_steps: 1,
            weight_decay: 0.01,
            batch: 1,
            accumulation: 1,
            min_snr_gamma: None,
            caption_dropout: 0.0,
            feed_forward: false,
            convolutions: false,
            text_encoder: false,
            flip: false,
            resolution: 64,
            recompute: None,
            checkpoint_every: 0,
            sample_every: 0,
            samples: vec![("stripes".into(), 3)],
            seed: 5,
        },
    }
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

/// Starts a training and waits until it learns.
async fn learning(worker: &mut Worker, task: Train) -> JobId {
    let job = worker.run(Task::Train(task)).await.expect("it takes a task");
    loop {
        match event(worker).await {
            Event::Progress { progress, .. } if progress.phase == Phase::Training => {
                assert!(progress.loss.is_some_and(f64::is_finite) && progress.seconds_left.is_some());
                return job;
            }
            Event::Started { .. } | Event::Progress { .. } => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_style_is_trained_shown_on_the_way_and_fits_its_model() {
    let (folder, mut worker) = (folder(), worker().await);
    let mut task = training(folder.path(), 4);
    (task.settings.sample_every, task.settings.checkpoint_every) = (2, 2);
    let job = worker.run(Task::Train(task.clone())).await.expect("it takes a task");
    let mut shown = Vec::new();
    let trained = loop {
        match event(&mut worker).await {
            Event::Preview { preview, .. } => shown.push((preview.step, preview.pixels.width)),
            Event::Done { job: ended, outcome } if ended == job => break outcome,
            Event::Started { .. } | Event::Progress { .. } => {}
            other => panic!("{other:?}"),
        }
    };
    let Outcome::Trained(trained) = trained else {
        panic!("{trained:?}")
    };
    assert_eq!(shown, [(0, 64), (2, 64), (4, 64)]);
    assert_eq!((trained.steps, trained.resumed_at), (4, None));
    assert!(trained.final_loss.is_finite() && trained.peak_memory_bytes > 1 << 20);
    let check = Task::CheckLora {
        model: task.model,
        lora: task.output,
    };
    let job = worker.run(check).await.expect("it takes a task");
    let Ok(Outcome::Checked(receipt)) = end(&mut worker, job).await.0 else {
        panic!("it fits")
    };
    assert_eq!(
        (receipt.layers_matched, receipt.layers),
        (trained.health.layers, trained.health.layers)
    );
}

#[tokio::test]
async fn a_cancelled_training_ends_within_a_second_and_leaves_no_style() {
    let (folder, mut worker) = (folder(), worker().await);
    let task = training(folder.path(), ENDLESS);
    let output = task.output.clone();
    let job = learning(&mut worker, task).await;
    worker.cancel(job, false).await.expect("it listens");
    let ended = tokio::time::timeout(Duration::from_secs(1), end(&mut worker, job)).await;
    assert!(matches!(ended.expect("it ends within a second").0, Err(None)));
    assert!(!output.exists());
}

#[tokio::test]
async fn a_paused_training_goes_on_from_its_checkpoint() {
    let (folder, mut worker) = (folder(), worker().await);
    // The hash of a training covers its steps: both runs want the same number, which the second one makes to the end.
    let task = training(folder.path(), 40);
    let job = learning(&mut worker, task.clone()).await;
    worker.cancel(job, true).await.expect("it listens");
    let paused = end(&mut worker, job).await.0;
    assert!(matches!(paused, Err(None)), "{paused:?}");
    let job = worker.run(Task::Train(task)).await.expect("it takes a task");
    let Ok(Outcome::Trained(trained)) = end(&mut worker, job).await.0 else {
        panic!("it goes on")
    };
    assert!(
        trained.resumed_at.is_some_and(|step| (1..40).contains(&step)),
        "{trained:?}"
    );
}

#[tokio::test]
async fn a_pause_of_what_has_nothing_to_keep_is_an_end() {
    let mut worker = worker().await;
    let task = Task::Generate(crate::work::generate(900));
    let job = worker.run(task).await.expect("it takes a task");
    event(&mut worker).await;
    worker.cancel(job, true).await.expect("it listens");
    let ended = tokio::time::timeout(Duration::from_secs(1), end(&mut worker, job)).await;
    assert!(matches!(ended.expect("it ends within a second").0, Err(None)));
}

async fn preflight(worker: &mut Worker, task: Train) -> Preflight {
    let job = worker.run(Task::Preflight(task)).await.expect("it takes a task");
    let Ok(Outcome::Preflight(told)) = end(worker, job).await.0 else {
        panic!("it tells")
    };
    told
}

#[tokio::test]
async fn the_memory_that_a_training_will_find_is_taken_from_who_knows_it() {
    let (folder, mut worker) = (folder(), worker().await);
    let mut task = training(folder.path(), 4);
    for (bytes, is_short) in [(1 << 20, true), (1 << 40, false)] {
        task.memory_available_bytes = Some(bytes);
        let told = preflight(&mut worker, task.clone()).await;
        assert_eq!(told.memory_available_bytes, Some(bytes));
        let short = |problem: &PreflightProblem| matches!(problem, PreflightProblem::Memory { .. });
        assert_eq!(told.problems.iter().any(short), is_short);
    }
}

#[tokio::test]
async fn preflight_tells_what_training_would_need() {
    let (folder, mut worker) = (folder(), worker().await);
    let told = preflight(&mut worker, training(folder.path(), 4)).await;
    assert!(told.memory_bytes > 0 && told.memory_available_bytes > Some(0) && told.adapters > 0);
    assert_eq!(told.buckets, [(64, 64, 4)]);
}

#[tokio::test]
async fn a_training_that_cannot_be_is_refused() {
    let (folder, mut worker) = (folder(), worker().await);
    let mut none = training(folder.path(), 4);
    none.settings.rank = 0;
    let said = failure(&mut worker, Task::Train(none)).await;
    assert!(matches!(said, Failure::RequestInvalid { .. }), "{said:?}");
    let mut gone = training(folder.path(), 4);
    gone.pictures[0].path = folder.path().join("gone.png");
    let said = failure(&mut worker, Task::Train(gone)).await;
    assert!(matches!(said, Failure::FileMissing { .. }), "{said:?}");
}
