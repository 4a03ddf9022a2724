//! What a job says on its way, and why it failed.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// How far a job is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Progress {
    /// What is being done: `loading`, `encoding`, `training`, `sampling`, `checking`, `denoising`, `decoding`.
    pub phase: Phase,
    /// Steps (or pictures, files, samples) of this phase that are done.
    pub step: u32,
    /// Of how many; 0 when that is not known.
    pub steps: u32,
    /// Mean loss since the last message, while training.
    pub loss: Option<f64>,
    /// Of the last step, while training.
    pub learning_rate: Option<f64>,
    /// Estimated seconds until the job ends.
    pub seconds_left: Option<f64>,
}

/// Part of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The model is read.
    Loading,
    /// Prompts and pictures become what the network sees.
    Encoding,
    /// Adapters learn.
    Training,
    /// Samples of a style in training are made.
    Sampling,
    /// A finished style is checked.
    Checking,
    /// A picture forms.
    Denoising,
    /// Latents become pixels.
    Decoding,
}

/// A rough or sample picture.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Preview {
    /// After this step.
    pub step: u32,
    /// Which picture of the batch, or which sample.
    pub index: u32,
    /// Often smaller than the finished picture.
    pub pixels: Pixels,
}

/// One finished picture.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Picture {
    /// Position in `seeds`.
    pub index: u32,
    /// Its seed.
    pub seed: u64,
    /// The picture.
    pub pixels: Pixels,
}

/// 8-bit sRGB, row by row, three bytes a pixel.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Pixels {
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// `3 · width · height` bytes.
    #[serde(with = "serde_bytes")]
    pub rgb: Vec<u8>,
}

/// Why a job failed, as data: the studio makes the sentence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Failure {
    /// Device or machine; a smaller job may pass.
    OutOfMemory {
        /// Bytes, when known.
        needed: Option<u64>,
    },
    /// A file that is not what it should be: `reason` in plain words.
    FileInvalid {
        /// Which.
        file: PathBuf,
        /// In plain words.
        reason: String,
    },
    /// A pickle file, which can run code when read.
    FileUnsafe {
        /// Which.
        file: PathBuf,
    },
    /// A file that should be there is not.
    FileMissing {
        /// Which.
        file: PathBuf,
    },
    /// None of the file's layers is in the model, or some are not.
    LoraMismatch {
        /// Which.
        file: PathBuf,
        /// Layers that found their place.
        matched: u32,
        /// Layers in the file.
        layers: u32,
        /// The others, as the file names them.
        missing: Vec<String>,
    },
    /// Made for another architecture.
    LoraForOtherModel {
        /// Which.
        file: PathBuf,
        /// The architecture it was made for.
        made_for: String,
        /// The model's.
        model: String,
    },
    /// A model that the engine cannot run.
    ModelUnsupported {
        /// Which.
        file: PathBuf,
        /// In plain words.
        reason: String,
    },
    /// No room for what was to be written.
    DiskFull {
        /// Which.
        file: PathBuf,
    },
    /// Nothing may be written there.
    NotWritable {
        /// Which.
        file: PathBuf,
    },
    /// Training met a loss that is no number; `kept` is the last good checkpoint's step.
    LossNotFinite {
        /// The step.
        step: u32,
        /// Step of the last sound checkpoint.
        kept: Option<u32>,
    },
    /// A request that cannot be carried out: `reason` in plain words.
    RequestInvalid {
        /// In plain words.
        reason: String,
    },
    /// No such device, or its driver is missing.
    DeviceUnavailable {
        /// In plain words.
        reason: String,
    },
    /// A defect; `message` is for the log.
    Internal {
        /// For the log.
        message: String,
    },
}
