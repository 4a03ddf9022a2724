//! What is said: plain data, the same on both sides.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Raised whenever a message changes its meaning.
pub const PROTOCOL_VERSION: u32 = 1;

/// Chosen by the studio, unique within one worker's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct JobId(pub u64);

/// Studio to worker.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Request {
    /// Starts `task`, or queues it behind the one that runs.
    Run { job: JobId, task: Box<Task> },
    /// Ends a job within a second; what it had finished stays finished.
    /// A training job writes a checkpoint first when `checkpoint` is set (a pause).
    Cancel { job: JobId, checkpoint: bool },
    /// Ends the worker after the job that runs was cancelled.
    Shutdown,
}

/// Worker to studio.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Event {
    /// First message of every worker.
    Ready(Hello),
    /// The job left the queue.
    Started { job: JobId },
    /// At least every 30 s while a job runs.
    Progress { job: JobId, progress: Progress },
    /// A picture as it forms, or a sample of the style as it trains.
    Preview { job: JobId, preview: Preview },
    /// One finished picture of a generation.
    Picture { job: JobId, picture: Picture },
    /// The job ended well.
    Done { job: JobId, outcome: Outcome },
    /// The job ended because it was cancelled.
    Cancelled { job: JobId },
    /// The job ended badly; the worker lives on unless the failure says otherwise.
    Failed { job: JobId, failure: Failure },
}

/// Who answers.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Hello {
    /// [`PROTOCOL_VERSION`] of the worker.
    pub protocol: u32,
    /// Version of the program.
    pub version: String,
    /// What this build can use.
    pub backend: Backend,
    /// The device it opened.
    pub device: DeviceFacts,
}

/// A build of the worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
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
pub struct DeviceFacts {
    /// As its driver calls it.
    pub name: String,
    /// Memory of the device in bytes; for a processor that of the machine.
    pub memory_bytes: Option<u64>,
}

/// Number format of weights and activations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DType {
    /// 32-bit.
    F32,
    /// 16-bit brain float.
    Bf16,
    /// 16-bit half.
    F16,
}

/// Work for the device.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Task {
    /// Pictures from a prompt. Ends in [`Outcome::Generated`].
    Generate(Generate),
    /// A style from pictures. Ends in [`Outcome::Trained`].
    Train(Train),
    /// What training would need and what speaks against it. Ends in [`Outcome::Preflight`].
    Preflight(Train),
    /// Whether a LoRA fits a model. Ends in [`Outcome::Checked`].
    CheckLora { model: PathBuf, lora: PathBuf },
    /// What a base model is, and whether it loads. Ends in [`Outcome::Model`].
    CheckModel { model: PathBuf },
    /// One component on given tensors. Ends in [`Outcome::Probed`].
    Probe(Probe),
    /// Speed and memory. Ends in [`Outcome::Measured`].
    Bench(Bench),
}

/// A LoRA file and how strongly it counts (1 as trained).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoraUse {
    pub path: PathBuf,
    pub strength: f64,
}

/// Pictures from one prompt; one picture a seed, each the same whatever else is in the batch.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Generate {
    /// A diffusers folder or a single-file checkpoint.
    pub model: PathBuf,
    /// `None`: what suits the device.
    pub dtype: Option<DType>,
    pub loras: Vec<LoraUse>,
    pub prompt: String,
    pub negative_prompt: String,
    /// In pixels, multiples of 8; `aspect` resolved by the studio against the model's native size.
    pub width: u32,
    pub height: u32,
    pub seeds: Vec<u64>,
    pub steps: u32,
    /// Weight of classifier-free guidance; 1 turns it off.
    pub guidance: f64,
    pub sampler: Sampler,
    /// Steps between two previews; 0 for none.
    pub preview_every: u32,
}

/// Samplers by the names that users know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sampler {
    Ddim,
    Euler,
    EulerA,
    #[serde(rename = "dpmpp-2m-karras")]
    Dpmpp2mKarras,
    Unipc,
}

