//! What can go wrong in the engine, with the facts that a sentence about it needs.

use std::path::{Path, PathBuf};

/// Any failure of the engine.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// A computation failed in candle or on the device.
    #[error("the computation failed: {0}")]
    Compute(#[from] candle_core::Error),
    /// A file is not what it should be.
    #[error("{}: {reason}", file.display())]
    FileInvalid {
        /// The file.
        file: PathBuf,
        /// What is wrong with it, in plain words.
        reason: String,
    },
    /// A pickle, which can run code when it is read.
    #[error("{} is a pickle file, which can run code when it is read", file.display())]
    FileUnsafe {
        /// The file.
        file: PathBuf,
    },
    /// A file that should be there is not.
    #[error("{} does not exist", file.display())]
    FileMissing {
        /// The file.
        file: PathBuf,
    },
    /// A file could not be read or written.
    #[error("{}: {source}", file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Layers of a LoRA that the model does not have.
    #[error("{}: {matched} of {layers} layers match", file.display())]
    LoraMismatch {
        /// The LoRA.
        file: PathBuf,
        /// Layers found in the model with the right shape.
        matched: usize,
        /// Layers in the file.
        layers: usize,
        /// The others, as the file names them.
        missing: Vec<String>,
    },
    /// A LoRA of another architecture.
    #[error("{} was made for {made_for}, the model is {model}", file.display())]
    LoraForOtherModel {
        /// The LoRA.
        file: PathBuf,
        /// What it was made for.
        made_for: String,
        /// What the model is.
        model: String,
    },
    /// A model that this engine cannot run.
    #[error("{}: {reason}", file.display())]
    ModelUnsupported {
        /// Its configuration or weights.
        file: PathBuf,
        /// What is not supported.
        reason: String,
    },
    /// A request that cannot be carried out.
    #[error("{0}")]
    RequestInvalid(String),
    /// Training met a loss that is no number.
    #[error("the loss of step {step} is not a number")]
    LossNotFinite {
        /// The step.
        step: u32,
        /// Step of the last sound checkpoint.
        kept: Option<u32>,
    },
    /// No such device, or its driver is missing.
    #[error("the device cannot be used: {0}")]
    DeviceUnavailable(String),
    /// The caller asked to stop.
    #[error("cancelled")]
    Cancelled,
}

/// What functions of the engine return.
pub type Result<T> = std::result::Result<T, EngineError>;

impl EngineError {
    /// Whether the device or the machine ran out of memory. The drivers say so only in words.
    pub fn is_out_of_memory(&self) -> bool {
        match self {
            Self::Compute(error) => {
                let words = error.to_string().to_lowercase();
                words.contains("out of memory") || words.contains("out_of_memory")
            }
            _ => false,
        }
    }

    /// A function that names `file` in an input or output error.
    pub fn io(file: &Path) -> impl FnOnce(std::io::Error) -> Self {
        move |source| match source.kind() {
            std::io::ErrorKind::NotFound => Self::FileMissing { file: file.to_owned() },
            _ => Self::Io {
                file: file.to_owned(),
                source,
            },
        }
    }

    /// A [`EngineError::FileInvalid`].
    pub fn invalid(file: &Path, reason: impl Into<String>) -> Self {
        Self::FileInvalid {
            file: file.to_owned(),
            reason: reason.into(),
        }
    }

    /// A [`EngineError::ModelUnsupported`].
    pub fn unsupported(file: &Path, reason: impl Into<String>) -> Self {
        Self::ModelUnsupported {
            file: file.to_owned(),
            reason: reason.into(),
        }
    }
}
