//! What happens in the studio, for whoever shows it. Events tell that something changed; what it is now stands in the library.

use atelier_contract::{GenerationId, JobId, Refusal, StyleId};
use atelier_worker_protocol::Phase;
use serde::Serialize;

use crate::jobs::Job;

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[expect(missing_docs, reason = "a field is what its name says")]
pub enum Event {
    /// A job is new, or stands elsewhere.
    JobChanged { job: Box<Job> },
    /// A worker is further with a job.
    JobProgressed {
        job: JobId,
        phase: Phase,
        step: u32,
        steps: u32,
        seconds_left: Option<f64>,
        loss: Option<f64>,
    },
    /// A picture that forms, or a sample of a training, can be looked at; `version` grows.
    JobPreviewed {
        job: JobId,
        step: u32,
        index: u32,
        version: u32,
    },
    /// A picture is in the library.
    GenerationFinished { job: JobId, generation: GenerationId },
    /// The worker failed and is tried again.
    JobRetried { job: JobId, attempt: u32, reason: Refusal },
    /// A part of the library is not what it was; `style` where only that one's is.
    LibraryChanged { what: LibraryPart, style: Option<StyleId> },
    /// Work that was asked for under this number is further.
    WorkProgressed { work: u32, done: u64, total: u64 },
    /// More of a model has arrived; `all` where the server says how much that is.
    DownloadProgressed {
        id: String,
        file: String,
        have: u64,
        all: Option<u64>,
    },
    /// A download ended; `refusal` says why when the model is not there.
    DownloadEnded { id: String, refusal: Option<Refusal> },
}

/// A part of the library.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, serde::Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "a part is what its name says")]
pub enum LibraryPart {
    Styles,
    Generations,
    Models,
}
