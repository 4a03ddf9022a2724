//! Whether the device that does the work has the memory for a kind of model.
//!
//! Numbers of peaks, not of weights: the decoder and the backward pass need more than the files do.

use atelier_worker_protocol::DType;
use serde::{Deserialize, Serialize};

use crate::hardware::Device;

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

/// What the worker needs for one architecture.
struct Need {
    architecture: &'static str,
    /// Numbers in all weights.
    parameters: u64,
    /// Beside the weights, at the peak of making a picture, in MB.
    generate_mb: u64,
    /// Beside the weights, at the peak of training, in MB.
    train_mb: u64,
}

/// What stands beside the weights was measured with `atelier bench` in 32 bits on the processor (BENCHMARKS.md: the peak less the weights); SDXL's is
/// counted as four times that of SD 1.5. No graphics card was measured. There weights take 2 bytes, which is certain; what stands
/// beside them is not halved, because the processor's kernels keep less of it (convolution and attention in tiles) than a card's do.
const NEEDS: [Need; 3] = [
    Need {
        architecture: "sd15-small",
        parameters: 3_600_000,
        generate_mb: 50,
        train_mb: 114,
    },
    Need {
        architecture: "sd15",
        parameters: 1_066_235_307,
        generate_mb: 864,
        train_mb: 1_035,
    },
    Need {
        architecture: "sdxl",
        parameters: 3_468_811_000,
        generate_mb: 3_456,
        train_mb: 4_140,
    },
];

impl Need {
    /// For making pictures and for training, in MB.
    const fn peaks_mb(&self, dtype: DType) -> (u64, u64) {
        let bytes = match dtype {
            DType::F32 => 4,
            DType::Bf16 | DType::F16 => 2,
        };
        let weights_mb = (self.parameters * bytes) >> 20;
        (weights_mb + self.generate_mb, weights_mb + self.train_mb)
    }
}

impl Fit {
    /// How a model of `architecture` fits `device`. An architecture that was never measured is given the benefit of the doubt: the
    /// worker refuses what does not fit.
    #[must_use]
    pub fn of(architecture: &str, device: Device) -> Self {
        let need = NEEDS.iter().find(|need| need.architecture == architecture);
        let (generate_mb, train_mb) = need.map_or((0, 0), |need| need.peaks_mb(device.dtype));
        let available_mb = device.memory_bytes >> 20;
        Self {
            generate: generate_mb <= available_mb,
            train: train_mb <= available_mb,
            generate_mb,
            train_mb,
            available_mb,
        }
    }
}

#[cfg(test)]
mod tests {
    use atelier_worker_protocol::{Backend, DeviceFacts, Hello};

    use super::*;

    const GIB: u64 = 1 << 30;

    fn hello(backend: Backend, memory_bytes: Option<u64>, dtype: DType) -> Hello {
        Hello {
            protocol: 2,
            version: String::new(),
            backend,
            device: DeviceFacts {
                name: String::new(),
                memory_bytes,
                dtype,
            },
        }
    }

    fn card(memory_bytes: u64, machine_bytes: u64) -> Device {
        Device::of(&hello(Backend::Cuda, Some(memory_bytes), DType::F16), machine_bytes)
    }

    #[test]
    fn a_card_of_24_gb_in_a_machine_of_16_runs_the_largest() {
        let device = card(24 * GIB, 16 * GIB);
        let fit = Fit::of("sdxl", device);
        assert!(fit.generate && fit.train, "{fit:?}");
        assert_eq!(fit.available_mb, 24 * 1024);
    }

    #[test]
    fn a_card_of_8_gb_in_a_machine_of_64_does_not() {
        let device = card(8 * GIB, 64 * GIB);
        let fit = Fit::of("sdxl", device);
        assert!(!fit.generate && !fit.train, "{fit:?}");
        assert_eq!(fit.available_mb, 8 * 1024);
        let smaller = Fit::of("sd15", device);
        assert!(smaller.generate && smaller.train, "{smaller:?}");
    }

    #[test]
    fn a_processor_works_in_the_machines_memory() {
        let device = Device::of(&hello(Backend::Cpu, None, DType::F32), 16 * GIB);
        assert!(!Fit::of("sdxl", device).generate);
        // The measured peaks of BENCHMARKS.md, 5.17 GB and 5.35 GB.
        let fit = Fit::of("sd15", device);
        assert_eq!((fit.generate_mb, fit.train_mb), (4_931, 5_102));
    }

    #[test]
    fn what_was_never_measured_is_given_the_benefit_of_the_doubt() {
        assert!(Fit::of("other", card(GIB, GIB)).train);
    }
}
