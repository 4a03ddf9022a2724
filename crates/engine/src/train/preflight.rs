//! What training would need, and what speaks against it, before it starts.

use std::collections::BTreeSet;
use std::time::Instant;

use candle_core::{DType, Tensor};

use super::request::{Preflight, PreflightProblem, PreflightWarning, TrainRequest};
use super::{adapters, buckets::Bucket, data, pictures};
use crate::error::{EngineError, RequestFault, Result};
use crate::model::Model;
use crate::unet::Conditioning;

/// Fewer artworks teach their subjects rather than a style.
const PICTURES_MIN: usize = 10;
/// Share of the memory there is that a training may fill.
const MEMORY_SHARE_MAX: f64 = 0.8;
/// What program, buffers and kernels take beside all that is counted, in bytes.
const MEMORY_BASE: f64 = 350e6;
/// A step over a forward pass, in time: the pass itself, its backward pass, and once more with recomputation.
const STEP_PASSES: f64 = 2.6;
/// Side in latent pixels of the pass that is timed.
const TIMED_SIDE_MAX: usize = 16;

/// Tells what training would need. Times one small pass of the UNet.
///
/// # Errors
/// When the model cannot compute; what is wrong with the request is told, not returned as an error.
pub fn preflight(model: &Model, request: &TrainRequest) -> Result<Preflight> {
    let mut problems = Vec::new();
    let mut warnings = Vec::new();
    if let Err(EngineError::RequestInvalid(RequestFault::Setting { setting })) = request.settings.check() {
        problems.push(PreflightProblem::Setting { setting });
    }
    let readable = readable(request, &mut problems);
    look_at_data(request, &readable, &mut problems, &mut warnings);
    let buckets = data::buckets(model, &readable)?;
    let enlarged: u32 = buckets.iter().map(|bucket| enlarged(&readable, bucket)).sum();
    if enlarged > 0 {
        warnings.push(PreflightWarning::Enlarged { pictures: enlarged });
    }
    let recompute = recompute(model, request)?;
    let memory_bytes = memory(model, request, recompute)? as u64;
    if let Some(available) = request
        .memory_available_bytes
        .filter(|&available| available < memory_bytes)
    {
        problems.push(PreflightProblem::Memory {
            needed_bytes: memory_bytes,
            available_bytes: available,
        });
    }
    Ok(Preflight {
        memory_bytes,
        memory_available_bytes: request.memory_available_bytes,
        seconds: seconds(model, request, recompute)?,
        recompute,
        adapters: adapters::targets(model, &request.settings).len() as u32,
        buckets: buckets
            .iter()
            .map(|bucket| (bucket.width, bucket.height, bucket.pictures.len() as u32))
            .collect(),
        problems,
        warnings,
    })
}

/// The request with those pictures alone that can be read; each other is a problem.
fn readable(request: &TrainRequest, problems: &mut Vec<PreflightProblem>) -> TrainRequest {
    let mut readable = request.clone();
    readable.pictures.retain(|picture| match pictures::size(picture) {
        Ok(_) => true,
        Err(error) => {
            tracing::warn!("a picture cannot be used: {error}");
            problems.push(PreflightProblem::Picture {
                file: picture.path.clone(),
            });
            false
        }
    });
    readable
}

fn look_at_data(
    request: &TrainRequest,
    readable: &TrainRequest,
    problems: &mut Vec<PreflightProblem>,
    warnings: &mut Vec<PreflightWarning>,
) {
    let count = readable.pictures.len();
    if count < PICTURES_MIN {
        problems.push(PreflightProblem::TooFewPictures {
            pictures: count as u32,
            pictures_min: PICTURES_MIN as u32,
        });
    }
    if request.trigger.trim().is_empty() {
        problems.push(PreflightProblem::NoName);
    }
    let untagged = readable.pictures.iter().filter(|picture| picture.tags.is_empty());
    let untagged = untagged.count();
    if untagged > 0 {
        warnings.push(PreflightWarning::Untagged {
            pictures: untagged as u32,
            all: count as u32,
        });
    }
    let distinct: BTreeSet<_> = readable
        .pictures
        .iter()
        .map(|picture| (&picture.path, picture.crop))
        .collect();
    if distinct.len() < count {
        warnings.push(PreflightWarning::Repeated {
            pictures: (count - distinct.len()) as u32,
        });
    }
    let seen = f64::from(request.settings.steps) * f64::from(request.settings.batch * request.settings.accumulation);
    let epochs = seen / count.max(1) as f64;
    if epochs < 1.0 {
        warnings.push(PreflightWarning::NotAllSeen {
            steps: request.settings.steps,
        });
    }
}

