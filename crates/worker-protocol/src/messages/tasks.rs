//! What is asked of the worker.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Work for the device.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Task {
    /// Pictures from a prompt. Ends in [`super::Outcome::Generated`].
    Generate(Generate),
    /// A style from pictures. Ends in [`super::Outcome::Trained`].
    Train(Train),
    /// What training would need and what speaks against it. Ends in [`super::Outcome::Preflight`].
    Preflight(Train),
    /// Whether a LoRA fits a model. Ends in [`super::Outcome::Checked`].
    CheckLora {
        /// A diffusers folder or a single-file checkpoint.
        model: PathBuf,
        /// The LoRA file.
        lora: PathBuf,
    },
    /// What a base model is, and whether it loads. Ends in [`super::Outcome::Model`].
    CheckModel {
        /// A diffusers folder or a single-file checkpoint.
        model: PathBuf,
    },
    /// One component on given tensors. Ends in [`super::Outcome::Probed`].
    Probe(Probe),
    /// Speed and memory. Ends in [`super::Outcome::Measured`].
    Bench(Bench),
    /// Which graphics adapters the machine's drivers tell of. Ends in [`super::Outcome::Adapters`]. A broken driver may end the worker.
    Adapters,
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

/// Number format of weights and activations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "lowercase")]
pub enum DType {
    /// 32-bit.
    F32,
    /// 16-bit brain float.
    Bf16,
    /// 16-bit half.
    F16,
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
    /// Memory in bytes that it will find, where that is not what is free now; the model's weights are part of it.
    pub memory_available_bytes: Option<u64>,
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
/// [`super::RequestFault::Input`] with its name and shapes.
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
