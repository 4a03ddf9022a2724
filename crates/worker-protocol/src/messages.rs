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
    CheckLora {
        /// A diffusers folder or a single-file checkpoint.
        model: PathBuf,
        /// The LoRA file.
        lora: PathBuf,
    },
    /// What a base model is, and whether it loads. Ends in [`Outcome::Model`].
    CheckModel {
        /// A diffusers folder or a single-file checkpoint.
        model: PathBuf,
    },
    /// One component on given tensors. Ends in [`Outcome::Probed`].
    Probe(Probe),
    /// Speed and memory. Ends in [`Outcome::Measured`].
    Bench(Bench),
}

/// A LoRA file and how strongly it counts (1 as trained).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoraUse {
    /// The file.
    pub path: PathBuf,
    /// How strongly it counts.
    pub strength: f64,
}

/// Pictures from one prompt; one picture a seed, each the same whatever else is in the batch.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Generate {
    /// A diffusers folder or a single-file checkpoint.
    pub model: PathBuf,
    /// `None`: what suits the device.
    pub dtype: Option<DType>,
    /// All are applied, each with its strength.
    pub loras: Vec<LoraUse>,
    /// What to draw.
    pub prompt: String,
    /// What to keep away from.
    pub negative_prompt: String,
    /// In pixels, a multiple of 8; `aspect` resolved by the studio against the model's native size.
    pub width: u32,
    /// Likewise.
    pub height: u32,
    /// One picture each.
    pub seeds: Vec<u64>,
    /// Steps of the sampler.
    pub steps: u32,
    /// Weight of classifier-free guidance; 1 turns it off.
    pub guidance: f64,
    /// Which sampler.
    pub sampler: Sampler,
    /// Steps between two previews; 0 for none.
    pub preview_every: u32,
}

/// Samplers by the names that users know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "kebab-case")]
pub enum Sampler {
    /// `ddim`
    Ddim,
    /// `euler`
    Euler,
    /// `euler-a`
    EulerA,
    /// `dpmpp-2m-karras`
    #[serde(rename = "dpmpp-2m-karras")]
    Dpmpp2mKarras,
    /// `unipc`
    Unipc,
}

/// One artwork as training sees it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TrainingPicture {
    /// PNG, JPEG or WebP.
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
    /// A diffusers folder or a single-file checkpoint.
    pub model: PathBuf,
    /// `None`: what suits the device. Adapters are f32 in any case.
    pub dtype: Option<DType>,
    /// The style's name: first tag of every caption.
    pub trigger: String,
    /// What to learn from.
    pub pictures: Vec<TrainingPicture>,
    /// Where checkpoints and samples go; exists, belongs to this job alone.
    pub folder: PathBuf,
    /// The finished LoRA (kohya naming), written whole or not at all.
    pub output: PathBuf,
    /// Goes into the file's metadata beside what the trainer knows (`ss_*`, `modelspec.*`).
    pub metadata: BTreeMap<String, String>,
    /// Continue from the newest sound checkpoint in `folder`, if there is one.
    pub resume: bool,
    /// How to train.
    pub settings: TrainSettings,
}

/// How to train.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TrainSettings {
    /// Changes of the adapters.
    pub steps: u32,
    /// Width of the adapters.
    pub rank: u32,
    /// The adapters count alpha / rank times.
    pub alpha: f64,
    /// Its highest value, after the warm-up.
    pub learning_rate: f64,
    /// Steps over which the learning rate rises from 0.
    pub warmup_steps: u32,
    /// Decoupled: Loshchilov and Hutter 2019.
    pub weight_decay: f64,
    /// Pictures that are seen together.
    pub batch: u32,
    /// Batches of one step.
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
    /// Steps between two checkpoints; 0 for none but that of a pause.
    pub checkpoint_every: u32,
    /// Steps between two rounds of samples, the first before the first step; 0 for none.
    pub sample_every: u32,
    /// Prompts of the samples (tags without the trigger, which is added), each with its seed.
    pub samples: Vec<(String, u64)>,
    /// Everything random follows from it and the number of the step.
    pub seed: u64,
}

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
    /// How long this job took.
    pub seconds: f64,
    /// Most memory that the worker's process ever took.
    pub peak_memory_bytes: u64,
    /// Whether it is fit to be used.
    pub health: Health,
}

