//! Workers that hang, fail or hold memory, and what the studio makes of them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use atelier_studio::contract::{JobId, JobStatus, Refusal, StyleId};
use atelier_studio::generations::{GenerationRequest, StyleUse};
use atelier_studio::protocol::{Failure, Phase, Request, Task};
use atelier_studio::training::{Preset, TrainRequest};
use atelier_studio::{Config, Event, Studio, Work, artworks, styles};
use tokio::sync::broadcast::Receiver;

use crate::actor::{Actor, fails, generated, measured, picture, works};
use crate::asked::{castle, wait};
use crate::pictures::png;

const CARD_BYTES: u64 = 24 << 30;

/// A studio whose worker is an actor.
struct House {
    folder: tempfile::TempDir,
    config: Config,
    actor: Actor,
    studio: Studio,
    events: Receiver<Event>,
}

impl House {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let programs = folder.path().join("programs");
        let actor = Actor::new(&programs, CARD_BYTES);
        let config = Config {
            programs,
            ..Config::new(Some(folder.path().join("data")), None, Path::new("atelier"))
        };
        let studio = Studio::open(config.clone()).await.unwrap();
        let events = studio.events();
        Self {
            folder,
            config,
            actor,
            studio,
            events,
        }
    }

    /// Puts a checkpoint into the folder of a training, of which the studio knows the name alone.
    fn checkpoint(&self, job: JobId) -> PathBuf {
        let file = self
            .config
            .data
            .join(format!("training/{job}/checkpoint-00000012.safetensors"));
        std::fs::write(&file, "a state").unwrap();
        file
    }

    async fn order(&self, styles: &[StyleUse]) -> JobId {
        let request = GenerationRequest {
            styles: styles.to_vec(),
            ..castle()
        };
        self.studio.generate(&request).await.unwrap()
    }

    /// A style with artworks enough for a training.
    async fn style(&self) -> StyleId {
        let style = styles::create(self.studio.library(), "inkwell", "starter")
            .await
            .unwrap();
        let folder = self.folder.path().join("artworks");
        std::fs::create_dir_all(&folder).unwrap();
        for seed in 0..12 {
            std::fs::write(folder.join(format!("{seed}.png")), png(seed)).unwrap();
        }
        let work = Work::default();
        artworks::import(self.studio.library(), &style, &[folder], work.cancel(), |_, _| {})
            .await
            .unwrap();
        style.id
    }

    /// A style `neon` with a LoRA.
    async fn trained_style(&self) -> StyleId {
        let library = self.studio.library();
        std::fs::create_dir_all(library.folder().join("styles")).unwrap();
        let lora = "styles/neon.safetensors";
        std::fs::write(library.path_of(lora), "a style").unwrap();
        styles::create_trained(library, "neon", "starter", lora, true)
            .await
            .unwrap()
            .id
    }

    /// Waits until the job is told to stand at `status`; gives why, if it failed.
    async fn comes_to(&mut self, id: JobId, status: JobStatus) -> Option<Refusal> {
        wait(&mut self.events, |event| match event {
            Event::JobChanged { job } if job.id == id && job.status == status => Some(job.failure),
            _ => None,
        })
        .await
    }

    async fn works(&mut self, id: JobId) {
        let works = |event| matches!(event, Event::JobProgressed { job, .. } if job == id).then_some(());
        wait(&mut self.events, works).await;
    }

    /// Begins a training that its worker, the second one, works on without an end.
    async fn training(&mut self) -> JobId {
        let style = self.style().await;
        self.actor.says(1, &[measured()]);
        self.actor.says(2, &[works(Phase::Training)]);
        let job = self.studio.train(&training(style)).await.unwrap();
        self.works(job).await;
        job
    }

    /// Waits until the worker that was started for the `start`th time has been told what `wanted` finds.
    async fn told<T>(&self, start: usize, wanted: impl Fn(&[Request]) -> Option<T>) -> T {
        let found = async {
            loop {
                if let Some(found) = wanted(&self.actor.told(start)) {
                    return found;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), found).await.unwrap()
    }
}

fn training(style: StyleId) -> TrainRequest {
    TrainRequest {
        style,
        preset: Preset::Quick,
        steps: None,
        rank: None,
        restart: false,
    }
}

/// How often a worker was told to pause, and to stop for good.
fn told_to_end(told: &[Request]) -> (usize, usize) {
    let count = |wanted: bool| {
        let ends = told.iter();
        ends.filter(|request| matches!(request, Request::Cancel { checkpoint, .. } if *checkpoint == wanted))
            .count()
    };
    (count(true), count(false))
}

#[tokio::test]
async fn a_worker_that_hangs_is_ended_when_its_job_is_cancelled() {
    let mut house = House::new().await;
    house.actor.says(1, &[works(Phase::Denoising)]);
    let job = house.order(&[]).await;
    house.works(job).await;
    house.studio.cancel(job).await.unwrap();
    house.comes_to(job, JobStatus::Cancelled).await;
    assert_eq!(told_to_end(&house.actor.told(1)), (0, 1));
    // The next job has a worker of its own.
    house.actor.says(2, &[picture(0), generated()]);
    let next = house.order(&[]).await;
    house.comes_to(next, JobStatus::Completed).await;
}

