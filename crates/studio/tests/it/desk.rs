//! The desk, without a worker: jobs are rows, and each of them comes to an end that says why.

use std::path::Path;

use atelier_studio::contract::{JobStatus, Refusal};
use atelier_studio::generations::GenerationRequest;
use atelier_studio::{Config, Event, Studio, artworks, styles};

#[cfg(unix)]
use crate::actor::Actor;
use crate::asked::{self, wait};
use crate::pictures::png;

/// A studio whose programs are not there.
async fn studio(folder: &Path) -> Studio {
    let config = Config {
        programs: folder.join("nothing"),
        ..Config::new(Some(folder.join("data")), None, Path::new("atelier"))
    };
    Studio::open(config).await.unwrap()
}

fn castle() -> GenerationRequest {
    GenerationRequest {
        negative: vec!["night".into(), "rain".into()],
        seed: Some(u64::MAX.to_string()),
        count: 2,
        ..asked::castle()
    }
}

#[tokio::test]
async fn a_job_that_no_worker_can_do_ends_and_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let studio = studio(folder.path()).await;
    let mut events = studio.events();
    let id = studio.generate(&castle()).await.unwrap();
    let failed = wait(&mut events, |event| match event {
        Event::JobChanged { job } if job.id == id && job.status == JobStatus::Failed => Some(job),
        _ => None,
    })
    .await;
    assert!(
        matches!(failed.failure, Some(Refusal::WorkerMissing { .. })),
        "{failed:?}"
    );
    let listed = studio.jobs().await.unwrap();
    assert_eq!(listed.len(), 1, "what has ended since the start stays in sight");
    let asked = listed[0].settings.as_ref().unwrap();
    assert_eq!(asked.seed.as_deref(), Some(u64::MAX.to_string().as_str()));
    assert_eq!(asked.negative, ["night", "rain"]);
    assert!(matches!(
        studio.cancel(id).await.map_err(Refusal::from),
        Err(Refusal::JobEnded { .. })
    ));
}

#[tokio::test]
async fn a_stopped_studio_begins_nothing_and_the_next_one_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let first = studio(folder.path()).await;
    first.stop().await;
    let id = first.generate(&castle()).await.unwrap();
    assert_eq!(first.jobs().await.unwrap()[0].status, JobStatus::Queued);
    let second = first.generate(&castle()).await.unwrap();
    first.move_job(second, Some(id)).await.unwrap();
    let order: Vec<_> = first.jobs().await.unwrap().into_iter().map(|job| job.id).collect();
    assert_eq!(order, [second, id]);
    first.cancel(second).await.unwrap();
    drop(first);
    let next = studio(folder.path()).await;
    let mut events = next.events();
    wait(&mut events, |event| match event {
        Event::JobChanged { job } if job.id == id && job.status == JobStatus::Failed => Some(()),
        _ => None,
    })
    .await;
}

#[tokio::test]
async fn a_new_order_comes_behind_those_that_were_put_last() {
    let folder = tempfile::tempdir().unwrap();
    let studio = studio(folder.path()).await;
    studio.stop().await;
    let mut placed = Vec::new();
    for _ in 0..3 {
        placed.push(studio.generate(&castle()).await.unwrap());
    }
    for first in &placed[..2] {
        studio.move_job(*first, None).await.unwrap();
    }
    let new = studio.generate(&castle()).await.unwrap();
    let order: Vec<_> = studio.jobs().await.unwrap().into_iter().map(|job| job.id).collect();
    assert_eq!(order, [placed[2], placed[0], placed[1], new]);
}

#[tokio::test]
async fn a_closed_studio_leaves_nothing_to_tidy_whoever_still_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let first = studio(folder.path()).await;
    let lock = folder.path().join("data/library.lock");
    assert!(!std::fs::read(&lock).unwrap().is_empty(), "somebody writes");
    first.close().await;
    assert_eq!(std::fs::read(&lock).unwrap(), b"", "it ended by itself");
    assert!(first.jobs().await.is_err(), "nothing can be asked of it");
    let next = studio(folder.path()).await;
    assert!(next.jobs().await.unwrap().is_empty());
}

#[tokio::test]
async fn closing_ends_an_import_and_keeps_what_came_in() {
    let folder = tempfile::tempdir().unwrap();
    let first = studio(folder.path()).await;
    let style = styles::create(first.library(), "inkwell", "starter").await.unwrap();
    let artworks = folder.path().join("artworks");
    std::fs::create_dir(&artworks).unwrap();
    for seed in 0..60 {
        std::fs::write(artworks.join(format!("{seed}.png")), png(seed)).unwrap();
    }
    let importing = first.clone();
    let (begun, begins) = tokio::sync::oneshot::channel();
    let import = tokio::spawn(async move {
        let work = importing.begin_work(1);
        let mut begun = Some(begun);
        let tell = |_, _| {
            if let Some(begun) = begun.take() {
                begun.send(()).unwrap();
            }
        };
        artworks::import(importing.library(), &style, &[artworks], work.cancel(), tell)
            .await
            .unwrap()
    });
    begins.await.unwrap();
    first.close().await;
    let report = import.await.unwrap();
    assert!(report.not_reached > 0 && !report.imported.is_empty(), "{report:?}");
    let next = studio(folder.path()).await;
    let style = styles::find(next.library(), "inkwell").await.unwrap();
    assert_eq!(style.valid_artworks as usize, report.imported.len());
    let kept = walkdir::WalkDir::new(folder.path().join("data/images")).into_iter();
    let files = kept.flatten().filter(|entry| entry.file_type().is_file()).count();
    assert_eq!(files, report.imported.len(), "no file that no row names");
}

#[cfg(unix)]
#[tokio::test]
async fn what_fits_is_measured_against_the_device_that_does_the_work() {
    let folder = tempfile::tempdir().unwrap();
    Actor::new(&folder.path().join("nothing"), 3 << 40);
    let studio = studio(folder.path()).await;
    let starter = studio.models().await.unwrap().installed.remove(0);
    assert_eq!(
        starter.fits.available_mb,
        3 << 20,
        "no machine has so much memory of its own"
    );
    assert!(starter.fits.train);
    // It is asked once: the program is gone, the answer stays.
    std::fs::remove_dir_all(folder.path().join("nothing")).unwrap();
    let again = studio.models().await.unwrap().installed.remove(0);
    assert_eq!(again.fits, starter.fits);
}
