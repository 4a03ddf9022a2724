//! Presets of training: what suits an architecture when nobody says otherwise.
//!
//! Sources: for `sd15` and `sdxl` the settings that kohya's and diffusers' guides agree on (rank 16 to 32, 1e-4, 100 to 200 looks at an
//! artwork, min-SNR γ 5); for the small starter the sweep in `models/README.md`.

use atelier_contract::Refusal;
use atelier_worker_protocol::TrainSettings;
use serde::{Deserialize, Serialize};

/// How much time a training may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "lowercase")]
pub enum Preset {
    /// A first look: with the starter model about three minutes on two cores.
    Quick,
    /// What most styles need.
    #[default]
    Balanced,
    /// For the last bit.
    Quality,
}

/// Names of the presets.
pub const PRESETS: [(&str, Preset); 3] = [
    ("quick", Preset::Quick),
    ("balanced", Preset::Balanced),
    ("quality", Preset::Quality),
];

impl Preset {
    /// # Errors
    /// [`Refusal::PresetUnknown`].
    pub fn named(name: &str) -> Result<Self, Refusal> {
        PRESETS
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, preset)| *preset)
            .ok_or_else(|| Refusal::PresetUnknown {
                preset: name.to_owned(),
                known: PRESETS.map(|(name, _)| name.to_owned()).into(),
            })
    }
}

/// Steps, rank, learning rate, batch and accumulation of a preset.
struct Row {
    steps: u32,
    rank: u32,
    learning_rate: f64,
    batch: u32,
    accumulation: u32,
}

/// The settings of `preset` for a model of `architecture` made for squares of `native_px`, and `artworks` pictures.
#[must_use]
pub fn settings(preset: Preset, architecture: &str, native_px: u32, artworks: u32) -> TrainSettings {
    let small = architecture == "sd15-small";
    let row = |steps, rank, learning_rate, batch, accumulation| Row {
        steps,
        rank,
        learning_rate,
        batch,
        accumulation,
    };
    let looks = |each: u32, fewest: u32, most: u32| (artworks * each).clamp(fewest, most);
    let row = match (architecture, preset) {
        ("sd15-small", Preset::Quick) => row(300, 8, 4e-3, 4, 1),
        ("sd15-small", Preset::Balanced) => row(600, 8, 3e-3, 4, 1),
        ("sd15-small", Preset::Quality) => row(1500, 16, 2e-3, 4, 1),
        ("sdxl", Preset::Quick) => row(looks(40, 600, 1500), 16, 1e-4, 1, 1),
        ("sdxl", Preset::Balanced) => row(looks(80, 1200, 3000), 32, 1e-4, 1, 2),
        ("sdxl", Preset::Quality) => row(looks(150, 2000, 6000), 32, 5e-5, 1, 4),
        (_, Preset::Quick) => row(looks(50, 800, 1500), 16, 1e-4, 1, 1),
        (_, Preset::Balanced) => row(looks(100, 1500, 3000), 16, 1e-4, 1, 2),
        (_, Preset::Quality) => row(looks(150, 2000, 6000), 32, 5e-5, 1, 4),
    };
    TrainSettings {
        steps: row.steps,
        rank: row.rank,
        alpha: f64::from(row.rank),
        learning_rate: row.learning_rate,
        warmup_steps: (row.steps / 20).max(1),
        weight_decay: 0.01,
        batch: row.batch,
        accumulation: row.accumulation,
        min_snr_gamma: Some(5.0),
        caption_dropout: 0.1,
        // A small network has few attention layers, and its look lives in the others.
        feed_forward: small,
        convolutions: small,
        text_encoder: false,
        flip: false,
        resolution: native_px,
        recompute: None,
        checkpoint_every: if small { 50 } else { 100 },
        sample_every: 0,
        samples: Vec::new(),
        seed: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_has_a_name_and_a_higher_one_takes_longer() {
        assert!(matches!(Preset::named("best"), Err(Refusal::PresetUnknown { known, .. }) if known.len() == 3));
        for architecture in ["sd15-small", "sd15", "sdxl"] {
            let passes = |preset| {
                let settings = settings(preset, architecture, 512, 20);
                settings.steps * settings.batch * settings.accumulation
            };
            assert!(
                passes(Preset::Quick) < passes(Preset::Balanced) && passes(Preset::Balanced) < passes(Preset::Quality)
            );
        }
    }
}
