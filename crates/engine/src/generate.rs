//! From a prompt to pictures.

use std::ops::ControlFlow;

use candle_core::{DType, Tensor};
use image::RgbImage;

use crate::error::{EngineError, RequestFault, Result};
use crate::model::{Architecture, Model};
use crate::noise::NoiseSource;
use crate::samplers::{Sampler, SamplerKind};
use crate::unet::Conditioning;

/// Latents along the longer side of a preview: decoding this many takes a fraction of a step.
const PREVIEW_LATENTS_MAX: usize = 32;

/// What to generate. Adapters are applied to the model before.
#[derive(Debug, Clone)]
pub struct GenerateRequest {
    /// What to draw.
    pub prompt: String,
    /// What to keep away from.
    pub negative_prompt: String,
    /// In pixels, a multiple of [`Model::size_multiple`].
    pub width: usize,
    /// Likewise.
    pub height: usize,
    /// One picture each; a picture depends on its own seed alone.
    pub seeds: Vec<u64>,
    /// Steps of the sampler.
    pub steps: usize,
    /// Weight of the prompt against the negative prompt; 1 and below turn that off. Ho and Salimans 2022.
    pub guidance: f64,
    /// Which sampler.
    pub sampler: SamplerKind,
    /// Steps between previews; 0 for none.
    pub preview_every: usize,
}

/// What happens meanwhile.
pub enum GenerateEvent {
    /// `step` of `steps` of picture `index` is done.
    Step {
        /// Which picture.
        index: usize,
        /// Steps done, from 1.
        step: usize,
        /// Steps in all.
        steps: usize,
    },
    /// The picture as it forms.
    Preview {
        /// Which picture.
        index: usize,
        /// After this step.
        step: usize,
        /// Small.
        picture: RgbImage,
    },
    /// The latents of picture `index` are being decoded.
    Decoding {
        /// Which picture.
        index: usize,
    },
    /// A finished picture.
    Picture {
        /// Which picture.
        index: usize,
        /// Its seed.
        seed: u64,
        /// It.
        picture: RgbImage,
    },
}

/// Generates one picture for each seed, telling `observer` of everything; it can break off at every step.
///
/// # Errors
/// [`EngineError::Cancelled`] when the observer breaks off; else when the request does not fit the model or the device fails.
pub fn generate(
    model: &Model,
    request: &GenerateRequest,
    observer: &mut dyn FnMut(GenerateEvent) -> ControlFlow<()>,
) -> Result<()> {
    let multiple = model.size_multiple();
    let (width, height) = (request.width, request.height);
    if width == 0 || height == 0 || width % multiple != 0 || height % multiple != 0 {
        let multiple_px = multiple as u32;
        return Err(EngineError::RequestInvalid(RequestFault::Size { multiple_px }));
    }
    let guided = request.guidance > 1.0;
    let conditioning = conditioning(model, request, guided)?;
    for (index, &seed) in request.seeds.iter().enumerate() {
        let latents = denoise(model, request, &conditioning, seed, &mut |step, latents| {
            tell(
                observer,
                GenerateEvent::Step {
                    index,
                    step,
                    steps: request.steps,
                },
            )?;
            if request.preview_every > 0 && step % request.preview_every == 0 && step < request.steps {
                let picture = preview(model, latents)?;
                tell(observer, GenerateEvent::Preview { index, step, picture })?;
            }
            Ok(())
        })?;
        tell(observer, GenerateEvent::Decoding { index })?;
        let picture = decode(model, &latents)?;
        tell(observer, GenerateEvent::Picture { index, seed, picture })?;
    }
    Ok(())
}

fn tell(observer: &mut dyn FnMut(GenerateEvent) -> ControlFlow<()>, event: GenerateEvent) -> Result<()> {
    match observer(event) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(EngineError::Cancelled),
    }
}