/// One artwork as training sees it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TrainingPicture {
    pub path: PathBuf,
    /// Left, top, width, height in pixels of the upright picture; `None` for the whole.
    pub crop: Option<[u32; 4]>,
    /// Quarter turns clockwise after the crop, 0 to 3.
    pub quarter_turns: u8,
    /// Ordered tags; the style's own first tag is put before them by the trainer.
    pub tags: Vec<String>,
}

/// A style from pictures.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Train {
    pub model: PathBuf,
    pub dtype: Option<DType>,
    /// The style's name: first tag of every caption.
    pub trigger: String,
    pub pictures: Vec<TrainingPicture>,
    /// Where checkpoints and samples go; exists, belongs to this job alone.
    pub folder: PathBuf,
    /// The finished LoRA (kohya naming), written whole or not at all.
    pub output: PathBuf,
    /// Goes into the file's metadata beside what the trainer knows (`ss_*`, `modelspec.*`).
    pub metadata: BTreeMap<String, String>,
    /// Continue from the newest sound checkpoint in `folder`, if there is one.
    pub resume: bool,
    pub settings: TrainSettings,
}

/// How to train.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TrainSettings {
    pub steps: u32,
    pub rank: u32,
    pub alpha: f64,
    pub learning_rate: f64,
    pub warmup_steps: u32,
    pub weight_decay: f64,
    pub batch: u32,
    pub accumulation: u32,
    /// γ of min-SNR weighting; `None` for none. Hang et al. 2023.
    pub min_snr_gamma: Option<f64>,
    /// Share of steps that see the empty caption.
    pub caption_dropout: f64,
    /// Also adapt feed-forward layers of the attention blocks.
    pub feed_forward: bool,
    /// Also adapt convolutions of the ResNet blocks.
    pub convolutions: bool,
    /// Also adapt the text encoder's attention.
    pub text_encoder: bool,
    /// Mirror pictures at random.
    pub flip: bool,
    /// Side of the square whose area every bucket keeps, in pixels.
    pub resolution: u32,
    /// Recompute activations in the backward pass; `None`: when memory is short.
    pub recompute: Option<bool>,
    pub checkpoint_every: u32,
    /// Steps between two rounds of samples; 0 for none.
    pub sample_every: u32,
    /// Prompts of the samples (tags without the trigger, which is added), each with its seed.
    pub samples: Vec<(String, u64)>,
    pub seed: u64,
}

/// How far a job is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Progress {
    /// What is being done: `loading`, `encoding`, `training`, `sampling`, `checking`, `denoising`, `decoding`.
    pub phase: Phase,
    pub step: u32,
    pub steps: u32,
    /// Mean loss since the last message, while training.
    pub loss: Option<f64>,
    pub learning_rate: Option<f64>,
    /// Estimated seconds until the job ends.
    pub seconds_left: Option<f64>,
}

/// Part of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    Loading,
    Encoding,
    Training,
    Sampling,
    Checking,
    Denoising,
    Decoding,
}

/// A rough or sample picture.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Preview {
    pub step: u32,
    /// Which picture of the batch, or which sample.
    pub index: u32,
    pub pixels: Pixels,
}

/// One finished picture.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Picture {
    /// Position in `seeds`.
    pub index: u32,
    pub seed: u64,
    pub pixels: Pixels,
}

/// 8-bit sRGB, row by row, three bytes a pixel.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Pixels {
    pub width: u32,
    pub height: u32,
    #[serde(with = "serde_bytes")]
    pub rgb: Vec<u8>,
}

/// What came of a job that ended well.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Outcome {
    Generated { receipts: Vec<Receipt>, seconds: f64 },
    Trained(Trained),
    Preflight(Preflight),
    Checked(Receipt),
    Model(ModelFacts),
    Probed,
    Measured(Measured),
}

/// How a LoRA met a model.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Receipt {
    pub lora: PathBuf,
    pub layers_matched: u32,
    pub layers: u32,
    /// What the file says it was made for, if it says.
    pub made_for: Option<String>,
    /// Whether that is this model's architecture.
    pub base_model_matches: bool,
    pub strength: f64,
}

