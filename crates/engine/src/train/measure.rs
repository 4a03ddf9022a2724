//! A step of training on its own, for measuring.

use candle_core::{DType, Tensor};

use super::adapters::Adapters;
use super::optimizer::AdamW;
use super::request::TrainSettings;
use crate::error::Result;
use crate::model::Model;
use crate::ops::AdapterGradients;
use crate::unet::Conditioning;

/// Rank of the adapters.
const RANK: u32 = 8;

/// Puts adapters into the attention of the UNet and returns a step on `noisy` latents `[B, C, h, w]`, with recomputation.
///
/// # Errors
/// When the device has no room.
pub fn measured_step(
    model: &Model,
    noisy: Tensor,
    conditioning: Conditioning,
) -> Result<impl FnMut() -> Result<()> + '_> {
    let settings = TrainSettings {
        steps: 1000,
        rank: RANK,
        alpha: f64::from(RANK),
        learning_rate: 1e-4,
        warmup_steps: 0,
        weight_decay: 0.01,
        batch: noisy.dim(0)? as u32,
        accumulation: 1,
        min_snr_gamma: None,
        caption_dropout: 0.0,
        feed_forward: false,
        convolutions: false,
        text_encoder: false,
        flip: false,
        resolution: 0,
        recompute: Some(true),
        checkpoint_every: 0,
        sample_every: 0,
        samples: Vec::new(),
        seed: 1,
    };
    let adapters = Adapters::new(model, &settings)?;
    let mut optimizer = AdamW::new(adapters.parameters())?;
    let gathered = AdapterGradients::new(adapters.parameters());
    let timestep = Tensor::full(500f32, noisy.dim(0)?, &model.device)?;
    let mut step = 0;
    Ok(move || {
        // They stay in the model as long as the steps do.
        let _ = &adapters;
        gathered.clear();
        let said = model
            .unet
            .forward(&noisy, &timestep, &conditioning, Some(&gathered))?
            .to_dtype(DType::F32)?;
        let loss = (said - noisy.to_dtype(DType::F32)?)?.sqr()?.mean_all()?;
        gathered.backward(&loss)?;
        let (gradient, _) = optimizer.gradient(&gathered)?;
        optimizer.step(&gradient, step, settings.learning_rate, settings.weight_decay)?;
        step += 1;
        Ok(())
    })
}
