//! Why a job failed, as data: the studio makes the sentence. What only explains it to a developer stands in the worker's log.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Why a job failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Failure {
    /// Device or machine; a smaller job may pass. No driver says how much was wanted.
    OutOfMemory,
    /// A file that is not what it should be.
    FileInvalid {
        /// Which.
        file: PathBuf,
        /// What is wrong with it.
        fault: FileFault,
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
        /// What is not supported.
        fault: ModelFault,
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
    /// A request that cannot be carried out.
    RequestInvalid {
        /// Why.
        fault: RequestFault,
    },
    /// A defect; `message` is for the log.
    Internal {
        /// For the log.
        message: String,
    },
}

/// What is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
    /// It may not be read.
    NotReadable,
    /// The system failed to read or write it.
    Io,
}

/// What a model has that the engine cannot run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Nothing can be done with the value of this setting.
    Setting {
        /// Its name.
        setting: String,
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
        what: String,
    },
}
