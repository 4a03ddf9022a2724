//! A base model: text encoders, UNet, VAE and schedule, from a diffusers folder or a single file.

mod checkpoint;
mod random;

use std::path::Path;

use candle_core::{DType, Device, Tensor};

use crate::adapter::AdapterRegistry;
use crate::config::{SchedulerConfig, TextEncoderConfig, UnetConfig, VaeConfig, read_object};
use crate::error::{EngineError, ModelFault, Result};
use crate::text_encoder::TextEncoder;
use crate::tokenizer::Tokenizer;
use crate::unet::{AddedConditions, Conditioning, Unet};
use crate::vae::Vae;
use crate::weights::Weights;

/// Base names that diffusers and transformers give their weights.
const UNET_FILES: &[&str] = &["diffusion_pytorch_model", "model"];
const TEXT_FILES: &[&str] = &["model", "pytorch_model"];

/// Which family a model belongs to; LoRA files are made for one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Architecture {
    /// One text encoder, no added conditions: SD 1.x and models of its shape.
    Sd15,
    /// Two text encoders and added conditions.
    Sdxl,
}

impl Architecture {
    /// The short name: `sd15`, `sdxl`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sd15 => "sd15",
            Self::Sdxl => "sdxl",
        }
    }
}

/// A loaded base model.
pub struct Model {
    /// Its family.
    pub architecture: Architecture,
    /// The noise predictor.
    pub unet: Unet,
    /// The UNet's configuration.
    pub unet_config: UnetConfig,
    /// Places for adapters in the UNet.
    pub unet_slots: AdapterRegistry,
    /// One, or two for SDXL.
    pub text: Vec<TextPart>,
    /// The autoencoder; always f32, since half precision overflows in SDXL's.
    pub vae: Vae,
    /// The VAE's configuration.
    pub vae_config: VaeConfig,
    /// How it was trained to see noise.
    pub scheduler: SchedulerConfig,
    /// Where it computes.
    pub device: Device,
    /// Format of UNet and text encoders.
    pub dtype: DType,
    /// Numbers in all weights.
    pub parameters: u64,
    /// Whether an empty negative prompt means zeros, as SDXL was trained.
    pub zeros_for_empty_prompt: bool,
}

/// A text encoder with its vocabulary.
pub struct TextPart {
    /// Makes the ids.
    pub tokenizer: Tokenizer,
    /// Encodes them.
    pub encoder: TextEncoder,
    /// Its configuration.
    pub config: TextEncoderConfig,
    /// Places for adapters.
    pub slots: AdapterRegistry,
}

impl Model {
    /// Loads a diffusers folder, or a single-file checkpoint with the original names.
    ///
    /// # Errors
    /// When files are missing, unsafe, not sound or of an unknown architecture, or the device has no room.
    pub fn load(path: &Path, device: &Device, dtype: DType) -> Result<Self> {
        if path.is_dir() {
            Self::load_folder(path, device, dtype)
        } else {
            checkpoint::load(path, device, dtype)
        }
    }

    /// A model of a known size with random weights: `sd15`, `sdxl` or `tiny`.
    ///
    /// # Errors
    /// When the name is unknown or the device has no room.
    pub fn random(name: &str, device: &Device, dtype: DType) -> Result<Self> {
        random::model(name, device, dtype)
    }

    fn load_folder(path: &Path, device: &Device, dtype: DType) -> Result<Self> {
        let index_file = path.join("model_index.json");
        let index = read_object(&index_file)?;
        let pipeline = index
            .get("_class_name")
            .and_then(|name| name.as_str())
            .unwrap_or("none");
        let architecture = match pipeline {
            "StableDiffusionPipeline" => Architecture::Sd15,
            "StableDiffusionXLPipeline" => Architecture::Sdxl,
            other => {
                return Err(EngineError::unsupported(
                    &index_file,
                    ModelFault::OtherKind,
                    format!("its pipeline is {other}; SD 1.5 and SDXL are known"),
                ));
            }
        };
        let suffixes: &[&str] = if architecture == Architecture::Sdxl {
            &["", "_2"]
        } else {
            &[""]
        };
        let mut text = Vec::new();
        for suffix in suffixes {
            let folder = path.join(format!("text_encoder{suffix}"));
            let config = TextEncoderConfig::read(&folder.join("config.json"))?;
            let weights = Weights::open_folder(&folder, TEXT_FILES, device, dtype)?;
            let tokenizer = Tokenizer::open(&path.join(format!("tokenizer{suffix}")), config.max_position_embeddings)?;
            text.push(TextPart::load(&weights, config, tokenizer)?);
        }
        let scheduler = SchedulerConfig::read(&path.join("scheduler/scheduler_config.json"))?;
        let unet_config = UnetConfig::read(&path.join("unet/config.json"))?;
        let unet = Weights::open_folder(&path.join("unet"), UNET_FILES, device, dtype)?;
        let vae_config = VaeConfig::read(&path.join("vae/config.json"))?;
        let vae = Weights::open_folder(&path.join("vae"), UNET_FILES, device, DType::F32)?;
        let zeros = index
            .get("force_zeros_for_empty_prompt")
            .and_then(serde_json::Value::as_bool);
        let zeros_for_empty_prompt = zeros.unwrap_or(architecture == Architecture::Sdxl);
        Parts {
            architecture,
            unet,
            unet_config,
            text,
            vae,
            vae_config,
            scheduler,
            zeros_for_empty_prompt,
        }
        .join(device, dtype)
    }