/// A trained style.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Trained {
    pub output: PathBuf,
    pub steps: u32,
    /// Step from which it went on, when it was resumed.
    pub resumed_at: Option<u32>,
    pub final_loss: f64,
    pub seconds: f64,
    pub peak_memory_bytes: u64,
    pub health: Health,
}

/// Whether a trained style is fit to be used.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Health {
    /// What is wrong, one plain sentence each; empty when it is fit.
    pub problems: Vec<String>,
    pub layers: u32,
    /// Mean absolute difference of a fixed-seed picture with and without the style, 0 to 1.
    pub picture_difference: f64,
}

/// What training would need.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Preflight {
    pub memory_bytes: u64,
    pub memory_available_bytes: Option<u64>,
    /// Rough, before the first step has been measured.
    pub seconds: f64,
    pub recompute: bool,
    pub adapters: u32,
    /// (width, height, pictures) of every aspect bucket.
    pub buckets: Vec<(u32, u32, u32)>,
    /// What speaks against starting, in plain words.
    pub problems: Vec<String>,
    /// What deserves a look, in plain words.
    pub warnings: Vec<String>,
}

/// A base model, as its files say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelFacts {
    /// `sd15`, `sdxl`, or `sd15-small` for others of that family.
    pub architecture: String,
    pub single_file: bool,
    pub parameters: u64,
    /// Side in pixels of the square it was made for.
    pub native_size: u32,
    pub vae_factor: u32,
}

/// One component on given tensors; names and shapes are those of diffusers.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Probe {
    pub part: ProbePart,
    pub model: PathBuf,
    pub input: PathBuf,
    pub output: PathBuf,
    pub lora: Option<LoraUse>,
    pub sampler: Option<Sampler>,
    pub steps: Option<u32>,
    pub dtype: Option<DType>,
}

/// What a probe runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProbePart {
    Text,
    Unet,
    VaeEncode,
    VaeDecode,
    Schedule,
    LoraGrads,
}

/// What to measure.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Bench {
    pub what: BenchPart,
    /// `sd15`, `sdxl`, `tiny` (random weights), or a path.
    pub arch: String,
    pub dtype: DType,
    pub size: u32,
    pub batch: u32,
    pub repeat: u32,
}

/// What a benchmark runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BenchPart {
    Unet,
    Vae,
    Generate,
    Train,
}

/// One object of `atelier bench --json`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Measured {
    pub what: BenchPart,
    pub arch: String,
    pub device: String,
    pub dtype: DType,
    pub size: u32,
    pub batch: u32,
    pub seconds: Vec<f64>,
    pub median_s: f64,
    pub peak_rss_mb: f64,
}

/// Why a job failed, as data: the studio makes the sentence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Failure {
    /// Device or machine; a smaller job may pass.
    OutOfMemory {
        needed: Option<u64>,
    },
    /// A file that is not what it should be: `reason` in plain words.
    FileInvalid {
        file: PathBuf,
        reason: String,
    },
    /// A pickle file, which can run code when read.
    FileUnsafe {
        file: PathBuf,
    },
    FileMissing {
        file: PathBuf,
    },
    /// None of the file's layers is in the model, or some are not.
    LoraMismatch {
        file: PathBuf,
        matched: u32,
        layers: u32,
        missing: Vec<String>,
    },
    /// Made for another architecture.
    LoraForOtherModel {
        file: PathBuf,
        made_for: String,
        model: String,
    },
    ModelUnsupported {
        file: PathBuf,
        reason: String,
    },
    DiskFull {
        file: PathBuf,
    },
    NotWritable {
        file: PathBuf,
    },
    /// Training met a loss that is no number; `kept` is the last good checkpoint's step.
    LossNotFinite {
        step: u32,
        kept: Option<u32>,
    },
    /// A request that cannot be carried out: `reason` in plain words.
    RequestInvalid {
        reason: String,
    },
    DeviceUnavailable {
        reason: String,
    },
    /// A defect; `message` is for the log.
    Internal {
        message: String,
    },
}
