//! What happened, as the page hears it: one typed event for each thing that the studio tells.

use atelier_studio::contract::{GenerationId, JobId, Refusal, StyleId};
use atelier_studio::jobs::Job;
use atelier_studio::protocol::Phase;
use atelier_studio::{Event as Told, LibraryPart};
use serde::Serialize;
use specta::Type;
use tauri::{AppHandle, Wry};
use tauri_specta::{Event, Events, collect_events};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

/// A job is new, or stands elsewhere.
#[derive(Debug, Clone, Serialize, Type, Event)]
pub(crate) struct JobChanged {
    job: Job,
}

/// A worker is further with a job.
#[derive(Debug, Clone, Serialize, Type, Event)]
pub(crate) struct JobProgressed {
    job: JobId,
    phase: Phase,
    step: u32,
    steps: u32,
    seconds_left: Option<f64>,
    loss: Option<f64>,
}

/// A picture that forms, or a sample of a training, can be looked at; `version` grows.
#[derive(Debug, Clone, Serialize, Type, Event)]
pub(crate) struct JobPreviewed {
    job: JobId,
    step: u32,
    index: u32,
    version: u32,
}

/// The worker failed and is tried again.
#[derive(Debug, Clone, Serialize, Type, Event)]
pub(crate) struct JobRetried {
    job: JobId,
    attempt: u32,
    reason: Refusal,
}

/// A picture is in the library.
#[derive(Debug, Clone, Serialize, Type, Event)]
pub(crate) struct GenerationFinished {
    job: JobId,
    generation: GenerationId,
}

/// A part of the library is not what it was; `style` where only that one's is.
#[derive(Debug, Clone, Serialize, Type, Event)]
pub(crate) struct LibraryChanged {
    what: LibraryPart,
    style: Option<StyleId>,
}

/// How far an import or export is: in artworks, pictures or bytes.
#[derive(Debug, Clone, Serialize, Type, Event)]
pub(crate) struct WorkProgressed {
    /// The number that it was asked for under.
    work: u32,
    done: u64,
    total: u64,
}

/// More of a model has arrived; `all` where the server says how much that is.
#[derive(Debug, Clone, Serialize, Type, Event)]
pub(crate) struct DownloadProgressed {
    id: String,
    file: String,
    have: u64,
    all: Option<u64>,
}

/// A download ended; `refusal` says why when the model is not there.
#[derive(Debug, Clone, Serialize, Type, Event)]
pub(crate) struct DownloadEnded {
    id: String,
    refusal: Option<Refusal>,
}

/// All events.
pub(crate) fn all() -> Events {
    collect_events![
        DownloadEnded,
        DownloadProgressed,
        GenerationFinished,
        JobChanged,
        JobPreviewed,
        JobProgressed,
        JobRetried,
        LibraryChanged,
        WorkProgressed,
    ]
}

/// Tells the page. A page that does not hear it asks again when it is loaded.
fn tell<E: Event + Serialize + Clone>(app: &AppHandle<Wry>, event: &E) {
    if let Err(error) = event.emit(app) {
        tracing::warn!("the page was not told of {}: {error}", E::NAME);
    }
}

/// Tells the page all that the studio tells, as long as there is a studio.
pub(crate) fn forward(app: AppHandle, mut events: broadcast::Receiver<Told>) {
    tauri::async_runtime::spawn(async move {
        loop {
            match events.recv().await {
                Ok(event) => pass_on(&app, event),
                Err(RecvError::Lagged(missed)) => tracing::warn!("the page missed {missed} events"),
                Err(RecvError::Closed) => break,
            }
        }
    });
}

#[rustfmt::skip]
fn pass_on(app: &AppHandle, event: Told) {
    match event {
        Told::JobChanged { job } => tell(app, &JobChanged { job: *job }),
        Told::JobProgressed { job, phase, step, steps, seconds_left, loss } => {
            tell(app, &JobProgressed { job, phase, step, steps, seconds_left, loss });
        }
        Told::JobPreviewed { job, step, index, version } => tell(app, &JobPreviewed { job, step, index, version }),
        Told::JobRetried { job, attempt, reason } => tell(app, &JobRetried { job, attempt, reason }),
        Told::GenerationFinished { job, generation } => tell(app, &GenerationFinished { job, generation }),
        Told::LibraryChanged { what, style } => tell(app, &LibraryChanged { what, style }),
        Told::WorkProgressed { work, done, total } => tell(app, &WorkProgressed { work, done, total }),
        Told::DownloadProgressed { id, file, have, all } => tell(app, &DownloadProgressed { id, file, have, all }),
        Told::DownloadEnded { id, refusal } => tell(app, &DownloadEnded { id, refusal }),
    }
}
