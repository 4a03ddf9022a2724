//! Golden tensors, models and errors, for all tests.

use std::path::PathBuf;

use atelier_engine::model::Model;
use atelier_engine::weights::SafeTensors;
use candle_core::{DType, Device, Tensor};

/// Relative error of networks in f32: sums in another order, no more.
pub(crate) const NETWORK: f64 = 1e-4;
/// The small models.
pub(crate) const ARCHITECTURES: [&str; 2] = ["sd15", "sdxl"];

/// A file of the golden ones.
pub(crate) fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name)
}

/// Golden tensors of one file.
pub(crate) struct Golden(SafeTensors);

impl Golden {
    pub(crate) fn open(name: &str) -> Self {
        Self(SafeTensors::open(&path(name)).expect("golden files are sound"))
    }

    pub(crate) fn get(&self, name: &str) -> Tensor {
        self.0.load(name, DType::F32).expect("a golden tensor of this name")
    }

    pub(crate) fn find(&self, name: &str) -> Option<Tensor> {
        self.0.facts(name).map(|_| self.get(name))
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.0.names().map(str::to_owned).collect()
    }
}

/// The small model of an architecture, from its folder.
pub(crate) fn model(architecture: &str) -> Model {
    Model::load(&path(&format!("{architecture}-tiny")), &Device::Cpu, DType::F32).expect("the small model loads")
}

/// Token ids `[B, 77]`, which the golden files keep as numbers of any kind.
pub(crate) fn ids(tensor: &Tensor) -> Tensor {
    tensor.to_dtype(DType::U32).expect("ids are whole numbers")
}

/// ‖found − wanted‖ / ‖wanted‖.
pub(crate) fn error(found: &Tensor, wanted: &Tensor) -> f64 {
    assert_eq!(found.dims(), wanted.dims(), "shapes differ");
    let numbers = |x: &Tensor| -> Vec<f32> {
        let x = x.to_dtype(DType::F32).and_then(|x| x.flatten_all());
        x.and_then(|x| x.to_vec1()).expect("a tensor on the processor")
    };
    let (mut difference, mut norm) = (0.0, 0.0);
    for (found, wanted) in numbers(found).into_iter().zip(numbers(wanted)) {
        difference += f64::from(found - wanted).powi(2);
        norm += f64::from(wanted).powi(2);
    }
    let error = (difference / norm.max(f64::MIN_POSITIVE)).sqrt();
    assert!(error.is_finite(), "not a number");
    error
}

/// Fails where `found` is further from `wanted` than `most`.
#[track_caller]
pub(crate) fn close(what: &str, found: &Tensor, wanted: &Tensor, most: f64) {
    let error = error(found, wanted);
    println!("{what}: {error:.1e}");
    assert!(error <= most, "{what}: relative error {error:.2e}, allowed {most:.0e}");
}
