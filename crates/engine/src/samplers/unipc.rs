//! Unified predictor-corrector of order 2 with B₂(h). Zhao et al. 2023, "UniPC", algorithms 5 to 8.

use candle_core::{Result as Computed, Tensor};

use super::{Level, Prediction, combine, training_sigmas};
use crate::config::SchedulerConfig;
use crate::schedule::{Spacing, interpolate, karras, timestep_of};

const ORDER: usize = 2;

pub(super) struct Unipc {
    /// One more than steps; the last is 0.
    sigmas: Vec<f64>,
    prediction: Prediction,
    /// Predicted pictures of earlier steps, newest last.
    pictures: Vec<Tensor>,
    /// Where the last step began, and its order.
    last: Option<(Tensor, usize)>,
}

impl Unipc {
    pub(super) fn new(config: &SchedulerConfig, steps: usize) -> (Self, Vec<f64>) {
        let all = training_sigmas(config);
        let (sigmas, timesteps) = if config.use_karras_sigmas {
            let sigmas = karras(all[all.len() - 1], all[0], steps);
            let timesteps = sigmas
                .iter()
                .map(|&sigma| timestep_of(sigma, &all).round_ties_even())
                .collect();
            (sigmas, timesteps)
        } else {
            let spacing = Spacing::of(config, Spacing::Linspace);
            let timesteps = spacing.timesteps(config.num_train_timesteps, steps, config.steps_offset, true, true);
            (timesteps.iter().map(|&t| interpolate(&all, t)).collect(), timesteps)
        };
        let sigmas = sigmas.into_iter().chain([0.0]).collect();
        (
            Self {
                sigmas,
                prediction: Prediction::of(config),
                pictures: Vec::new(),
                last: None,
            },
            timesteps,
        )
    }

    fn level(&self, step: usize) -> Level {
        Level::new(self.sigmas[step])
    }

    pub(super) fn step(&mut self, step: usize, output: &Tensor, sample: &Tensor) -> Computed<Tensor> {
        let steps = self.sigmas.len() - 1;
        let picture = self.level(step).picture(self.prediction, output, sample)?;
        let sample = match self.last.take() {
            Some((begun, order)) => self.correct(step, order, &begun, &picture)?,
            None => sample.clone(),
        };
        self.pictures.push(picture);
        if self.pictures.len() > ORDER {
            self.pictures.remove(0);
        }
        let order = ORDER.min(steps - step).min(step + 1);
        let next = self.predict(step, order, &sample)?;
        self.last = Some((sample, order));
        Ok(next)
    }

    /// Slope towards the picture of the step before `now`, and how far that lies in units of the step from `now` to `next`.
    fn slope(
        &self,
        newest: &Tensor,
        older: &Tensor,
        now: Level,
        before: Level,
        next: Level,
    ) -> Computed<(Tensor, f64)> {
        let distance = (before.lambda - now.lambda) / (next.lambda - now.lambda);
        Ok((((older - newest)? / distance)?, distance))
    }

    fn predict(&self, step: usize, order: usize, sample: &Tensor) -> Computed<Tensor> {
        let (now, next) = (self.level(step), self.level(step + 1));
        let newest = &self.pictures[self.pictures.len() - 1];
        let b = (-(next.lambda - now.lambda)).exp_m1();
        let base = combine(next.sigma / now.sigma, sample, -next.alpha * b, newest)?;
        if order < 2 {
            return Ok(base);
        }
        let older = &self.pictures[self.pictures.len() - 2];
        let (slope, _) = self.slope(newest, older, now, self.level(step - 1), next)?;
        combine(1.0, &base, -0.5 * next.alpha * b, &slope)
    }

    /// The sample at `step` again, now that the picture predicted there is known.
    fn correct(&self, step: usize, order: usize, begun: &Tensor, picture: &Tensor) -> Computed<Tensor> {
        let (now, next) = (self.level(step - 1), self.level(step));
        let newest = &self.pictures[self.pictures.len() - 1];
        let h = -(next.lambda - now.lambda);
        let b = h.exp_m1();
        let base = combine(next.sigma / now.sigma, begun, -next.alpha * b, newest)?;
        let change = (picture - newest)?;
        if order < 2 {
            return combine(1.0, &base, -next.alpha * b * 0.5, &change);
        }
        let older = &self.pictures[self.pictures.len() - 2];
        let (slope, distance) = self.slope(newest, older, now, self.level(step - 2), next)?;
        // φ-functions: b₁ = (e^h − 1)/h − 1, b₂ = (b₁/h − 1/2)·2, over B₂ = e^h − 1; the weights solve
        // w₁ + w₂ = b₁/B₂ and r·w₁ + w₂ = b₂/B₂.
        let phi = b / h - 1.0;
        let (first, second) = (phi / b, (phi / h - 0.5) * 2.0 / b);
        let weight = (first - second) / (1.0 - distance);
        let corrected = combine(weight, &slope, first - weight, &change)?;
        combine(1.0, &base, -next.alpha * b, &corrected)
    }
}
