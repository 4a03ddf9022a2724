//! Trainings, without a worker: whatever keeps one from going on, nothing of it is lost and no style is locked.

use std::path::{Path, PathBuf};
use std::time::Duration;

use atelier_studio::contract::{JobId, JobStatus, Refusal, StyleId, TrainingStatus};
use atelier_studio::generations::{GenerationRequest, StyleUse};
use atelier_studio::protocol::{Pixels, Preview};
use atelier_studio::training::{self, Preset, Training, presets};
use atelier_studio::{Config, Event, Studio, styles};
use serde_json::json;
use sqlx::SqlitePool;

use crate::asked::castle;
use crate::made::database;
use crate::pictures::open;

/// A library with a style `inkwell`, whose programs are not there.
struct House {
    folder: tempfile::TempDir,
    style: StyleId,
}

impl House {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let library = open(&folder.path().join("data")).await;
        let style = styles::create(&library, "inkwell", "starter").await.unwrap().id;
        Self { folder, style }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    async fn database(&self) -> SqlitePool {
        database(&self.data()).await
    }

    async fn studio(&self) -> Studio {
        let config = Config {
            programs: self.folder.path().join("nothing"),
            ..Config::new(Some(self.data()), None, Path::new("atelier"))
        };
        Studio::open(config).await.unwrap()
    }

    /// A training that stands at `status` and was begun before.
    async fn training(&self, status: &str) -> JobId {
        let settings = presets::settings(Preset::Quick, "sd15-small", 128, 16);
        let request = json!({
            "model": "starter", "trigger": "inkwell", "pictures": [], "metadata": {}, "settings": settings,
        });
        let db = self.database().await;
        let job: i64 = sqlx::query_scalar(
            "INSERT INTO jobs (kind, style_id, request, status, attempts) VALUES ('train', $1, $2, $3, 1) RETURNING id",
        )
        .bind(self.style.get())
        .bind(request.to_string())
        .bind(status)
        .fetch_one(&db)
        .await
        .unwrap();
        sqlx::query("UPDATE styles SET training_status = 'training'")
            .execute(&db)
            .await
            .unwrap();
        job.try_into().unwrap()
    }

    /// Where a training's checkpoint is, of which the studio knows the name alone.
    fn checkpoint(&self, job: JobId) -> PathBuf {
        let folder = self.data().join(format!("training/{job}"));
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("checkpoint-00000012.safetensors");
        std::fs::write(&file, "a state").unwrap();
        file
    }

    fn sample(&self, job: JobId) -> PathBuf {
        let folder = self.data().join(format!("samples/{job}"));
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("12-0.jpg");
        std::fs::write(&file, "a picture").unwrap();
        file
    }
}

async fn shown(studio: &Studio, style: StyleId) -> Training {
    training::show(studio.library(), style).await.unwrap().unwrap()
}

/// The training once it stands at `wanted`.
async fn comes_to(studio: &Studio, style: StyleId, wanted: JobStatus) -> Training {
    let mut events = studio.events();
    let reached = async {
        loop {
            let training = shown(studio, style).await;
            if training.status == wanted {
                return training;
            }
            while !matches!(events.recv().await.unwrap(), Event::JobChanged { .. }) {}
        }
    };
    tokio::time::timeout(Duration::from_secs(20), reached).await.unwrap()
}

#[tokio::test]
async fn a_training_that_cannot_go_on_rests_with_its_checkpoint_and_says_why() {
    let house = House::new().await;
    let job = house.training("queued").await;
    let checkpoint = house.checkpoint(job);
    let studio = house.studio().await;
    for _ in 0..2 {
        let rests = comes_to(&studio, house.style, JobStatus::Paused).await;
        assert!(
            matches!(rests.failure, Some(Refusal::WorkerMissing { .. })),
            "{rests:?}"
        );
        assert!(checkpoint.is_file());
        let style = styles::show(studio.library(), house.style).await.unwrap();
        assert_eq!(style.training_status, TrainingStatus::Training);
        studio.resume(job).await.unwrap();
    }
}

#[tokio::test]
async fn a_training_with_nothing_to_go_on_from_fails_and_so_does_its_style() {
    let house = House::new().await;
    let job = house.training("queued").await;
    let studio = house.studio().await;
    comes_to(&studio, house.style, JobStatus::Failed).await;
    let style = styles::show(studio.library(), house.style).await.unwrap();
    assert_eq!(style.training_status, TrainingStatus::Failed);
    assert!(matches!(style.training_failure, Some(Refusal::WorkerMissing { .. })));
    assert!(!house.data().join(format!("training/{job}")).exists());
}

#[tokio::test]
async fn a_training_whose_folder_cannot_be_made_leaves_no_style_in_training() {
    let house = House::new().await;
    house.training("queued").await;
    std::fs::write(house.data().join("training"), "no folder").unwrap();
    let studio = house.studio().await;
    let failed = comes_to(&studio, house.style, JobStatus::Failed).await;
    assert!(failed.failure.is_some());
    let style = styles::show(studio.library(), house.style).await.unwrap();
    assert_eq!(style.training_status, TrainingStatus::Failed);
    assert_eq!(style.training_failure, failed.failure);
}

