//! One component on given tensors, for whoever wants to compare it with another implementation. Names are those of diffusers.

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::{DType, Tensor};

use crate::error::{EngineError, RequestFault, Result};
use crate::lora::LoraFile;
use crate::model::{Architecture, Model};
use crate::noise::NoiseSource;
use crate::ops::AdapterGradients;
use crate::samplers::{Sampler, SamplerKind};
use crate::unet::{AddedConditions, Conditioning};
use crate::weights::SafeTensors;

/// Named tensors.
pub type Tensors = BTreeMap<String, Tensor>;

/// Inputs of a probe, from a safetensors file.
pub struct Inputs<'a> {
    file: SafeTensors,
    model: &'a Model,
}

/// Where a probe's description leaves the size to the caller.
const ANY: Option<usize> = None;

impl<'a> Inputs<'a> {
    /// Opens the file; its tensors go to the device of `model`.
    ///
    /// # Errors
    /// When it is not a sound safetensors file.
    pub fn open(file: &Path, model: &'a Model) -> Result<Self> {
        Ok(Self {
            file: SafeTensors::open(file)?,
            model,
        })
    }

    fn has(&self, name: &str) -> bool {
        self.file.facts(name).is_some()
    }

    /// A tensor of the described shape.
    fn get(&self, name: &str, shape: &[Option<usize>], dtype: DType) -> Result<Tensor> {
        let refused = |found: Option<Vec<usize>>| {
            EngineError::RequestInvalid(RequestFault::Input {
                input: name.to_owned(),
                found,
                wanted: shape.to_vec(),
            })
        };
        let Some(facts) = self.file.facts(name) else {
            return Err(refused(None));
        };
        let fits = facts.shape.len() == shape.len()
            && facts
                .shape
                .iter()
                .zip(shape)
                .all(|(&found, wanted)| wanted.is_none_or(|wanted| wanted == found));
        if !fits {
            return Err(refused(Some(facts.shape.clone())));
        }
        Ok(self.file.load(name, dtype)?.to_device(&self.model.device)?)
    }

    /// What the UNet is shown: sample `[B, C, h, w]`, timestep `[B]` and conditions.
    fn unet(&self) -> Result<(Tensor, Tensor, Conditioning)> {
        let config = &self.model.unet_config;
        let sample = self.get("sample", &[ANY, Some(config.in_channels), ANY, ANY], self.model.dtype)?;
        let batch = Some(sample.dim(0)?);
        let timestep = self.get("timestep", &[batch], DType::F32)?;
        let width = Some(config.cross_attention_dim);
        let context = self.get("encoder_hidden_states", &[batch, ANY, width], self.model.dtype)?;
        let sizes_width = 6 * config.addition_time_embed_dim.unwrap_or(256);
        let pooled_width = config
            .projection_class_embeddings_input_dim
            .and_then(|both| both.checked_sub(sizes_width));
        let added = match self.model.architecture {
            Architecture::Sd15 => None,
            Architecture::Sdxl => Some(AddedConditions {
                text_embeds: self.get("text_embeds", &[batch, pooled_width], self.model.dtype)?,
                time_ids: self.get("time_ids", &[batch, Some(6)], DType::F32)?,
            }),
        };
        Ok((sample, timestep, Conditioning { context, added }))
    }
}

/// `input_ids` `[B, 77]` → `last_hidden_state`, `penultimate`, `pooled`. SDXL's second encoder reads `input_ids_2` (else the same ids) and
/// answers under the same names with `_2`.
///
/// # Errors
/// When an input is missing, has another shape, or holds ids outside the vocabulary.
pub fn text(inputs: &Inputs<'_>) -> Result<Tensors> {
    let mut outputs = Tensors::new();
    for (i, part) in inputs.model.text.iter().enumerate() {
        let suffix = if i == 0 { "" } else { "_2" };
        let own = format!("input_ids{suffix}");
        let name = if inputs.has(&own) { &own } else { "input_ids" };
        let ids = inputs.get(name, &[ANY, Some(part.config.max_position_embeddings)], DType::I64)?;
        let largest = ids.flatten_all()?.max(0)?.to_scalar::<i64>()?;
        let smallest = ids.flatten_all()?.min(0)?.to_scalar::<i64>()?;
        if smallest < 0 || largest >= part.config.vocab_size as i64 {
            return Err(EngineError::RequestInvalid(RequestFault::Tokens {
                input: name.to_owned(),
                vocabulary: part.config.vocab_size,
            }));
        }
        let encoding = part.encoder.forward(&ids.to_dtype(DType::U32)?)?;
        outputs.insert(format!("last_hidden_state{suffix}"), encoding.last_hidden_state);
        outputs.insert(format!("penultimate{suffix}"), encoding.penultimate);
        outputs.insert(format!("pooled{suffix}"), encoding.pooled);
    }
    Ok(outputs)
}