    /// Side in pixels of the square it was made for.
    pub fn native_size(&self) -> usize {
        let default = if self.architecture == Architecture::Sdxl {
            128
        } else {
            64
        };
        self.unet_config.sample_size.unwrap_or(default) * self.vae_config.factor()
    }

    /// What its weights take, in bytes.
    pub fn weight_bytes(&self) -> u64 {
        self.parameters * self.dtype.size_in_bytes() as u64
    }

    /// What width and height must be multiples of, so that every level of VAE and UNet halves evenly.
    pub fn size_multiple(&self) -> usize {
        self.vae_config.factor() << (self.unet_config.block_out_channels.len() - 1)
    }

    /// What the UNet is told for each prompt; pictures of `height`×`width` pixels (SDXL alone asks).
    ///
    /// # Errors
    /// When a prompt cannot be spelt or the device fails.
    pub fn encode_prompts(&self, prompts: &[&str], height: usize, width: usize) -> Result<Conditioning> {
        let mut states = Vec::new();
        let mut pooled = None;
        for part in &self.text {
            let ids = prompts
                .iter()
                .map(|prompt| part.tokenizer.encode(prompt))
                .collect::<Result<Vec<_>>>()?;
            let encoding = part.encoder.forward(&Tensor::new(ids, &self.device)?)?;
            states.push(if self.architecture == Architecture::Sdxl {
                encoding.penultimate
            } else {
                encoding.last_hidden_state
            });
            pooled = Some(encoding.pooled);
        }
        let context = Tensor::cat(&states, 2)?;
        let added = match (self.architecture, pooled) {
            (Architecture::Sdxl, Some(text_embeds)) => {
                let sizes = [height as f32, width as f32, 0.0, 0.0, height as f32, width as f32];
                let time_ids = Tensor::new(&sizes, &self.device)?
                    .reshape((1, 6))?
                    .repeat((prompts.len(), 1))?;
                Some(AddedConditions { text_embeds, time_ids })
            }
            _ => None,
        };
        Ok(Conditioning { context, added })
    }

    /// Takes all adapters out of UNet and text encoders.
    pub fn clear_adapters(&self) {
        let text = self.text.iter().flat_map(|part| part.slots.values());
        self.unet_slots
            .values()
            .chain(text)
            .for_each(crate::adapter::AdapterSlot::clear);
    }
}

impl TextPart {
    fn load(weights: &Weights, config: TextEncoderConfig, tokenizer: Tokenizer) -> Result<Self> {
        let encoder = TextEncoder::load(weights, &config)?;
        // transformers writes `text_model.` before the names or not; adapters always name it.
        let named = |name: String| {
            if name.starts_with("text_") {
                name
            } else {
                format!("text_model.{name}")
            }
        };
        let slots = weights
            .registry()
            .into_iter()
            .map(|(name, slot)| (named(name), slot))
            .collect();
        Ok(Self {
            tokenizer,
            encoder,
            config,
            slots,
        })
    }
}

/// Everything a model is made of, before the large parts are loaded.
struct Parts {
    architecture: Architecture,
    unet: Weights,
    unet_config: UnetConfig,
    text: Vec<TextPart>,
    vae: Weights,
    vae_config: VaeConfig,
    scheduler: SchedulerConfig,
    zeros_for_empty_prompt: bool,
}

impl Parts {
    fn join(self, device: &Device, dtype: DType) -> Result<Model> {
        let unet = Unet::load(&self.unet, &self.unet_config)?;
        let vae = Vae::load(&self.vae, &self.vae_config)?;
        let unet_slots = self.unet.registry();
        let slots = unet_slots
            .values()
            .chain(self.text.iter().flat_map(|part| part.slots.values()));
        let vae_slots = self.vae.registry();
        let parameters = slots
            .chain(vae_slots.values())
            .map(|slot| slot.weight().elem_count() as u64)
            .sum();
        Ok(Model {
            architecture: self.architecture,
            unet,
            unet_config: self.unet_config,
            unet_slots,
            text: self.text,
            vae,
            vae_config: self.vae_config,
            scheduler: self.scheduler,
            device: device.clone(),
            dtype,
            parameters,
            zeros_for_empty_prompt: self.zeros_for_empty_prompt,
        })
    }
}
