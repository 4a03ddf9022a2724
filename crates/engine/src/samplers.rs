//! Samplers: from noise to latents, in steps, exactly as diffusers' schedulers of these names do when they are made by `from_config` from
//! a model's own scheduler configuration.

mod ddim;
mod dpmpp;
mod euler;
mod unipc;

use std::str::FromStr;

use candle_core::{Result as Computed, Tensor};

use crate::config::SchedulerConfig;
use crate::error::{EngineError, RequestFault, Result};

/// The samplers by the names that users know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SamplerKind {
    /// `DDIMScheduler` with η = 0. Song et al. 2020.
    Ddim,
    /// `EulerDiscreteScheduler`. Karras et al. 2022, algorithm 2 without churn.
    Euler,
    /// `EulerAncestralDiscreteScheduler`: adds fresh noise at every step.
    EulerA,
    /// `DPMSolverMultistepScheduler` of order 2 on Karras' noise levels. Lu et al. 2022.
    Dpmpp2mKarras,
    /// `UniPCMultistepScheduler` of order 2. Zhao et al. 2023.
    Unipc,
}

impl SamplerKind {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Ddim, Self::Euler, Self::EulerA, Self::Dpmpp2mKarras, Self::Unipc];

    /// The name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ddim => "ddim",
            Self::Euler => "euler",
            Self::EulerA => "euler-a",
            Self::Dpmpp2mKarras => "dpmpp-2m-karras",
            Self::Unipc => "unipc",
        }
    }
}

impl FromStr for SamplerKind {
    type Err = EngineError;

    fn from_str(name: &str) -> Result<Self> {
        let unknown = || EngineError::RequestInvalid(RequestFault::NameUnknown { name: name.to_owned() });
        Self::ALL
            .into_iter()
            .find(|kind| kind.name() == name)
            .ok_or_else(unknown)
    }
}

/// What a UNet's output means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prediction {
    /// The noise.
    Epsilon,
    /// √ᾱ·noise − √(1−ᾱ)·picture. Salimans and Ho 2022.
    Velocity,
    /// The picture.
    Sample,
}

impl Prediction {
    /// What the configuration says.
    pub fn of(config: &SchedulerConfig) -> Self {
        match config.prediction_type.as_str() {
            "v_prediction" => Self::Velocity,
            "sample" => Self::Sample,
            _ => Self::Epsilon,
        }
    }
}

/// A walk from noise to latents.
pub struct Sampler {
    walk: Walk,
    timesteps: Vec<f64>,
}

enum Walk {
    Ddim(ddim::Ddim),
    Euler(euler::Euler),
    Dpmpp(dpmpp::Dpmpp),
    Unipc(unipc::Unipc),
}

impl Sampler {
    /// A walk of `steps` steps.
    ///
    /// # Errors
    /// When `steps` is 0 or more than the model was trained with.
    pub fn new(kind: SamplerKind, config: &SchedulerConfig, steps: usize) -> Result<Self> {
        if steps == 0 || steps >= config.num_train_timesteps {
            let most = config.num_train_timesteps - 1;
            return Err(EngineError::RequestInvalid(RequestFault::Steps {
                steps: steps as u64,
                steps_max: most as u64,
            }));
        }
        let (walk, timesteps) = match kind {
            SamplerKind::Ddim => {
                let (walk, timesteps) = ddim::Ddim::new(config, steps);
                (Walk::Ddim(walk), timesteps)
            }
            SamplerKind::Euler | SamplerKind::EulerA => {
                let (walk, timesteps) = euler::Euler::new(config, steps, kind == SamplerKind::EulerA);
                (Walk::Euler(walk), timesteps)
            }
            SamplerKind::Dpmpp2mKarras => {
                let (walk, timesteps) = dpmpp::Dpmpp::new(config, steps);
                (Walk::Dpmpp(walk), timesteps)
            }
            SamplerKind::Unipc => {
                let (walk, timesteps) = unipc::Unipc::new(config, steps);
                (Walk::Unipc(walk), timesteps)
            }
        };
        Ok(Self { walk, timesteps })
    }

    /// What the UNet is told at each step.
    pub fn timesteps(&self) -> &[f64] {
        &self.timesteps
    }

    /// Standard deviation of the noise to begin with.
    pub fn init_noise_sigma(&self) -> f64 {
        match &self.walk {
            Walk::Euler(walk) => walk.init_noise_sigma(),
            Walk::Ddim(_) | Walk::Dpmpp(_) | Walk::Unipc(_) => 1.0,
        }
    }

    /// The sample as the UNet wants it at `step`.
    ///
    /// # Errors
    /// When the device fails.
    pub fn scale_model_input(&self, sample: &Tensor, step: usize) -> Computed<Tensor> {
        match &self.walk {
            Walk::Euler(walk) => walk.scale_model_input(sample, step),
            Walk::Ddim(_) | Walk::Dpmpp(_) | Walk::Unipc(_) => Ok(sample.clone()),
        }
    }

    /// Whether steps want fresh noise.
    pub fn is_ancestral(&self) -> bool {
        matches!(&self.walk, Walk::Euler(walk) if walk.is_ancestral())
    }

    /// The sample after `step`; steps are taken in order from 0. `noise`, of the sample's shape, is asked for by ancestral samplers.
    ///
    /// # Errors
    /// When the device fails or noise is missing.
    pub fn step(&mut self, step: usize, output: &Tensor, sample: &Tensor, noise: Option<&Tensor>) -> Computed<Tensor> {
        match &mut self.walk {
            Walk::Ddim(walk) => walk.step(step, output, sample),
            Walk::Euler(walk) => walk.step(step, output, sample, noise),
            Walk::Dpmpp(walk) => walk.step(step, output, sample),
            Walk::Unipc(walk) => walk.step(step, output, sample),
        }
    }
}

/// a·x + b·y.
fn combine(a: f64, x: &Tensor, b: f64, y: &Tensor) -> Computed<Tensor> {
    (x * a)? + (y * b)?
}

/// √((1 − ᾱ) / ᾱ) of every training step, rising. A schedule that ends in pure noise ends just short of it, as diffusers does.
fn training_sigmas(config: &SchedulerConfig) -> Vec<f64> {
    let mut bars = crate::schedule::alphas_cumprod(config);
    if config.rescale_betas_zero_snr
        && let Some(last) = bars.last_mut()
    {
        *last = 2f64.powi(-24);
    }
    bars.into_iter().map(|bar| ((1.0 - bar) / bar).sqrt()).collect()
}

/// A noise level on the variance-preserving path: α = 1/√(σ²+1), σ·α, and λ = ln(α / (σ·α)).
#[derive(Clone, Copy)]
struct Level {
    alpha: f64,
    sigma: f64,
    lambda: f64,
}

impl Level {
    fn new(sigma: f64) -> Self {
        let alpha = (sigma * sigma + 1.0).sqrt().recip();
        Self {
            alpha,
            sigma: sigma * alpha,
            lambda: -sigma.ln(),
        }
    }

    /// The picture that an output predicts.
    fn picture(&self, prediction: Prediction, output: &Tensor, sample: &Tensor) -> Computed<Tensor> {
        match prediction {
            Prediction::Epsilon => combine(1.0 / self.alpha, sample, -self.sigma / self.alpha, output),
            Prediction::Velocity => combine(self.alpha, sample, -self.sigma, output),
            Prediction::Sample => Ok(output.clone()),
        }
    }
}