/// `sample` `[B, C, h, w]`, `timestep` `[B]`, `encoder_hidden_states` `[B, 77, D]` (SDXL also `text_embeds` `[B, P]` and `time_ids`
/// `[B, 6]`) → `sample`.
///
/// # Errors
/// When an input is missing or has another shape.
pub fn unet(inputs: &Inputs<'_>) -> Result<Tensors> {
    let (sample, timestep, conditioning) = inputs.unet()?;
    let output = inputs.model.unet.forward(&sample, &timestep, &conditioning, None)?;
    Ok([("sample".to_owned(), output)].into())
}

/// `image` `[B, 3, H, W]` in −1…1 → `mean`, `logvar`.
///
/// # Errors
/// When the input is missing or has another shape.
pub fn vae_encode(inputs: &Inputs<'_>) -> Result<Tensors> {
    let (mean, logvar) = inputs
        .model
        .vae
        .encode(&inputs.get("image", &[ANY, Some(3), ANY, ANY], DType::F32)?)?;
    Ok([("mean".to_owned(), mean), ("logvar".to_owned(), logvar)].into())
}

/// `latent` `[B, C, h, w]`, not scaled → `image`.
///
/// # Errors
/// When the input is missing or has another shape.
pub fn vae_decode(inputs: &Inputs<'_>) -> Result<Tensors> {
    let channels = Some(inputs.model.vae_config.latent_channels);
    let latent = inputs.get("latent", &[ANY, channels, ANY, ANY], DType::F32)?;
    Ok([("image".to_owned(), inputs.model.vae.decode(&latent)?)].into())
}

/// `latents` `[B, C, h, w]` (unit noise, which the sampler scales), `model_output` `[N, B, C, h, w]` → `latents` `[N, B, C, h, w]` after
/// each step, `timesteps` `[N]`. Euler a takes its noise from `noise` `[N, B, C, h, w]`, else draws it from seed 0.
///
/// # Errors
/// When an input is missing or has another shape, or the sampler cannot make that many steps.
pub fn schedule(inputs: &Inputs<'_>, kind: SamplerKind, steps: usize) -> Result<Tensors> {
    let mut sampler = Sampler::new(kind, &inputs.model.scheduler, steps)?;
    let latents = inputs.get("latents", &[ANY; 4], DType::F32)?;
    let mut walk = vec![Some(steps)];
    walk.extend(latents.dims().iter().copied().map(Some));
    let outputs = inputs.get("model_output", &walk, DType::F32)?;
    let given = match inputs.has("noise") {
        true => Some(inputs.get("noise", &walk, DType::F32)?),
        false => None,
    };
    let mut source = NoiseSource::new(0);
    let mut sample = (&latents * sampler.init_noise_sigma())?;
    let mut after = Vec::with_capacity(steps);
    for step in 0..steps {
        let fresh = match (sampler.is_ancestral(), &given) {
            (false, _) => None,
            (true, Some(given)) => Some(given.get(step)?),
            (true, None) => Some(source.draw(latents.dims())?.to_device(latents.device())?),
        };
        sample = sampler.step(step, &outputs.get(step)?, &sample, fresh.as_ref())?;
        after.push(sample.clone());
    }
    let timesteps: Vec<f32> = sampler.timesteps().iter().map(|&t| t as f32).collect();
    Ok([
        ("latents".to_owned(), Tensor::stack(&after, 0)?),
        ("timesteps".to_owned(), Tensor::new(timesteps, latents.device())?),
    ]
    .into())
}

/// What the UNet is shown and `target` `[B, C, h, w]` → `loss` `[1]`, the mean squared error, and the gradient of every tensor of `lora`
/// under its name in the file. Layers of a text encoder have the gradient 0, since its states are given.
///
/// # Errors
/// When an input is missing or has another shape, or the LoRA does not fit the model.
pub fn lora_gradients(inputs: &Inputs<'_>, lora: &LoraFile, strength: f64) -> Result<Tensors> {
    let (sample, timestep, conditioning) = inputs.unet()?;
    let shape: Vec<_> = sample.dims().iter().copied().map(Some).collect();
    let target = inputs.get("target", &shape, DType::F32)?;
    let layers = lora.learn(inputs.model, strength)?;
    let parameters = layers
        .iter()
        .flat_map(|layer| [layer.learning.down.clone(), layer.learning.up.clone()]);
    let gathered = AdapterGradients::new(parameters.collect());
    let output = inputs.model.unet.forward(&sample, &timestep, &conditioning, None)?;
    let loss = (output.to_dtype(DType::F32)? - target)?.sqr()?.mean_all()?;
    gathered.backward(&loss)?;
    let mut outputs = Tensors::from([("loss".to_owned(), loss.detach().reshape(1)?)]);
    for layer in &layers {
        let pair = [
            (&layer.down_in_file, &layer.learning.down),
            (&layer.up_in_file, &layer.learning.up),
        ];
        for ((name, shape), parameter) in pair {
            let gradient = gathered.of(parameter).map_or_else(|| parameter.zeros_like(), Ok)?;
            outputs.insert(name.clone(), gradient.reshape(shape.as_slice())?);
        }
    }
    inputs.model.clear_adapters();
    Ok(outputs)
}