#[tokio::test]
async fn a_job_is_cancelled_while_its_style_is_looked_at() {
    let mut house = House::new().await;
    let style = house.trained_style().await;
    let job = house.order(&[StyleUse { style, strength: 1.0 }]).await;
    let looks = |told: &[Request]| {
        let look = |request: &Request| matches!(request, Request::Run { task, .. } if matches!(**task, Task::CheckLora { .. }));
        told.iter().any(look).then_some(())
    };
    house.told(1, looks).await;
    house.studio.cancel(job).await.unwrap();
    house.comes_to(job, JobStatus::Cancelled).await;
}

#[tokio::test]
async fn a_training_that_was_to_pause_is_cancelled_all_the_same() {
    let mut house = House::new().await;
    let job = house.training().await;
    house.studio.pause(job).await.unwrap();
    house.told(2, |told| (told_to_end(told).0 == 1).then_some(())).await;
    house.studio.cancel(job).await.unwrap();
    house.comes_to(job, JobStatus::Cancelled).await;
    assert_eq!(told_to_end(&house.actor.told(2)), (1, 1));
}

#[tokio::test]
async fn closing_reaches_the_job_that_runs_while_an_import_takes_its_time() {
    let mut house = House::new().await;
    house.actor.says(1, &[works(Phase::Denoising)]);
    let job = house.order(&[]).await;
    house.works(job).await;
    let _import = house.studio.begin_work(1);
    let studio = house.studio.clone();
    let closing = tokio::spawn(async move { studio.stop().await });
    house.told(1, |told| (told_to_end(told).0 == 1).then_some(())).await;
    closing.abort();
}

#[tokio::test]
async fn an_order_without_memory_is_tried_once_more_and_then_says_so() {
    let mut house = House::new().await;
    for start in 1..=9 {
        house.actor.says(start, &[fails(Failure::OutOfMemory)]);
    }
    let request = GenerationRequest { count: 3, ..castle() };
    let job = house.studio.generate(&request).await.unwrap();
    let failure = house.comes_to(job, JobStatus::Failed).await;
    assert!(matches!(failure, Some(Refusal::OutOfMemory { .. })), "{failure:?}");
    assert_eq!(house.actor.starts().len(), 2);
}

#[tokio::test]
async fn what_a_training_will_find_is_measured_without_the_desks_worker() {
    let mut house = House::new().await;
    let style = house.style().await;
    house.actor.says(1, &[picture(0), generated()]);
    let order = house.order(&[]).await;
    house.comes_to(order, JobStatus::Completed).await;
    house.actor.says(2, &[measured()]);
    house.studio.plan(&training(style)).await.unwrap();
    let idle = house.actor.starts()[0];
    assert!(
        !Path::new(&format!("/proc/{idle}")).exists(),
        "its model is still there"
    );
    let Some(Task::Preflight(asked)) = house.actor.task(2) else {
        panic!("a plan asks for a preflight")
    };
    assert_eq!(
        asked.memory_available_bytes, None,
        "what is free now is what it will find"
    );
    // Beside a job, what that one holds will be free.
    house.actor.says(3, &[works(Phase::Denoising)]);
    let order = house.order(&[]).await;
    house.works(order).await;
    house.actor.says(4, &[measured()]);
    house.studio.train(&training(style)).await.unwrap();
    let Some(Task::Preflight(asked)) = house.actor.task(4) else {
        panic!("so does a training")
    };
    assert_eq!(asked.memory_available_bytes, Some(CARD_BYTES));
    // While it waits, nothing is loaded to look at it.
    house.studio.plan(&training(style)).await.unwrap();
    assert_eq!(house.actor.starts().len(), 4);
}

#[tokio::test]
async fn a_training_whose_loss_is_no_number_fails_although_it_has_a_checkpoint() {
    let mut house = House::new().await;
    let job = house.training().await;
    let checkpoint = house.checkpoint(job);
    let failure = Failure::LossNotFinite {
        step: 14,
        kept: Some(12),
    };
    house.actor.says(3, &[fails(failure)]);
    house.actor.dies(2);
    let failure = house.comes_to(job, JobStatus::Failed).await;
    assert!(matches!(failure, Some(Refusal::LossNotFinite { .. })), "{failure:?}");
    assert!(!checkpoint.exists());
}

#[tokio::test]
async fn an_order_is_not_made_again_with_another_style_of_the_same_name() {
    let house = House::new().await;
    house.studio.stop().await;
    let (library, style) = (house.studio.library(), house.trained_style().await);
    house.order(&[StyleUse { style, strength: 0.5 }]).await;
    let asked = async || house.studio.jobs().await.unwrap().remove(0).settings.unwrap().styles;
    assert_eq!(asked().await, [StyleUse { style, strength: 0.5 }]);
    styles::remove(library, style).await.unwrap();
    styles::create(library, "neon", "starter").await.unwrap();
    assert_eq!(asked().await, []);
}
