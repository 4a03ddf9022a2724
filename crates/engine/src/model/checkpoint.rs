//! Single-file checkpoints: what they are is told from names and shapes of their tensors.

use std::path::Path;

use candle_core::{DType, Device};

use super::random::{clip_l, open_clip_g, sd15_unet, sdxl_unet};
use super::{Architecture, Model, Parts, TextPart};
use crate::config::{PerBlock, SchedulerConfig, TextEncoderConfig, UnetConfig, VaeConfig};
use crate::error::{EngineError, ModelFault, Result};
use crate::tokenizer::Tokenizer;
use crate::weights::{Original, SafeTensors, Weights};

const UNET: &str = "model.diffusion_model";
const VAE: &str = "first_stage_model";
const SD15_TEXT: &str = "cond_stage_model.transformer.";
const SDXL_TEXT: &str = "conditioner.embedders.0.transformer.";
const SDXL_TEXT_2: &str = "conditioner.embedders.1.model.";

pub(super) fn load(path: &Path, device: &Device, dtype: DType) -> Result<Model> {
    let shapes = Shapes {
        file: SafeTensors::open(path)?,
    };
    let architecture = if shapes.has(&format!("{SDXL_TEXT_2}ln_final.weight")) {
        Architecture::Sdxl
    } else if shapes.has(&format!("{SD15_TEXT}text_model.final_layer_norm.weight")) {
        Architecture::Sd15
    } else {
        let reason = "it is neither an SD 1.5 nor an SDXL checkpoint with its text encoder";
        return Err(EngineError::unsupported(path, ModelFault::OtherKind, reason));
    };
    let unet_config = shapes.unet(architecture)?;
    let vae_config = shapes.vae(architecture)?;
    let open = |original: Original, dtype: DType| -> Result<Weights> {
        Ok(Weights::of_checkpoint(
            SafeTensors::open(path)?,
            original,
            device,
            dtype,
        ))
    };
    let texts = match architecture {
        Architecture::Sd15 => vec![(Original::Clip { prefix: SD15_TEXT }, shapes.clip(SD15_TEXT)?, None)],
        Architecture::Sdxl => vec![
            (Original::Clip { prefix: SDXL_TEXT }, shapes.clip(SDXL_TEXT)?, None),
            // OpenCLIP fills up with token 0.
            (Original::OpenClip { prefix: SDXL_TEXT_2 }, shapes.open_clip()?, Some(0)),
        ],
    };
    let mut text = Vec::new();
    for (original, config, padding) in texts {
        let tokenizer = Tokenizer::clip(padding, config.max_position_embeddings);
        text.push(TextPart::load(&open(original, dtype)?, config, tokenizer)?);
    }
    let parts = Parts {
        architecture,
        unet: open(Original::unet(&unet_config), dtype)?,
        text,
        vae: open(Original::vae(&vae_config), DType::F32)?,
        unet_config,
        vae_config,
        scheduler: SchedulerConfig::stable_diffusion(),
        zeros_for_empty_prompt: architecture == Architecture::Sdxl,
    };
    parts.join(device, dtype)
}

/// A checkpoint's tensors, asked for sizes.
struct Shapes {
    file: SafeTensors,
}

impl Shapes {
    fn has(&self, name: &str) -> bool {
        self.file.facts(name).is_some()
    }

    fn size(&self, name: &str, dimension: usize) -> Result<usize> {
        let size = self.file.facts(name).and_then(|facts| facts.shape.get(dimension));
        size.copied()
            .ok_or_else(|| EngineError::tensor_missing(self.file.path(), name))
    }

    /// How many of `name(0)`, `name(1)`, … there are.
    fn count(&self, name: impl Fn(usize) -> String) -> usize {
        (0..).take_while(|&i| self.has(&name(i))).count()
    }

