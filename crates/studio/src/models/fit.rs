//! Whether a machine has the memory for a kind of model.
//!
//! Numbers of peaks, not of weights: the decoder and the backward pass need more than the files do.

use serde::{Deserialize, Serialize};

/// Memory that a kind of model needs and that there is, in MB of 2²⁰ bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct Fit {
    /// Whether pictures can be made.
    pub generate: bool,
    /// Whether styles can be trained.
    pub train: bool,
    /// For one picture of the model's own size.
    pub generate_mb: u64,
    /// For a style, a picture at a time.
    pub train_mb: u64,
    /// What the device has for the worker.
    pub available_mb: u64,
}

/// Peaks of the worker for one architecture, in MB.
struct Peaks {
    architecture: &'static str,
    generate_mb: u64,
    train_mb: u64,
}

/// In 32 bits on the processor, measured with `atelier bench` (BENCHMARKS.md); half as wide numbers on a graphics card need less. SDXL is
/// counted, not measured: 3.5 billion weights, and four times the activations that SD 1.5 has beside its weights.
const PEAKS: [Peaks; 3] = [
    Peaks {
        architecture: "sd15-small",
        generate_mb: 64,
        train_mb: 128,
    },
    Peaks {
        architecture: "sd15",
        generate_mb: 4_931,
        train_mb: 5_102,
    },
    Peaks {
        architecture: "sdxl",
        generate_mb: 16_700,
        train_mb: 17_200,
    },
];

impl Fit {
    /// How a model of `architecture` fits a device with `available_bytes` of memory. An architecture that was never measured is
    /// given the benefit of the doubt: the worker refuses what does not fit.
    #[must_use]
    pub fn of(architecture: &str, available_bytes: u64) -> Self {
        let peaks = PEAKS.iter().find(|peaks| peaks.architecture == architecture);
        let (generate_mb, train_mb) = peaks.map_or((0, 0), |peaks| (peaks.generate_mb, peaks.train_mb));
        let available_mb = available_bytes >> 20;
        Self {
            generate: generate_mb <= available_mb,
            train: train_mb <= available_mb,
            generate_mb,
            train_mb,
            available_mb,
        }
    }
}
