//! The noise schedule a model was trained on, and how samplers walk down it.

use crate::config::SchedulerConfig;

/// ᾱ₁…ᾱ_N of the training schedule, in f64. Ho et al. 2020, section 2.
///
/// With `rescale_betas_zero_snr` the last one is 0. Lin et al. 2023, algorithm 1.
pub fn alphas_cumprod(config: &SchedulerConfig) -> Vec<f64> {
    let count = config.num_train_timesteps;
    let at = |i: usize| i as f64 / (count - 1).max(1) as f64;
    let betas: Vec<f64> = match (&config.trained_betas, config.beta_schedule.as_str()) {
        (Some(betas), _) => betas.clone(),
        (None, "scaled_linear") => {
            let (start, end) = (config.beta_start.sqrt(), config.beta_end.sqrt());
            (0..count).map(|i| (start + (end - start) * at(i)).powi(2)).collect()
        }
        (None, "squaredcos_cap_v2") => {
            // Nichol and Dhariwal 2021, equation 17.
            let bar = |t: f64| ((t + 0.008) / 1.008 * std::f64::consts::FRAC_PI_2).cos().powi(2);
            let n = count as f64;
            (0..count)
                .map(|i| (1.0 - bar((i + 1) as f64 / n) / bar(i as f64 / n)).min(0.999))
                .collect()
        }
        (None, _) => (0..count)
            .map(|i| config.beta_start + (config.beta_end - config.beta_start) * at(i))
            .collect(),
    };
    let mut product = 1.0;
    let mut bars: Vec<f64> = betas
        .iter()
        .map(|beta| {
            product *= 1.0 - beta;
            product
        })
        .collect();
    if config.rescale_betas_zero_snr {
        let (first, last) = (bars[0].sqrt(), bars[count - 1].sqrt());
        bars.iter_mut()
            .for_each(|bar| *bar = ((bar.sqrt() - last) * first / (first - last)).powi(2));
    }
    bars
}

/// Where a sampler's timesteps lie on the training schedule. Lin et al. 2023, table 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spacing {
    Linspace,
    Leading,
    Trailing,
}

impl Spacing {
    pub(crate) fn of(config: &SchedulerConfig, default: Self) -> Self {
        match config.timestep_spacing.as_deref() {
            Some("leading") => Self::Leading,
            Some("trailing") => Self::Trailing,
            Some("linspace") => Self::Linspace,
            _ => default,
        }
    }

    /// `steps` timesteps of a schedule of `train`, from noise to picture, rounded to whole numbers where `round` is set.
    /// With `one_more`, they are the first of `steps` + 1 (multistep samplers count so).
    pub(crate) fn timesteps(self, train: usize, steps: usize, offset: usize, one_more: bool, round: bool) -> Vec<f64> {
        let points = if one_more { steps + 1 } else { steps };
        let rounded = |t: f64| if round { t.round_ties_even() } else { t };
        let mut timesteps: Vec<f64> = match self {
            Self::Linspace => {
                let last = (train - 1) as f64;
                (0..points)
                    .map(|i| rounded(last * i as f64 / (points - 1).max(1) as f64))
                    .rev()
                    .collect()
            }
            Self::Leading => (0..points)
                .map(|i| (i * (train / points) + offset) as f64)
                .rev()
                .collect(),
            Self::Trailing => {
                let ratio = train as f64 / steps as f64;
                (0..steps)
                    .map(|i| (train as f64 - i as f64 * ratio).round_ties_even() - 1.0)
                    .collect()
            }
        };
        timesteps.truncate(steps);
        timesteps
    }
}

/// Linear interpolation of `values`, given at 0, 1, 2, …, as numpy's `interp` does.
pub(crate) fn interpolate(values: &[f64], at: f64) -> f64 {
    let low = (at.max(0.0) as usize).min(values.len() - 1);
    let high = (low + 1).min(values.len() - 1);
    values[low] + (values[high] - values[low]) * (at - low as f64).clamp(0.0, 1.0)
}

/// `steps` noise levels between the first (largest) and last of `sigmas`, spaced as Karras et al. 2022, equation 5, with ρ = 7.
pub(crate) fn karras(largest: f64, smallest: f64, steps: usize) -> Vec<f64> {
    const RHO: f64 = 7.0;
    let (largest, smallest) = (largest.powf(1.0 / RHO), smallest.powf(1.0 / RHO));
    (0..steps)
        .map(|i| (largest + i as f64 / (steps - 1).max(1) as f64 * (smallest - largest)).powf(RHO))
        .collect()
}

/// The timestep whose noise level is `sigma`, between two of the training schedule, by the logarithm of rising `sigmas`.
pub(crate) fn timestep_of(sigma: f64, sigmas: &[f64]) -> f64 {
    let wanted = sigma.max(1e-10).ln();
    let low = sigmas
        .iter()
        .rposition(|sigma| sigma.ln() <= wanted)
        .unwrap_or(0)
        .min(sigmas.len() - 2);
    let (below, above) = (sigmas[low].ln(), sigmas[low + 1].ln());
    let share = ((below - wanted) / (below - above)).clamp(0.0, 1.0);
    low as f64 + share
}
