//! Pieces of work whose time and memory are worth knowing, ready to be run again and again on any model.

use std::ops::ControlFlow;

use candle_core::{DType, Tensor};

use crate::error::{EngineError, RequestFault, Result};
use crate::generate::{GenerateRequest, generate};
use crate::model::Model;
use crate::samplers::SamplerKind;
use crate::train::measured_step;

/// A piece of work; when it returns, the device is done with it.
pub type Work<'a> = Box<dyn FnMut() -> Result<()> + 'a>;

/// Steps of the sampler in [`picture`].
const STEPS: usize = 20;

/// One pass of the UNet over `batch` noisy latents of pictures of `size`×`size` pixels.
///
/// # Errors
/// When the size does not fit the model.
pub fn unet(model: &Model, size: usize, batch: usize) -> Result<Work<'_>> {
    let side = check(model, size, batch)?;
    let sample = normal(model, &[batch, model.unet_config.in_channels, side, side], model.dtype)?;
    let timestep = Tensor::full(500f32, batch, &model.device)?;
    let prompts = vec!["a red house"; batch];
    let conditioning = model.encode_prompts(&prompts, size, size)?;
    Ok(Box::new(move || {
        wait(&model.unet.forward(&sample, &timestep, &conditioning, None)?)
    }))
}

/// Decoding `batch` latents to pictures of `size`×`size` pixels, one after the other.
///
/// # Errors
/// When the size does not fit the model.
pub fn vae(model: &Model, size: usize, batch: usize) -> Result<Work<'_>> {
    let side = check(model, size, batch)?;
    let latent = normal(model, &[1, model.vae_config.latent_channels, side, side], DType::F32)?;
    Ok(Box::new(move || {
        (0..batch).try_for_each(|_| wait(&model.vae.decode(&latent)?))
    }))
}

/// `batch` guided pictures of 20 steps from a prompt, text encoding and decoding included.
///
/// # Errors
/// When the size does not fit the model.
pub fn picture(model: &Model, size: usize, batch: usize) -> Result<Work<'_>> {
    check(model, size, batch)?;
    let request = GenerateRequest {
        prompt: "a red house".into(),
        negative_prompt: String::new(),
        width: size,
        height: size,
        seeds: (1..=batch as u64).collect(),
        steps: STEPS,
        guidance: 7.0,
        sampler: SamplerKind::Dpmpp2mKarras,
        preview_every: 0,
    };
    Ok(Box::new(move || {
        generate(model, &request, &mut |_| ControlFlow::Continue(()))
    }))
}

/// One step of training a LoRA of rank 8 on the attention of the UNet, with recomputation: forward, backward, AdamW.
///
/// # Errors
/// When the size does not fit the model.
pub fn training_step(model: &Model, size: usize, batch: usize) -> Result<Work<'_>> {
    let side = check(model, size, batch)?;
    let noisy = normal(model, &[batch, model.unet_config.in_channels, side, side], model.dtype)?;
    let prompts = vec!["a red house"; batch];
    let conditioning = model.encode_prompts(&prompts, size, size)?;
    let mut step = measured_step(model, noisy, conditioning)?;
    Ok(Box::new(move || {
        step()?;
        Ok(model.device.synchronize()?)
    }))
}

/// Side of the latents.
fn check(model: &Model, size: usize, batch: usize) -> Result<usize> {
    // SDXL has one level less but downsamples as often; the multiple says all.
    let multiple = model.size_multiple();
    if batch == 0 {
        return Err(EngineError::RequestInvalid(RequestFault::Setting { setting: "batch" }));
    }
    if size == 0 || !size.is_multiple_of(multiple) {
        let multiple_px = multiple as u32;
        return Err(EngineError::RequestInvalid(RequestFault::Size { multiple_px }));
    }
    Ok(size / model.vae_config.factor())
}

fn normal(model: &Model, shape: &[usize], dtype: DType) -> Result<Tensor> {
    let noise = crate::noise::NoiseSource::new(1).draw(shape)?;
    Ok(noise.to_dtype(dtype)?.to_device(&model.device)?)
}

/// The device is done when a number of the output has arrived.
fn wait(output: &Tensor) -> Result<()> {
    output
        .flatten_all()?
        .narrow(0, 0, 1)?
        .to_dtype(DType::F32)?
        .to_vec1::<f32>()?;
    Ok(())
}
