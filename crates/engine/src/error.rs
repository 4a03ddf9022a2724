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
        /// What is wrong with it.
        fault: FileFault,
        /// The particulars, for the log.
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
        fault: ModelFault,
        /// The particulars, for the log.
        reason: String,
    },
    /// A request that cannot be carried out.
    #[error("the request cannot be carried out: {0:?}")]
    RequestInvalid(RequestFault),
    /// A mistake of this crate.
    #[error("{0}")]
    Defect(String),
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

/// What is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileFault {
    /// Damaged, cut off, or no safetensors file at all.
    NotSafetensors,
    /// Not the JSON that it should be.
    NotConfiguration,
    /// Not the tokens of a text encoder.
    NotVocabulary,
    /// A tensor is not there.
    TensorMissing {
        /// Its name.
        tensor: String,
    },
    /// A tensor has another shape than the model needs.
    TensorShape {
        /// Its name.
        tensor: String,
    },
    /// Holds something else than a LoRA.
    NotALora,
    /// An adapter of another kind than LoRA.
    OtherAdapter {
        /// As its tensors call it.
        adapter: String,
    },
    /// The two matrices of a LoRA's layer do not belong together.
    LayerIncomplete {
        /// Its name.
        layer: String,
    },
    /// No JPEG, PNG or WebP that can be read to its end.
    NotAPicture,
    /// A crop reaches outside the picture.
    CropOutside,
    /// A checkpoint of a training with other settings, pictures or tags.
    OtherTraining,
}

/// What a model has that this engine cannot run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelFault {
    /// It is neither of the SD 1.5 nor of the SDXL class.
    OtherKind,
    /// A field of its configuration has a value that is not known.
    Setting {
        /// The field.
        setting: String,
    },
    /// Its numbers are written in a format that is not known.
    Format {
        /// As the file calls it.
        format: String,
    },
}

/// Why a request cannot be carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestFault {
    /// Pictures of the model measure multiples of so many pixels.
    Size {
        /// So many.
        multiple_px: u32,
    },
    /// No sampler walks in so many steps.
    Steps {
        /// Those asked for.
        steps: u64,
        /// The most.
        steps_max: u64,
    },
    /// Nothing can be trained with the value of this setting.
    Setting {
        /// Its name among the settings.
        setting: &'static str,
    },
    /// Nothing to train on.
    NoPictures,
    /// No layer that the settings name is in the model.
    NothingToAdapt,
    /// The prompt has signs that the model's vocabulary cannot spell.
    Prompt,
    /// No size of model, sampler or part is called so.
    NameUnknown {
        /// The name.
        name: String,
    },
    /// An input is missing or has another shape.
    Input {
        /// Its name.
        input: String,
        /// Its shape, if it is there.
        found: Option<Vec<usize>>,
        /// The shape that it should have; `None` for any size.
        wanted: Vec<Option<usize>>,
    },
    /// An input holds tokens that are not in the vocabulary.
    Tokens {
        /// Its name.
        input: String,
        /// Size of the vocabulary.
        vocabulary: usize,
    },
    /// A part of the request that this work needs is not there.
    Missing {
        /// Its name.
        what: &'static str,
    },
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
    pub fn invalid(file: &Path, fault: FileFault, reason: impl Into<String>) -> Self {
        Self::FileInvalid {
            file: file.to_owned(),
            fault,
            reason: reason.into(),
        }
    }

    /// A [`EngineError::FileInvalid`] for a tensor that is not in `file`.
    pub fn tensor_missing(file: &Path, tensor: &str) -> Self {
        let fault = FileFault::TensorMissing {
            tensor: tensor.to_owned(),
        };
        Self::invalid(file, fault, format!("the tensor {tensor} is missing"))
    }

    /// A [`EngineError::ModelUnsupported`].
    pub fn unsupported(file: &Path, fault: ModelFault, reason: impl Into<String>) -> Self {
        Self::ModelUnsupported {
            file: file.to_owned(),
            fault,
            reason: reason.into(),
        }
    }
}
