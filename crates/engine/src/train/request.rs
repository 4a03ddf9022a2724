//! What training is asked to do, what it says on the way, and what comes of it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use image::RgbImage;
use serde::Serialize;

use crate::error::{EngineError, RequestFault, Result};

/// One artwork.
#[derive(Debug, Clone)]
pub struct TrainingPicture {
    /// PNG, JPEG or WebP.
    pub path: PathBuf,
    /// Left, top, width, height in pixels of the upright picture; `None` for the whole.
    pub crop: Option<[u32; 4]>,
    /// Quarter turns clockwise after the crop, 0 to 3.
    pub quarter_turns: u8,
    /// Ordered tags; the trigger is put before them.
    pub tags: Vec<String>,
}

/// A style from pictures.
#[derive(Debug, Clone)]
pub struct TrainRequest {
    /// First tag of every caption.
    pub trigger: String,
    /// What to learn from.
    pub pictures: Vec<TrainingPicture>,
    /// Where checkpoints go; exists and belongs to this training alone.
    pub folder: PathBuf,
    /// The finished LoRA (kohya naming), written whole or not at all.
    pub output: PathBuf,
    /// Goes into the file's metadata beside what the trainer knows.
    pub metadata: BTreeMap<String, String>,
    /// Continue from the newest sound checkpoint in `folder`, if there is one.
    pub resume: bool,
    /// Memory that training may take in bytes, as far as the caller knows it; what the model's weights take already is part of it.
    pub memory_available_bytes: Option<u64>,
    /// How to train.
    pub settings: TrainSettings,
}

/// How to train.
#[derive(Debug, Clone, Serialize)]
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
    /// Share of pictures that are seen with the empty caption, 0 to 1.
    pub caption_dropout: f64,
    /// Also adapt feed-forward layers of the attention blocks.
    pub feed_forward: bool,
    /// Also adapt convolutions of the ResNet blocks.
    pub convolutions: bool,
    /// Also adapt the text encoders' attention.
    pub text_encoder: bool,
    /// Mirror pictures at random.
    pub flip: bool,
    /// Side of the square whose area every bucket keeps, in pixels.
    pub resolution: u32,
    /// Recompute activations in the backward pass; `None`: when memory is short.
    #[serde(skip)]
    pub recompute: Option<bool>,
    /// Steps between two checkpoints; 0 for none but that of a pause.
    #[serde(skip)]
    pub checkpoint_every: u32,
    /// Steps between two rounds of samples, the first before the first step; 0 for none.
    #[serde(skip)]
    pub sample_every: u32,
    /// Prompts of the samples (the trigger is put before them), each with its seed.
    #[serde(skip)]
    pub samples: Vec<(String, u64)>,
    /// Everything random follows from it and the number of the step.
    pub seed: u64,
}

/// What training says on the way.
#[derive(Debug)]
pub enum TrainEvent {
    /// It goes on.
    Progress(TrainProgress),
    /// A sample of the style as it is now.
    Sample {
        /// After this step.
        step: u32,
        /// Which of the samples.
        index: u32,
        /// The picture.
        picture: RgbImage,
    },
    /// A checkpoint was written.
    Checkpoint {
        /// After this step.
        step: u32,
    },
}

/// How far training is.
#[derive(Debug, Clone, Copy)]
pub struct TrainProgress {
    /// What is being done.
    pub phase: TrainPhase,
    /// Steps (or pictures, while encoding) done.
    pub step: u32,
    /// Of how many.
    pub steps: u32,
    /// Loss of the step, while training.
    pub loss: Option<f64>,
    /// Its learning rate, while training.
    pub learning_rate: Option<f64>,
    /// Estimated seconds until the training ends.
    pub seconds_left: Option<f64>,
}

/// Part of a training.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrainPhase {
    /// Pictures and captions are encoded.
    Encoding,
    /// Adapters learn.
    Training,
    /// Samples are made.
    Sampling,
    /// The finished file is checked.
    Checking,
}

/// The observer's answer to an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    /// Go on.
    Continue,
    /// Write a checkpoint and stop.
    Pause,
    /// Stop at once.
    Cancel,
}

