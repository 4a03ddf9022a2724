//! Workers that hang, fail or hold memory, and what the studio makes of them.

use std::path::Path;
use std::time::Duration;

use atelier_studio::contract::{AspectRatio, JobId, JobStatus, Refusal, StyleId};
use atelier_studio::generations::{GenerationRequest, StyleUse};
use atelier_studio::protocol::{Phase, Task};
use atelier_studio::training::{Preset, TrainRequest};
use atelier_studio::{Config, Event, Studio, Work, artworks, styles};
use tokio::sync::broadcast::Receiver;

use crate::actor::{Actor, generated, measured, picture, works};
use crate::pictures::png;

const CARD_BYTES: u64 = 24 << 30;

/// A studio whose worker is an actor.
struct House {
    folder: tempfile::TempDir,
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
        let studio = Studio::open(config).await.unwrap();
        let events = studio.events();
        Self {
            folder,
            actor,
            studio,
            events,
        }
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

    /// Waits until the job is told to stand at `status`; gives why, if it failed.
    async fn comes_to(&mut self, id: JobId, status: JobStatus) -> Option<Refusal> {
        self.wait(|event| match event {
            Event::JobChanged { job } if job.id == id && job.status == status => Some(job.failure),
            _ => None,
        })
        .await
    }

    async fn wait<T>(&mut self, wanted: impl Fn(Event) -> Option<T>) -> T {
        let found = async {
            loop {
                if let Some(found) = wanted(self.events.recv().await.unwrap()) {
                    return found;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(20), found).await.unwrap()
    }

    async fn works(&mut self, id: JobId) {
        self.wait(|event| matches!(event, Event::JobProgressed { job, .. } if job == id).then_some(()))
            .await;
    }
}

fn castle() -> GenerationRequest {
    GenerationRequest {
        styles: Vec::new(),
        tags: vec!["castle".into()],
        negative: Vec::new(),
        aspect: AspectRatio::Square,
        seed: None,
        count: 1,
        steps: Some(4),
        guidance: None,
        sampler: None,
        model: None,
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
