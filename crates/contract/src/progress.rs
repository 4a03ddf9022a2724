//! How far a job is, in the JSON shapes that the columns `training_progress` and `generation_progress` hold.

use serde::{Deserialize, Serialize};

/// `styles.training_progress`; absent while a style is not being trained.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct TrainingProgress {
    /// Passes over all artworks that are finished.
    pub current_epoch: u32,
    /// Passes in all.
    pub total_epochs: u32,
    /// 0 to 100.
    pub progress_percent: u32,
    /// Seconds until the end, as far as is known.
    pub estimated_seconds: u64,
    /// ISO 8601, UTC.
    pub last_updated: String,
}

/// `generations.generation_progress`; absent while nothing is being made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct GenerationProgress {
    /// 0 to 100.
    pub progress_percent: u32,
    /// Sampler steps that are finished.
    pub current_step: u32,
    /// Sampler steps in all.
    pub total_steps: u32,
    /// ISO 8601, UTC.
    pub last_updated: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_has_the_shape_of_the_tables() {
        let training = r#"{"current_epoch":50,"total_epochs":100,"progress_percent":50,"estimated_seconds":900,"last_updated":"2025-01-15T12:00:00Z"}"#;
        let parsed: TrainingProgress = serde_json::from_str(training).expect("the documented example parses");
        assert_eq!(serde_json::to_string(&parsed).expect("plain data"), training);
        let generation =
            r#"{"progress_percent":75,"current_step":38,"total_steps":50,"last_updated":"2025-01-15T12:00:05Z"}"#;
        let parsed: GenerationProgress = serde_json::from_str(generation).expect("the documented example parses");
        assert_eq!(serde_json::to_string(&parsed).expect("plain data"), generation);
    }
}