#[tokio::test]
async fn a_cancel_is_taken_back_to_where_the_training_stood() {
    for (stood, status) in [("paused", JobStatus::Paused), ("queued", JobStatus::Queued)] {
        let house = House::new().await;
        let job = house.training(stood).await;
        let checkpoint = house.checkpoint(job);
        let studio = house.studio().await;
        // So that a training that waits is not taken up.
        studio.stop().await;
        if status == JobStatus::Queued {
            let db = house.database().await;
            sqlx::query("UPDATE jobs SET status = 'queued', failure = NULL")
                .execute(&db)
                .await
                .unwrap();
        }
        studio.cancel(job).await.unwrap();
        let cancelled = shown(&studio, house.style).await;
        assert_eq!(
            (cancelled.status, cancelled.can_be_restored),
            (JobStatus::Cancelled, true)
        );
        let style = styles::show(studio.library(), house.style).await.unwrap();
        assert_eq!(style.training_status, TrainingStatus::Pending);
        studio.restore_training(job).await.unwrap();
        assert_eq!(shown(&studio, house.style).await.status, status);
        let style = styles::show(studio.library(), house.style).await.unwrap();
        assert_eq!(style.training_status, TrainingStatus::Training);
        assert!(checkpoint.is_file());
    }
}

#[tokio::test]
async fn a_cancel_is_final_once_a_newer_training_is_there() {
    let house = House::new().await;
    let cancelled = house.training("cancelled").await;
    house.training("paused").await;
    let studio = house.studio().await;
    let refused = studio.restore_training(cancelled).await.unwrap_err().refusal();
    assert!(matches!(refused, Refusal::JobEnded { .. }), "{refused:?}");
    let unknown = JobId::try_from(99).unwrap();
    let refused = studio.restore_training(unknown).await.unwrap_err().refusal();
    assert!(matches!(refused, Refusal::JobUnknown { job: 99 }), "{refused:?}");
}

#[tokio::test]
async fn what_old_trainings_left_goes_and_what_the_window_shows_stays() {
    let house = House::new().await;
    let db = house.database().await;
    let ended = "UPDATE jobs SET ended_at = $2 WHERE id = $1";
    let end = async |job: JobId, at: &str| {
        sqlx::query(ended).bind(job.get()).bind(at).execute(&db).await.unwrap();
    };
    let old = house.training("completed").await;
    let last = house.training("cancelled").await;
    end(last, "2999-01-01T00:00:00.000Z").await;
    let unknown = JobId::try_from(99).unwrap();
    let [old_files, last_files, unknown_files] =
        [old, last, unknown].map(|job| [house.checkpoint(job), house.sample(job)]);
    let there = |files: &[PathBuf; 2]| files.each_ref().map(|file| file.is_file());
    drop(open(&house.data()).await);
    assert_eq!(there(&old_files), [false, false]);
    assert_eq!(there(&unknown_files), [false, false]);
    assert_eq!(there(&last_files), [true, true], "a cancel may be taken back");
    end(last, "2026-01-01T00:00:00.000Z").await;
    drop(open(&house.data()).await);
    assert_eq!(
        there(&last_files),
        [false, true],
        "its samples are shown for as long as it is the last one"
    );
    let next = house.training("paused").await;
    let next_files = [house.checkpoint(next), house.sample(next)];
    drop(open(&house.data()).await);
    assert_eq!((there(&last_files), there(&next_files)), ([false, false], [true, true]));
}

#[tokio::test]
async fn a_retraining_that_failed_or_was_cancelled_leaves_the_earlier_style_usable() {
    for status in ["failed", "training", "completed"] {
        let house = House::new().await;
        let shelf = house.data().join("styles/ab");
        std::fs::create_dir_all(&shelf).unwrap();
        std::fs::write(shelf.join("cd.safetensors"), "a style").unwrap();
        let failure = serde_json::to_string(&Refusal::Cancelled {}).unwrap();
        sqlx::query(
            "UPDATE styles SET model_path = 'styles/ab/cd.safetensors', training_status = $1, training_failure = $2",
        )
        .bind(status)
        .bind((status == "failed").then_some(failure))
        .execute(&house.database().await)
        .await
        .unwrap();
        let studio = house.studio().await;
        let placed = studio.generate(&picture_of(house.style)).await;
        assert!(placed.is_ok(), "{status}: {placed:?}");
    }
}

fn picture_of(style: StyleId) -> GenerationRequest {
    GenerationRequest {
        styles: vec![StyleUse { style, strength: 1.0 }],
        ..castle()
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_sample_is_kept_whole_or_told_to_be_lost() {
    let house = House::new().await;
    let library = open(&house.data()).await;
    let job = JobId::try_from(7).unwrap();
    let path = house.sample(job);
    // A disk without room.
    std::fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink("/dev/full", &path).unwrap();
    let sample = Preview {
        step: 12,
        index: 0,
        pixels: Pixels {
            width: 4,
            height: 4,
            rgb: vec![90; 4 * 4 * 3],
        },
    };
    if training::keep_sample(&library, job, &sample).is_ok() {
        assert!(std::fs::symlink_metadata(&path).unwrap().is_file());
        assert_eq!(image::image_dimensions(&path).unwrap(), (4, 4));
    }
}
