//! What the UNet should have said, and how much each timestep counts.

use crate::samplers::Prediction;

/// What should be predicted at ᾱ, as the shares of noise and latents in it.
pub(super) fn target(prediction: Prediction, alpha_bar: f64) -> (f64, f64) {
    match prediction {
        Prediction::Epsilon => (1.0, 0.0),
        Prediction::Velocity => (alpha_bar.sqrt(), -(1.0 - alpha_bar).sqrt()),
        Prediction::Sample => (0.0, 1.0),
    }
}

/// Weight of the squared error at ᾱ: min-SNR-γ, 1 without γ. Hang et al. 2023, section 3.4.
pub(super) fn weight(prediction: Prediction, alpha_bar: f64, gamma: Option<f64>) -> f64 {
    let Some(gamma) = gamma else { return 1.0 };
    let ratio = alpha_bar / (1.0 - alpha_bar);
    match prediction {
        // min(SNR, γ)/SNR, which stays right where the ratio is 0.
        Prediction::Epsilon => (gamma / ratio).min(1.0),
        Prediction::Velocity => ratio.min(gamma) / (ratio + 1.0),
        Prediction::Sample => ratio.min(gamma),
    }
}

#[cfg(test)]
mod tests {
    use super::{Prediction, weight};

    #[test]
    fn clear_timesteps_are_weighed_down() {
        let [clear, noisy] = [0.99, 0.05];
        assert!((weight(Prediction::Epsilon, clear, Some(5.0)) - 5.0 / 99.0).abs() < 1e-9);
        assert_eq!(weight(Prediction::Epsilon, noisy, Some(5.0)), 1.0);
        assert!((weight(Prediction::Velocity, clear, Some(5.0)) - 0.05).abs() < 1e-9);
        assert_eq!(weight(Prediction::Epsilon, 0.0, Some(5.0)), 1.0);
        assert_eq!(weight(Prediction::Velocity, clear, None), 1.0);
    }
}
