//! Models of published sizes with random weights, for measuring speed and memory without a download.
//!
//! Sizes: the configurations that Stability AI and Runway published with SD 1.5 and SDXL 1.0.

use candle_core::{DType, Device};

use super::{Architecture, Model, Parts, TextPart};
use crate::config::{PerBlock, SchedulerConfig, TextEncoderConfig, UnetConfig, VaeConfig};
use crate::error::{EngineError, RequestFault, Result};
use crate::tokenizer::Tokenizer;
use crate::weights::Weights;

pub(super) fn model(name: &str, device: &Device, dtype: DType) -> Result<Model> {
    let (architecture, unet_config, text, vae_config) = match name {
        "sd15" => (
            Architecture::Sd15,
            sd15_unet(),
            vec![clip_l()],
            vae([128, 256, 512, 512], 2, 32, 0.18215),
        ),
        "sdxl" => (
            Architecture::Sdxl,
            sdxl_unet(),
            vec![clip_l(), open_clip_g()],
            vae([128, 256, 512, 512], 2, 32, 0.13025),
        ),
        "tiny" => (
            Architecture::Sd15,
            tiny_unet(),
            vec![tiny_text()],
            vae([16, 16, 32, 32], 1, 8, 0.18215),
        ),
        other => {
            let name = other.to_owned();
            return Err(EngineError::RequestInvalid(RequestFault::NameUnknown { name }));
        }
    };
    let text = text.into_iter().map(|config| {
        let tokenizer = Tokenizer::clip(None, config.max_position_embeddings);
        TextPart::load(&Weights::random(device, dtype), config, tokenizer)
    });
    let parts = Parts {
        architecture,
        unet: Weights::random(device, dtype),
        unet_config,
        text: text.collect::<Result<_>>()?,
        vae: Weights::random(device, DType::F32),
        vae_config,
        scheduler: SchedulerConfig::stable_diffusion(),
        zeros_for_empty_prompt: architecture == Architecture::Sdxl,
    };
    parts.join(device, dtype)
}

pub(super) fn sd15_unet() -> UnetConfig {
    UnetConfig {
        sample_size: Some(64),
        cross_attention_dim: 768,
        ..UnetConfig::default()
    }
}

pub(super) fn sdxl_unet() -> UnetConfig {
    let names = |names: [&str; 3]| names.map(str::to_owned).to_vec();
    UnetConfig {
        sample_size: Some(128),
        down_block_types: names(["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"]),
        up_block_types: names(["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"]),
        block_out_channels: vec![320, 640, 1280],
        cross_attention_dim: 2048,
        transformer_layers_per_block: PerBlock::Each(vec![1, 2, 10]),
        attention_head_dim: PerBlock::Each(vec![5, 10, 20]),
        use_linear_projection: true,
        addition_embed_type: Some("text_time".into()),
        addition_time_embed_dim: Some(256),
        projection_class_embeddings_input_dim: Some(2816),
        ..UnetConfig::default()
    }
}

fn tiny_unet() -> UnetConfig {
    UnetConfig {
        sample_size: Some(16),
        block_out_channels: vec![32, 64, 64, 64],
        layers_per_block: 1,
        norm_num_groups: 16,
        cross_attention_dim: 64,
        attention_head_dim: PerBlock::All(4),
        ..UnetConfig::default()
    }
}

pub(super) fn clip_l() -> TextEncoderConfig {
    TextEncoderConfig {
        hidden_size: 768,
        intermediate_size: 3072,
        num_attention_heads: 12,
        projection_dim: 768,
        ..TextEncoderConfig::default()
    }
}

pub(super) fn open_clip_g() -> TextEncoderConfig {
    TextEncoderConfig {
        hidden_size: 1280,
        intermediate_size: 5120,
        num_hidden_layers: 32,
        num_attention_heads: 20,
        hidden_act: "gelu".into(),
        projection_dim: 1280,
        architectures: vec!["CLIPTextModelWithProjection".into()],
        ..TextEncoderConfig::default()
    }
}

fn tiny_text() -> TextEncoderConfig {
    TextEncoderConfig {
        hidden_size: 64,
        intermediate_size: 128,
        num_hidden_layers: 2,
        num_attention_heads: 4,
        projection_dim: 64,
        ..TextEncoderConfig::default()
    }
}

fn vae(channels: [usize; 4], layers_per_block: usize, norm_num_groups: usize, scaling_factor: f64) -> VaeConfig {
    VaeConfig {
        block_out_channels: channels.into(),
        layers_per_block,
        norm_num_groups,
        scaling_factor,
        ..VaeConfig::default()
    }
}
