//! DPM-Solver++ of order 2, multistep, on Karras' noise levels. Lu et al. 2022, "DPM-Solver++", algorithm 2.

use candle_core::{Result as Computed, Tensor};

use super::{Level, Prediction, combine, training_sigmas};
use crate::config::SchedulerConfig;
use crate::schedule::{karras, timestep_of};

pub(super) struct Dpmpp {
    /// One more than steps; the last is 0.
    sigmas: Vec<f64>,
    prediction: Prediction,
    previous: Option<Tensor>,
}

impl Dpmpp {
    pub(super) fn new(config: &SchedulerConfig, steps: usize) -> (Self, Vec<f64>) {
        let all = training_sigmas(config);
        let mut sigmas = karras(all[all.len() - 1], all[0], steps);
        let timestep = |&sigma: &f64| {
            let t = timestep_of(sigma, &all);
            if config.beta_schedule == "squaredcos_cap_v2" {
                t
            } else {
                t.round_ties_even()
            }
        };
        let timesteps = sigmas.iter().map(timestep).collect();
        sigmas.push(0.0);
        (
            Self {
                sigmas,
                prediction: Prediction::of(config),
                previous: None,
            },
            timesteps,
        )
    }

    pub(super) fn step(&mut self, step: usize, output: &Tensor, sample: &Tensor) -> Computed<Tensor> {
        let steps = self.sigmas.len() - 1;
        let (now, next) = (Level::new(self.sigmas[step]), Level::new(self.sigmas[step + 1]));
        let picture = now.picture(self.prediction, output, sample)?;
        let grows = (-(next.lambda - now.lambda)).exp_m1();
        let first = combine(next.sigma / now.sigma, sample, -next.alpha * grows, &picture)?;
        let result = match &self.previous {
            // The last step ends at no noise at all, where a second order has no meaning.
            Some(previous) if step + 1 < steps => {
                let before = Level::new(self.sigmas[step - 1]);
                let ratio = (now.lambda - before.lambda) / (next.lambda - now.lambda);
                let weight = -0.5 * next.alpha * grows / ratio;
                combine(1.0, &first, weight, &(&picture - previous)?)?
            }
            _ => first,
        };
        self.previous = Some(picture);
        Ok(result)
    }
}
