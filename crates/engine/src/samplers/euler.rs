//! Euler's method on the probability flow, with or without fresh noise. Karras et al. 2022.

use candle_core::{Result as Computed, Tensor};

use super::{Prediction, combine, training_sigmas};
use crate::config::SchedulerConfig;
use crate::schedule::{Spacing, interpolate, karras, timestep_of};

pub(super) struct Euler {
    /// One more than steps; the last is 0.
    sigmas: Vec<f64>,
    prediction: Prediction,
    spacing: Spacing,
    ancestral: bool,
}

impl Euler {
    pub(super) fn new(config: &SchedulerConfig, steps: usize, ancestral: bool) -> (Self, Vec<f64>) {
        let all = training_sigmas(config);
        let spacing = Spacing::of(config, Spacing::Linspace);
        let mut timesteps = spacing.timesteps(config.num_train_timesteps, steps, config.steps_offset, false, false);
        let mut sigmas: Vec<f64> = timesteps.iter().map(|&t| interpolate(&all, t)).collect();
        if config.use_karras_sigmas && !ancestral {
            sigmas = karras(sigmas[0], sigmas[steps - 1], steps);
            timesteps = sigmas.iter().map(|&sigma| timestep_of(sigma, &all)).collect();
        }
        sigmas.push(0.0);
        (
            Self {
                sigmas,
                prediction: Prediction::of(config),
                spacing,
                ancestral,
            },
            timesteps,
        )
    }

    pub(super) fn is_ancestral(&self) -> bool {
        self.ancestral
    }

    pub(super) fn init_noise_sigma(&self) -> f64 {
        let largest = self.sigmas.iter().copied().fold(0.0, f64::max);
        if self.spacing == Spacing::Leading {
            (largest * largest + 1.0).sqrt()
        } else {
            largest
        }
    }

    pub(super) fn scale_model_input(&self, sample: &Tensor, step: usize) -> Computed<Tensor> {
        sample * (self.sigmas[step].powi(2) + 1.0).sqrt().recip()
    }

    pub(super) fn step(
        &self,
        step: usize,
        output: &Tensor,
        sample: &Tensor,
        noise: Option<&Tensor>,
    ) -> Computed<Tensor> {
        let (from, to) = (self.sigmas[step], self.sigmas[step + 1]);
        // The derivative is (sample − picture) / σ.
        let derivative = match self.prediction {
            Prediction::Epsilon => output.clone(),
            Prediction::Velocity => {
                let scale = from * from + 1.0;
                combine((1.0 - 1.0 / scale) / from, sample, scale.sqrt().recip(), output)?
            }
            Prediction::Sample => combine(1.0 / from, sample, -1.0 / from, output)?,
        };
        if !self.ancestral {
            return combine(1.0, sample, to - from, &derivative);
        }
        let up = (to * to * (from * from - to * to) / (from * from)).sqrt();
        let down = (to * to - up * up).sqrt();
        let Some(noise) = noise else {
            candle_core::bail!("an ancestral sampler was given no noise")
        };
        combine(1.0, &combine(1.0, sample, down - from, &derivative)?, up, noise)
    }
}