    fn unet(&self, architecture: Architecture) -> Result<UnetConfig> {
        let mut config = if architecture == Architecture::Sdxl {
            sdxl_unet()
        } else {
            sd15_unet()
        };
        let first = self.size(&format!("{UNET}.input_blocks.0.0.weight"), 0)?;
        // The way down: each level has ResNets (with attention or not) and ends with a downsampler.
        let (mut channels, mut types, mut depths, mut layers) = (vec![], vec![], vec![], vec![0]);
        let (mut attentive, mut depth) = (false, 0);
        let mut block = 1;
        loop {
            let at = format!("{UNET}.input_blocks.{block}");
            let resnet = format!("{at}.0.in_layers.2.weight");
            let downsampler = self.has(&format!("{at}.0.op.weight"));
            if self.has(&resnet) {
                if channels.len() < layers.len() {
                    channels.push(self.size(&resnet, 0)?);
                }
                let last = layers.len() - 1;
                layers[last] += 1;
                attentive = self.has(&format!("{at}.1.norm.weight"));
                depth = self.count(|i| format!("{at}.1.transformer_blocks.{i}.norm1.weight"));
            }
            if downsampler || !self.has(&resnet) {
                types.push(
                    if attentive {
                        "CrossAttnDownBlock2D"
                    } else {
                        "DownBlock2D"
                    }
                    .to_owned(),
                );
                depths.push(depth.max(1));
                if !downsampler {
                    break;
                }
                layers.push(0);
            }
            block += 1;
        }
        if channels.len() != types.len() || channels[0] != first {
            return Err(EngineError::unsupported(
                self.file.path(),
                ModelFault::OtherKind,
                "the levels of its UNet are not those of Stable Diffusion",
            ));
        }
        let middle = self.count(|i| format!("{UNET}.middle_block.1.transformer_blocks.{i}.norm1.weight"));
        if let Some(last) = depths.last_mut() {
            *last = middle.max(1);
        }
        config.up_block_types = types.iter().rev().map(|name| name.replace("Down", "Up")).collect();
        let attention = format!("{UNET}.middle_block.1.transformer_blocks.0.attn2.to_k.weight");
        config.cross_attention_dim = self.size(&attention, 1)?;
        config.use_linear_projection = self
            .file
            .facts(&format!("{UNET}.middle_block.1.proj_in.weight"))
            .is_some_and(|facts| facts.shape.len() == 2);
        if config.use_linear_projection {
            // Heads of 64 each in SD 2 and SDXL.
            config.attention_head_dim =
                PerBlock::Each(channels.iter().map(|channels| (channels / 64).max(1)).collect());
        }
        if architecture == Architecture::Sdxl {
            config.projection_class_embeddings_input_dim = Some(self.size(&format!("{UNET}.label_emb.0.0.weight"), 1)?);
        }
        config.layers_per_block = layers[0];
        config.transformer_layers_per_block = PerBlock::Each(depths);
        config.down_block_types = types;
        // Group norms of 32 unless the channels do not part into as many.
        config.norm_num_groups = if first % 32 == 0 { 32 } else { 16 };
        config.block_out_channels = channels;
        Ok(config)
    }

    fn vae(&self, architecture: Architecture) -> Result<VaeConfig> {
        let at = |level: usize, layer: usize| format!("{VAE}.encoder.down.{level}.block.{layer}.conv1.weight");
        let levels = self.count(|level| at(level, 0));
        let channels = (0..levels)
            .map(|level| self.size(&at(level, 0), 0))
            .collect::<Result<Vec<_>>>()?;
        Ok(VaeConfig {
            layers_per_block: self.count(|layer| at(0, layer)),
            latent_channels: self.size(&format!("{VAE}.decoder.conv_in.weight"), 1)?,
            norm_num_groups: if channels.first().is_some_and(|first| first % 32 == 0) {
                32
            } else {
                8
            },
            scaling_factor: if architecture == Architecture::Sdxl {
                0.13025
            } else {
                0.18215
            },
            block_out_channels: channels,
            ..VaeConfig::default()
        })
    }

    fn clip(&self, prefix: &str) -> Result<TextEncoderConfig> {
        let at = format!("{prefix}text_model");
        let hidden_size = self.size(&format!("{at}.embeddings.token_embedding.weight"), 1)?;
        Ok(TextEncoderConfig {
            vocab_size: self.size(&format!("{at}.embeddings.token_embedding.weight"), 0)?,
            hidden_size,
            intermediate_size: self.size(&format!("{at}.encoder.layers.0.mlp.fc1.weight"), 0)?,
            num_hidden_layers: self.count(|i| format!("{at}.encoder.layers.{i}.layer_norm1.weight")),
            num_attention_heads: (hidden_size / 64).max(1),
            ..clip_l()
        })
    }

    fn open_clip(&self) -> Result<TextEncoderConfig> {
        let at = |name: &str| format!("{SDXL_TEXT_2}{name}");
        let hidden_size = self.size(&at("token_embedding.weight"), 1)?;
        Ok(TextEncoderConfig {
            vocab_size: self.size(&at("token_embedding.weight"), 0)?,
            hidden_size,
            intermediate_size: self.size(&at("transformer.resblocks.0.mlp.c_fc.weight"), 0)?,
            num_hidden_layers: self.count(|i| at(&format!("transformer.resblocks.{i}.ln_1.weight"))),
            num_attention_heads: (hidden_size / 64).max(1),
            projection_dim: self.size(&at("text_projection"), 1)?,
            ..open_clip_g()
        })
    }
}
