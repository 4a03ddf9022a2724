//! What a job says on its way.

use serde::{Deserialize, Serialize};

/// How far a job is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Progress {
    /// What is being done: `loading`, `encoding`, `training`, `sampling`, `checking`, `denoising`, `decoding`.
    pub phase: Phase,
    /// Steps (or files, samples) of this phase that are done. Steps of pictures are counted over all pictures of the task, and stay where
    /// they are while one is decoded.
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