/// How many pictures of a bucket are smaller than it.
fn enlarged(request: &TrainRequest, bucket: &Bucket) -> u32 {
    let smaller = |&&i: &&usize| {
        pictures::size(&request.pictures[i]).is_ok_and(|(width, height)| width < bucket.width || height < bucket.height)
    };
    bucket.pictures.iter().filter(smaller).count() as u32
}

/// Whether activations are to be computed again: as the settings say, else when keeping them would fill the memory.
pub(super) fn recompute(model: &Model, request: &TrainRequest) -> Result<bool> {
    if let Some(decided) = request.settings.recompute {
        return Ok(decided);
    }
    let Some(available) = request.memory_available_bytes else {
        return Ok(true);
    };
    Ok(memory(model, request, false)? > MEMORY_SHARE_MAX * available as f64)
}

/// Estimated peak in bytes, the model's weights included.
fn memory(model: &Model, request: &TrainRequest, recompute: bool) -> Result<f64> {
    let settings = &request.settings;
    let width = model.dtype.size_in_bytes() as f64;
    let mut learning = 0.0;
    for (_, _, slot) in adapters::targets(model, settings) {
        let (out, inside) = (
            slot.weight().dim(0)?,
            slot.weight().elem_count() / slot.weight().dim(0)?,
        );
        learning += f64::from(settings.rank) * (out + inside) as f64;
    }
    // Value, gradient, two moments, and two more while the optimizer works; always f32.
    let learning = learning * 4.0 * 6.0;
    let config = &model.unet_config;
    let side = (settings.resolution as usize / model.vae_config.factor()) as f64;
    let (mut kept, mut largest) = (0.0, 0f64);
    for (level, &channels) in config.block_out_channels.iter().enumerate() {
        // Activations of one level in units of one picture of its channels.
        let unit = channels as f64 * (side / f64::from(1u32 << level)).powi(2) * f64::from(settings.batch);
        let layers = (2 * config.layers_per_block + 1) as f64;
        let attentive = config.down_block_types[level].starts_with("CrossAttn");
        let blocks = if attentive {
            config.transformer_layers_per_block.at(level) as f64
        } else {
            0.0
        };
        // Counted in the code: a ResNet keeps 9, a transformer block 32, what is around it 6; a checkpoint keeps its input and output.
        let (resnet, block, around) = if recompute { (2.0, 1.0, 5.0) } else { (9.0, 32.0, 6.0) };
        kept += unit * layers * (resnet + blocks * block + if attentive { around } else { 0.0 });
        // Backward through one block: its activations and their gradients.
        largest = largest.max(unit * 64.0);
    }
    Ok(model.weight_bytes() as f64 + learning + (kept + largest) * width + MEMORY_BASE)
}

/// Estimated seconds of the whole training.
fn seconds(model: &Model, request: &TrainRequest, recompute: bool) -> Result<f64> {
    let settings = &request.settings;
    let side = settings.resolution as usize / model.vae_config.factor();
    let levels = model.unet_config.block_out_channels.len() as u32 - 1;
    let unit = 1 << levels;
    let timed = (side.min(TIMED_SIDE_MAX) / unit * unit).max(unit);
    let zeros = |shape: &[usize]| Tensor::zeros(shape, model.dtype, &model.device);
    let sample = zeros(&[1, model.unet_config.in_channels, timed, timed])?;
    let timestep = Tensor::zeros(1, DType::F32, &model.device)?;
    let words: Conditioning =
        model.encode_prompts(&[""], settings.resolution as usize, settings.resolution as usize)?;
    let mut fastest = f64::INFINITY;
    for _ in 0..2 {
        let began = Instant::now();
        let output = model.unet.forward(&sample, &timestep, &words, None)?;
        // The device is done when a number of it has arrived.
        output.to_dtype(DType::F32)?.sum_all()?.to_scalar::<f32>()?;
        fastest = fastest.min(began.elapsed().as_secs_f64());
    }
    let pass = fastest * (side * side) as f64 / (timed * timed) as f64;
    let passes = STEP_PASSES + if recompute { 1.0 } else { 0.0 };
    let pictures = f64::from(settings.steps) * f64::from(settings.batch * settings.accumulation);
    // The VAE's encoder takes about as long as two passes of the UNet.
    let encoding = request.pictures.len() as f64 * 2.0 * if settings.flip { 2.0 } else { 1.0 };
    Ok(pass * (pictures * passes + encoding))
}