/// A trained style.
#[derive(Debug, Clone)]
pub struct Trained {
    /// Its file.
    pub output: PathBuf,
    /// Steps of the whole training.
    pub steps: u32,
    /// Step from which it went on, when it was resumed.
    pub resumed_at: Option<u32>,
    /// Loss of every step made by this call.
    pub losses: Vec<f64>,
    /// Seconds of this call, and of those before it up to the checkpoint that it went on from.
    pub seconds: f64,
    /// Whether it is fit to be used.
    pub health: Health,
}

/// Whether a trained style is fit to be used.
#[derive(Debug, Clone)]
pub struct Health {
    /// What is wrong; empty when it is fit.
    pub problems: Vec<HealthProblem>,
    /// Adapted layers.
    pub layers: u32,
    /// Mean absolute difference of a fixed-seed picture with and without the style, 0 to 1.
    pub picture_difference: f64,
}

/// Why a trained style is not fit to be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
#[derive(Debug, Clone)]
pub struct Preflight {
    /// Estimated peak.
    pub memory_bytes: u64,
    /// As the request said.
    pub memory_available_bytes: Option<u64>,
    /// Estimated seconds of the whole training.
    pub seconds: f64,
    /// Whether activations would be recomputed.
    pub recompute: bool,
    /// Adapted layers.
    pub adapters: u32,
    /// Width, height and number of pictures of every aspect bucket.
    pub buckets: Vec<(u32, u32, u32)>,
    /// What speaks against starting.
    pub problems: Vec<PreflightProblem>,
    /// What deserves a look.
    pub warnings: Vec<PreflightWarning>,
}

/// What speaks against starting a training.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PreflightProblem {
    /// A setting with which nothing can be trained.
    Setting {
        /// Its name among the settings.
        setting: &'static str,
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

impl TrainSettings {
    /// Refuses numbers with which nothing can be trained.
    ///
    /// # Errors
    /// [`EngineError::RequestInvalid`], naming the setting.
    pub fn check(&self) -> Result<()> {
        let positive = |number: f64| number.is_finite() && number > 0.0;
        let fits = [
            ("steps", self.steps > 0),
            ("batch", self.batch > 0),
            ("accumulation", self.accumulation > 0),
            ("rank", self.rank > 0),
            ("alpha", positive(self.alpha)),
            ("learning_rate", positive(self.learning_rate)),
            (
                "weight_decay",
                self.weight_decay.is_finite() && self.weight_decay >= 0.0,
            ),
            ("caption_dropout", (0.0..=1.0).contains(&self.caption_dropout)),
            ("min_snr_gamma", self.min_snr_gamma.is_none_or(positive)),
        ];
        match fits.into_iter().find(|(_, fits)| !fits) {
            Some((setting, _)) => Err(EngineError::RequestInvalid(RequestFault::Setting { setting })),
            None => Ok(()),
        }
    }

    /// alpha / rank.
    pub fn scale(&self) -> f64 {
        self.alpha / f64::from(self.rank)
    }

    /// Learning rate of step `step`, counted from 0: a linear rise, then half a cosine down to 0. Loshchilov and Hutter 2017.
    pub fn learning_rate_at(&self, step: u32) -> f64 {
        let (step, warmup, steps) = (f64::from(step), f64::from(self.warmup_steps), f64::from(self.steps));
        if step < warmup {
            return self.learning_rate * (step + 1.0) / warmup;
        }
        let share = (step - warmup) / (steps - warmup).max(1.0);
        self.learning_rate * 0.5 * (1.0 + (std::f64::consts::PI * share).cos())
    }
}

impl TrainRequest {
    /// What a picture is said to show: the trigger, then its tags.
    pub fn caption(&self, picture: &TrainingPicture) -> String {
        self.with_trigger(picture.tags.iter().map(String::as_str))
    }

    /// The trigger, then `tags`, parted by commas.
    pub fn with_trigger<'a>(&'a self, tags: impl Iterator<Item = &'a str>) -> String {
        let trigger = std::iter::once(self.trigger.as_str());
        let words: Vec<_> = trigger.chain(tags).filter(|word| !word.is_empty()).collect();
        words.join(", ")
    }
}
