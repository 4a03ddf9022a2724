//! Denoising diffusion implicit models. Song et al. 2020, equation 12 with η = 0.

use candle_core::{Result as Computed, Tensor};

use super::{Prediction, combine};
use crate::config::SchedulerConfig;
use crate::schedule::{Spacing, alphas_cumprod};

pub(super) struct Ddim {
    /// ᾱ of each step, and the one it ends at.
    bars: Vec<(f64, f64)>,
    prediction: Prediction,
    clip: Option<f64>,
}

impl Ddim {
    pub(super) fn new(config: &SchedulerConfig, steps: usize) -> (Self, Vec<f64>) {
        let bars = alphas_cumprod(config);
        let train = config.num_train_timesteps;
        let spacing = Spacing::of(config, Spacing::Leading);
        let timesteps = spacing.timesteps(train, steps, config.steps_offset, false, true);
        let last = if config.set_alpha_to_one { 1.0 } else { bars[0] };
        let bar = |t: f64| bars[(t as usize).min(train - 1)];
        let ends = timesteps.iter().map(|&t| {
            let next = t - (train / steps) as f64;
            (bar(t), if next >= 0.0 { bar(next) } else { last })
        });
        let clip = config.clip_sample.unwrap_or(true).then_some(config.clip_sample_range);
        (
            Self {
                bars: ends.collect(),
                prediction: Prediction::of(config),
                clip,
            },
            timesteps,
        )
    }

    pub(super) fn step(&self, step: usize, output: &Tensor, sample: &Tensor) -> Computed<Tensor> {
        let (bar, next) = self.bars[step];
        let (alpha, sigma) = (bar.sqrt(), (1.0 - bar).sqrt());
        let (mut picture, noise) = match self.prediction {
            Prediction::Epsilon => (combine(1.0 / alpha, sample, -sigma / alpha, output)?, output.clone()),
            Prediction::Velocity => (
                combine(alpha, sample, -sigma, output)?,
                combine(alpha, output, sigma, sample)?,
            ),
            Prediction::Sample => (output.clone(), combine(1.0 / sigma, sample, -alpha / sigma, output)?),
        };
        if let Some(range) = self.clip {
            picture = picture.clamp(-range, range)?;
        }
        combine(next.sqrt(), &picture, (1.0 - next).sqrt(), &noise)
    }
}
