//! Whether a finished style does anything, and nothing bad: read back from its file, as every other program would.

use std::ops::ControlFlow;

use image::RgbImage;

use super::request::{Health, HealthProblem, TrainRequest};
use super::result;
use crate::error::Result;
use crate::lora::LoraFile;
use crate::model::Model;

/// Seed of the picture that is made with and without the style.
const SEED: u64 = 20_260;
/// Rounding alone moves a picture by less than this share of its range.
const DIFFERENCE_MIN: f64 = 0.002;

/// Reads the finished file and tries it; leaves the model without adapters.
pub(super) fn check(model: &Model, request: &TrainRequest, layers: u32) -> Result<Health> {
    let file = LoraFile::read(&request.output)?;
    let (mut not_numbers, mut nothing_learnt) = (0, 0);
    for layer in file.layers_of(model)? {
        let largest = |tensor: &candle_core::Tensor| tensor.abs()?.flatten_all()?.max(0)?.to_scalar::<f32>();
        let sum = |tensor: &candle_core::Tensor| tensor.sum_all()?.to_scalar::<f32>();
        // A maximum passes over what is no number, a sum does not.
        if !sum(&layer.down)?.is_finite() || !sum(&layer.up)?.is_finite() {
            tracing::warn!(layer = layer.name, "it holds values that are no numbers");
            not_numbers += 1;
        } else if largest(&layer.up)? == 0.0 {
            tracing::warn!(layer = layer.name, "it has learnt nothing");
            nothing_learnt += 1;
        }
    }
    let mut problems = Vec::new();
    if not_numbers > 0 {
        problems.push(HealthProblem::NotNumbers { layers: not_numbers });
    }
    if nothing_learnt > 0 {
        problems.push(HealthProblem::NothingLearnt { layers: nothing_learnt });
    }
    model.clear_adapters();
    let prompt = request
        .pictures
        .first()
        .map(|picture| request.caption(picture))
        .unwrap_or_default();
    let sample = || {
        let (what, steps) = ((prompt.as_str(), SEED), result::HEALTH_STEPS);
        result::sample(model, request, what, steps, &mut || ControlFlow::Continue(()))
    };
    let without = sample()?;
    let receipt = file.apply(model, 1.0);
    let with = receipt.and_then(|receipt| {
        if receipt.layers_matched != receipt.layers || receipt.layers != layers as usize {
            let matched = receipt.layers_matched as u32;
            problems.push(HealthProblem::LayersLost { matched, layers });
        }
        sample()
    });
    model.clear_adapters();
    let picture_difference = difference(&without, &with?);
    if picture_difference < DIFFERENCE_MIN {
        problems.push(HealthProblem::PictureUnchanged);
    }
    Ok(Health {
        problems,
        layers,
        picture_difference,
    })
}

/// Mean absolute difference, 0 to 1, of pictures of one size.
fn difference(a: &RgbImage, b: &RgbImage) -> f64 {
    let pairs = a.as_raw().iter().zip(b.as_raw());
    let sum: f64 = pairs.map(|(&a, &b)| f64::from(a.abs_diff(b))).sum();
    sum / (255.0 * a.as_raw().len() as f64)
}
