//! What comes of a job that ends well.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{BenchPart, DType};

/// What came of a job that ended well.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Outcome {
    /// All pictures were sent.
    Generated {
        /// One for each LoRA, in the order of the request.
        receipts: Vec<Receipt>,
        /// How long it took, loading included.
        seconds: f64,
    },
    /// The style is in its file.
    Trained(Trained),
    /// What training would need.
    Preflight(Preflight),
    /// The LoRA fits.
    Checked(Receipt),
    /// The model loads.
    Model(ModelFacts),
    /// The answer is in the output file.
    Probed,
    /// The numbers.
    Measured(Measured),
    /// As the drivers tell; empty where none is installed.
    Adapters(Vec<AdapterFacts>),
}

/// A graphics adapter, as wgpu sees it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct AdapterFacts {
    /// As its driver calls it.
    pub name: String,
    /// `Vulkan`, `Metal`, `Dx12`, `Gl`.
    pub backend: String,
    /// Name and version of the driver.
    pub driver: String,
    /// `DiscreteGpu`, `IntegratedGpu`, `Cpu`, …
    pub kind: String,
}

/// How a LoRA met a model.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Receipt {
    /// Its file.
    pub lora: PathBuf,
    /// Layers that found their place.
    pub layers_matched: u32,
    /// Layers in the file.
    pub layers: u32,
    /// What the file says it was made for, if it says.
    pub made_for: Option<String>,
    /// Whether that is this model's architecture.
    pub base_model_matches: bool,
    /// How strongly it counts.
    pub strength: f64,
}

/// A trained style.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Trained {
    /// Its file.
    pub output: PathBuf,
    /// Steps of the whole training.
    pub steps: u32,
    /// Step from which it went on, when it was resumed.
    pub resumed_at: Option<u32>,
    /// Mean loss of the last steps.
    pub final_loss: f64,
    /// How long the training took, also before it was interrupted and resumed; work that an interruption undid is not counted.
    pub seconds: f64,
    /// Most memory that the worker's process ever took.
    pub peak_memory_bytes: u64,
    /// Whether it is fit to be used.
    pub health: Health,
}

/// Whether a trained style is fit to be used.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Health {
    /// What is wrong; empty when it is fit.
    pub problems: Vec<HealthProblem>,
    /// Adapted layers.
    pub layers: u32,
    /// Mean absolute difference of a fixed-seed picture with and without the style, 0 to 1.
    pub picture_difference: f64,
}

/// Why a trained style is not fit to be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum HealthProblem {
    /// Layers hold values that are no numbers.
    NotNumbers {
        /// So many.
        layers: u32,
    },
    /// Layers do nothing.
    NothingLearnt {
        /// So many.
        layers: u32,
    },
    /// Not all trained layers are found again in the finished file.
    LayersLost {
        /// That are found.
        matched: u32,
        /// That were trained.
        layers: u32,
    },
    /// A picture with the style is the same as without it.
    PictureUnchanged,
}

/// What training would need.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Preflight {
    /// Estimated peak.
    pub memory_bytes: u64,
    /// What the device has free now, as far as it can be known.
    pub memory_available_bytes: Option<u64>,
    /// Rough, before the first step has been measured.
    pub seconds: f64,
    /// Whether activations would be computed again instead of kept.
    pub recompute: bool,
    /// Adapted layers.
    pub adapters: u32,
    /// (width, height, pictures) of every aspect bucket.
    pub buckets: Vec<(u32, u32, u32)>,
    /// What speaks against starting.
    pub problems: Vec<PreflightProblem>,
    /// What deserves a look.
    pub warnings: Vec<PreflightWarning>,
}

/// What speaks against starting a training.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum PreflightProblem {
    /// A setting with which nothing can be trained.
    Setting {
        /// Its name among the settings.
        setting: String,
    },
    /// A picture cannot be used.
    Picture {
        /// Its file.
        file: PathBuf,
    },
    /// Fewer pictures can be read than a style needs.
    TooFewPictures {
        /// That can be read.
        pictures: u32,
        /// That are needed.
        pictures_min: u32,
    },
    /// The style has no name to call it by.
    NoName,
    /// It needs more memory than is free.
    Memory {
        /// Needed.
        needed_bytes: u64,
        /// Free.
        available_bytes: u64,
    },
}

/// What deserves a look before a training.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum PreflightWarning {
    /// Pictures without tags: what they show is learnt as part of the style.
    Untagged {
        /// So many.
        pictures: u32,
        /// Of so many.
        all: u32,
    },
    /// Pictures that are there more than once, with the same crop.
    Repeated {
        /// So many too many.
        pictures: u32,
    },
    /// Not every picture is seen once.
    NotAllSeen {
        /// In so many steps.
        steps: u32,
    },
    /// Pictures are smaller than what they are seen at.
    Enlarged {
        /// So many.
        pictures: u32,
    },
}

/// A base model, as its files say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelFacts {
    /// `sd15`, `sdxl`, or `sd15-small` for others of that family.
    pub architecture: String,
    /// Whether it is one file rather than a folder.
    pub single_file: bool,
    /// Numbers in all its weights.
    pub parameters: u64,
    /// Side in pixels of the square it was made for.
    pub native_size: u32,
    /// Pixels along one side of a latent.
    pub vae_factor: u32,
}

/// One object of `atelier bench --json`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Measured {
    /// Which part.
    pub what: BenchPart,
    /// As asked.
    pub arch: String,
    /// `cpu`, `cuda:0`, `metal`.
    pub device: String,
    /// Number format.
    pub dtype: DType,
    /// Side of the pictures in pixels.
    pub size: u32,
    /// Pictures at once.
    pub batch: u32,
    /// Of every run.
    pub seconds: Vec<f64>,
    /// Their median.
    pub median_s: f64,
    /// Most memory that the worker's process ever took, in 10⁶ bytes.
    pub peak_rss_mb: f64,
}
