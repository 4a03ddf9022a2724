//! What is said: plain data, the same on both sides. Requests and events here; what they carry beside.

mod failure;
mod progress;
mod reports;
mod tasks;

use serde::{Deserialize, Serialize};

pub use failure::*;
pub use progress::*;
pub use reports::*;
pub use tasks::*;

/// Raised whenever a message changes its meaning.
pub const PROTOCOL_VERSION: u32 = 3;

/// Chosen by the studio, unique within one worker's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct JobId(pub u64);

/// Studio to worker.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Request {
    /// Starts `task`, or queues it behind the one that runs.
    Run {
        /// Its number.
        job: JobId,
        /// What to do.
        task: Box<Task>,
    },
    /// Ends a job within a second; what it had finished stays finished. When `checkpoint` is set (a pause), a training job that has
    /// begun to learn ends its step and writes a checkpoint first.
    Cancel {
        /// The job, running or waiting.
        job: JobId,
        /// Whether to pause rather than end.
        checkpoint: bool,
    },
    /// Ends the worker after the job that runs was cancelled.
    Shutdown,
}

/// Worker to studio.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Event {
    /// First message of every worker.
    Ready(Hello),
    /// The job left the queue.
    Started {
        /// Which.
        job: JobId,
    },
    /// At least every 30 s while a job runs.
    Progress {
        /// Which job.
        job: JobId,
        /// How far it is.
        progress: Progress,
    },
    /// A picture as it forms, or a sample of the style as it trains.
    Preview {
        /// Which job.
        job: JobId,
        /// The picture.
        preview: Preview,
    },
    /// One finished picture of a generation.
    Picture {
        /// Which job.
        job: JobId,
        /// The picture.
        picture: Picture,
    },
    /// The job ended well.
    Done {
        /// Which.
        job: JobId,
        /// What came of it.
        outcome: Outcome,
    },
    /// The job ended because it was cancelled.
    Cancelled {
        /// Which.
        job: JobId,
    },
    /// The job ended badly; the worker lives on unless the failure says otherwise.
    Failed {
        /// Which.
        job: JobId,
        /// Why.
        failure: Failure,
    },
}

/// Who answers.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct Hello {
    /// [`PROTOCOL_VERSION`] of the worker.
    pub protocol: u32,
    /// Version of the program.
    pub version: String,
    /// What it computes on.
    pub backend: Backend,
    /// The device it opened.
    pub device: DeviceFacts,
}

/// A build of the worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    /// Any machine.
    Cpu,
    /// NVIDIA.
    Cuda,
    /// Apple.
    Metal,
}

/// The device a worker opened.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct DeviceFacts {
    /// As its driver calls it.
    pub name: String,
    /// Memory of the device in bytes; for a processor, and what shares its memory, that of the machine.
    pub memory_bytes: Option<u64>,
    /// Format that models are loaded in when a task names none.
    pub dtype: DType,
}