/// Whether a trained style is fit to be used.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Health {
    /// What is wrong, one plain sentence each; empty when it is fit.
    pub problems: Vec<String>,
    /// Adapted layers.
    pub layers: u32,
    /// Mean absolute difference of a fixed-seed picture with and without the style, 0 to 1.
    pub picture_difference: f64,
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
    /// Whether it is one file rather than a folder.
    pub single_file: bool,
    /// Numbers in all its weights.
    pub parameters: u64,
    /// Side in pixels of the square it was made for.
    pub native_size: u32,
    /// Pixels along one side of a latent.
    pub vae_factor: u32,
}

/// One component on given tensors; names and shapes are those of diffusers.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Probe {
    /// Which.
    pub part: ProbePart,
    /// A diffusers folder or a single-file checkpoint.
    pub model: PathBuf,
    /// A safetensors file with the inputs.
    pub input: PathBuf,
    /// A safetensors file for the outputs.
    pub output: PathBuf,
    /// Applied first; what `LoraGrads` differentiates.
    pub lora: Option<LoraUse>,
    /// Of `Schedule`.
    pub sampler: Option<Sampler>,
    /// Of `Schedule`.
    pub steps: Option<u32>,
    /// `None`: f32.
    pub dtype: Option<DType>,
}

/// What a probe runs, and the tensors of its two files: inputs of any format (read as the model's), outputs f32.
/// B: pictures; C, h, w: a latent; D, P: widths of a text encoder's states; N: steps. A missing or wrongly shaped input is
/// [`Failure::RequestInvalid`] with its name and shapes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProbePart {
    /// The text encoder, both of SDXL. `input_ids` `[B, 77]` (i64) → `last_hidden_state` `[B, 77, D]`, `penultimate` (of the last layer
    /// but one) likewise, `pooled` `[B, P]`. SDXL's second encoder reads `input_ids_2`, else the same ids, and answers under the same
    /// names with `_2`.
    Text,
    /// The noise predictor. `sample` `[B, C, h, w]`, `timestep` `[B]`, `encoder_hidden_states` `[B, 77, D]`, for SDXL also `text_embeds`
    /// `[B, P]` and `time_ids` `[B, 6]` → `sample`.
    Unet,
    /// Pictures to latents. `image` `[B, 3, H, W]` in −1…1 → `mean`, `logvar`, not scaled.
    VaeEncode,
    /// Latents to pictures. `latent` `[B, C, h, w]`, not scaled → `image`.
    VaeDecode,
    /// A sampler's walk. `latents` `[B, C, h, w]` (unit noise, which the sampler scales), `model_output` `[N, B, C, h, w]` → `latents`
    /// `[N, B, C, h, w]` after each step, `timesteps` `[N]`. Euler a takes its fresh noise from `noise` `[N, B, C, h, w]`; without
    /// it, it is drawn from seed 0.
    Schedule,
    /// Gradients of a LoRA's tensors. The inputs of `Unet` and `target` `[B, C, h, w]` → `loss` `[1]` (mean squared error) and one
    /// gradient for each tensor of the LoRA but `alpha`, under its name in the file; 0 for layers of a text encoder, whose states are
    /// given.
    LoraGrads,
}

/// What to measure.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Bench {
    /// Which part.
    pub what: BenchPart,
    /// `sd15`, `sdxl`, `tiny` (random weights), or a path.
    pub arch: String,
    /// Number format.
    pub dtype: DType,
    /// Side of the pictures in pixels.
    pub size: u32,
    /// Pictures at once.
    pub batch: u32,
    /// How often it is measured, after one run that is not.
    pub repeat: u32,
}

/// What a benchmark runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BenchPart {
    /// One pass of the noise predictor.
    Unet,
    /// Latents to pictures.
    Vae,
    /// A guided picture of 20 steps from a prompt.
    Generate,
    /// One step of training a LoRA of rank 8 on the UNet's attention, activations recomputed as on a machine with little memory.
    Train,
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