/// Conditions of the negative prompt, then of the prompt; of the prompt alone when it is not guided.
fn conditioning(model: &Model, request: &GenerateRequest, guided: bool) -> Result<Conditioning> {
    let prompt = request.prompt.as_str();
    let prompts = if guided {
        vec![request.negative_prompt.as_str(), prompt]
    } else {
        vec![prompt]
    };
    let mut conditioning = model.encode_prompts(&prompts, request.height, request.width)?;
    let zeros = model.architecture == Architecture::Sdxl && model.zeros_for_empty_prompt;
    if guided && zeros && request.negative_prompt.is_empty() {
        let without_first = |x: &Tensor| -> Result<Tensor> {
            Ok(Tensor::cat(&[x.narrow(0, 0, 1)?.zeros_like()?, x.narrow(0, 1, 1)?], 0)?)
        };
        conditioning.context = without_first(&conditioning.context)?;
        if let Some(added) = &mut conditioning.added {
            added.text_embeds = without_first(&added.text_embeds)?;
        }
    }
    Ok(conditioning)
}

/// Latents `[1, C, h, w]`, f32, scaled, from the noise of `seed`; `after` sees them after every step, counted from 1.
///
/// # Errors
/// What `after` returns, or when the device fails.
pub(crate) fn denoise(
    model: &Model,
    request: &GenerateRequest,
    conditioning: &Conditioning,
    seed: u64,
    after: &mut dyn FnMut(usize, &Tensor) -> Result<()>,
) -> Result<Tensor> {
    let mut sampler = Sampler::new(request.sampler, &model.scheduler, request.steps)?;
    let mut noise = NoiseSource::new(seed);
    let factor = model.vae_config.factor();
    let shape = [
        1,
        model.unet_config.in_channels,
        request.height / factor,
        request.width / factor,
    ];
    let mut sample = (noise.draw(&shape)?.to_device(&model.device)? * sampler.init_noise_sigma())?;
    let batch = conditioning.context.dim(0)?;
    for step in 0..request.steps {
        let input = sampler
            .scale_model_input(&sample, step)?
            .repeat((batch, 1, 1, 1))?
            .to_dtype(model.dtype)?;
        let timestep = Tensor::full(sampler.timesteps()[step] as f32, batch, &model.device)?;
        let mut output = model
            .unet
            .forward(&input, &timestep, conditioning, None)?
            .to_dtype(DType::F32)?;
        if batch == 2 {
            let (without, with) = (output.narrow(0, 0, 1)?, output.narrow(0, 1, 1)?);
            output = (&without + ((with - &without)? * request.guidance)?)?;
        }
        let fresh = if sampler.is_ancestral() {
            Some(noise.draw(&shape)?.to_device(&model.device)?)
        } else {
            None
        };
        sample = sampler.step(step, &output, &sample, fresh.as_ref())?;
        after(step + 1, &sample)?;
    }
    Ok(sample)
}

/// The picture of latents `[1, C, h, w]`, scaled.
///
/// # Errors
/// When the device fails.
pub(crate) fn decode(model: &Model, latents: &Tensor) -> Result<RgbImage> {
    let config = &model.vae_config;
    let latents = ((latents / config.scaling_factor)? + config.shift_factor.unwrap_or(0.0))?;
    to_image(&model.vae.decode(&latents)?)
}

fn preview(model: &Model, latents: &Tensor) -> Result<RgbImage> {
    let (_, _, height, width) = latents.dims4()?;
    let shrink = height.max(width).div_ceil(PREVIEW_LATENTS_MAX);
    let small = if shrink > 1 {
        latents.avg_pool2d(shrink)?
    } else {
        latents.clone()
    };
    decode(model, &small)
}

/// The first picture of `[B, 3, H, W]` in −1…1, rounded to 8 bits as diffusers does.
fn to_image(picture: &Tensor) -> Result<RgbImage> {
    let (_, _, height, width) = picture.dims4()?;
    let unit = ((picture.get(0)?.to_dtype(DType::F32)? * 0.5)? + 0.5)?.clamp(0f32, 1f32)?;
    let bytes = (unit * 255.0)?
        .round()?
        .to_dtype(DType::U8)?
        .permute((1, 2, 0))?
        .flatten_all()?
        .to_vec1::<u8>()?;
    let image = RgbImage::from_raw(width as u32, height as u32, bytes);
    image.ok_or_else(|| EngineError::Defect("the decoder gave a picture of another size".into()))
}
