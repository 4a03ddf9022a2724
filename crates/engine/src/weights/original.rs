//! The names that single-file checkpoints use: those of the CompVis and Stability code, in terms of diffusers' names.

use super::Cut;
use crate::config::{UnetConfig, VaeConfig};

/// Finds diffusers' names in one part of a checkpoint.
pub(crate) enum Original {
    Unet(Vec<(String, String)>),
    Vae {
        levels: usize,
    },
    /// A CLIP text encoder with transformers' own names below a prefix.
    Clip {
        prefix: &'static str,
    },
    /// An OpenCLIP text encoder below a prefix.
    OpenClip {
        prefix: &'static str,
    },
}

impl Original {
    /// Names of a UNet with this configuration.
    pub(crate) fn unet(config: &UnetConfig) -> Self {
        Self::Unet(unet_prefixes(config))
    }

    /// Names of a VAE with this configuration.
    pub(crate) fn vae(config: &VaeConfig) -> Self {
        Self::Vae {
            levels: config.block_out_channels.len(),
        }
    }

    /// The original name of what diffusers calls `name`, and how it is cut from there.
    pub(crate) fn find(&self, name: &str) -> Option<(String, Cut)> {
        match self {
            Self::Unet(prefixes) => Some((
                format!("model.diffusion_model.{}", unet_name(prefixes, name)?),
                Cut::Whole,
            )),
            Self::Vae { levels } => Some((format!("first_stage_model.{}", vae_name(name, *levels)), Cut::Whole)),
            Self::Clip { prefix } => Some((format!("{prefix}{name}"), Cut::Whole)),
            Self::OpenClip { prefix } => open_clip_name(name).map(|(name, cut)| (format!("{prefix}{name}"), cut)),
        }
    }
}

/// Pairs of prefixes, diffusers' and the original one, for every module of a UNet. Inside ResNets the last parts differ too.
pub(crate) fn unet_prefixes(config: &UnetConfig) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    let mut pair = |ours: String, original: String| pairs.push((ours, original));
    for (ours, original) in [
        ("time_embedding.linear_1", "time_embed.0"),
        ("time_embedding.linear_2", "time_embed.2"),
        ("add_embedding.linear_1", "label_emb.0.0"),
        ("add_embedding.linear_2", "label_emb.0.2"),
        ("conv_in", "input_blocks.0.0"),
        ("conv_norm_out", "out.0"),
        ("conv_out", "out.2"),
        ("mid_block.resnets.0", "middle_block.0"),
        ("mid_block.attentions.0", "middle_block.1"),
        ("mid_block.resnets.1", "middle_block.2"),
    ] {
        pair(ours.into(), original.into());
    }
    let levels = config.block_out_channels.len();
    let mut block = 1;
    for level in 0..levels {
        for layer in 0..config.layers_per_block {
            pair(
                format!("down_blocks.{level}.resnets.{layer}"),
                format!("input_blocks.{block}.0"),
            );
            pair(
                format!("down_blocks.{level}.attentions.{layer}"),
                format!("input_blocks.{block}.1"),
            );
            block += 1;
        }
        if level + 1 < levels {
            pair(
                format!("down_blocks.{level}.downsamplers.0.conv"),
                format!("input_blocks.{block}.0.op"),
            );
            block += 1;
        }
    }
    let mut block = 0;
    for level in 0..levels {
        let attentive = config.up_block_types[level].starts_with("CrossAttn");
        for layer in 0..=config.layers_per_block {
            pair(
                format!("up_blocks.{level}.resnets.{layer}"),
                format!("output_blocks.{block}.0"),
            );
            pair(
                format!("up_blocks.{level}.attentions.{layer}"),
                format!("output_blocks.{block}.1"),
            );
            if layer == config.layers_per_block && level + 1 < levels {
                let place = if attentive { 2 } else { 1 };
                pair(
                    format!("up_blocks.{level}.upsamplers.0.conv"),
                    format!("output_blocks.{block}.{place}.conv"),
                );
            }
            block += 1;
        }
    }
    pairs
}

/// Parts of a ResNet: diffusers' names and the original ones.
const RESNET_PARTS: [(&str, &str); 6] = [
    ("norm1", "in_layers.0"),
    ("conv1", "in_layers.2"),
    ("time_emb_proj", "emb_layers.1"),
    ("norm2", "out_layers.0"),
    ("conv2", "out_layers.3"),
    ("conv_shortcut", "skip_connection"),
];

fn unet_name(prefixes: &[(String, String)], name: &str) -> Option<String> {
    let (rest, original) = prefixes.iter().find_map(|(ours, original)| {
        let rest = name.strip_prefix(ours.as_str())?.strip_prefix('.')?;
        Some((rest, original))
    })?;
    let part = RESNET_PARTS.iter().find_map(|(ours, original)| {
        let rest = rest.strip_prefix(ours)?.strip_prefix('.')?;
        name.contains("resnets").then(|| format!("{original}.{rest}"))
    });
    Some(format!("{original}.{}", part.as_deref().unwrap_or(rest)))
}

fn vae_name(name: &str, levels: usize) -> String {
    let mut name = name
        .replace("mid_block.resnets.0", "mid.block_1")
        .replace("mid_block.resnets.1", "mid.block_2")
        .replace("mid_block.attentions.0.group_norm", "mid.attn_1.norm")
        .replace("mid_block.attentions.0.to_q", "mid.attn_1.q")
        .replace("mid_block.attentions.0.to_k", "mid.attn_1.k")
        .replace("mid_block.attentions.0.to_v", "mid.attn_1.v")
        .replace("mid_block.attentions.0.to_out.0", "mid.attn_1.proj_out")
        .replace("downsamplers.0", "downsample")
        .replace("upsamplers.0", "upsample")
        .replace("conv_norm_out", "norm_out")
        .replace("conv_shortcut", "nin_shortcut")
        .replace("resnets.", "block.");
    for level in 0..levels {
        name = name.replace(&format!("down_blocks.{level}."), &format!("down.{level}."));
        // The decoder's levels are counted from the smallest picture here, from the largest there.
        name = name.replace(&format!("up_blocks.{level}."), &format!("up.{}.", levels - 1 - level));
    }
    name
}

fn open_clip_name(name: &str) -> Option<(String, Cut)> {
    let whole = |name: &str| Some((name.to_owned(), Cut::Whole));
    let name = name.strip_prefix("text_model.").unwrap_or(name);
    match name {
        "embeddings.token_embedding.weight" => return whole("token_embedding.weight"),
        "embeddings.position_embedding.weight" => return whole("positional_embedding"),
        "text_projection.weight" => return Some(("text_projection".into(), Cut::Transposed)),
        _ => {}
    }
    if let Some(rest) = name.strip_prefix("final_layer_norm.") {
        return whole(&format!("ln_final.{rest}"));
    }
    let (layer, rest) = name.strip_prefix("encoder.layers.")?.split_once('.')?;
    let at = format!("transformer.resblocks.{layer}");
    for (third, part) in ["q_proj", "k_proj", "v_proj"].into_iter().enumerate() {
        if let Some(kind) = rest.strip_prefix("self_attn.").and_then(|rest| rest.strip_prefix(part)) {
            return Some((
                format!("{at}.attn.in_proj_{}", kind.trim_start_matches('.')),
                Cut::Third(third),
            ));
        }
    }
    let parts = [
        ("self_attn.out_proj", "attn.out_proj"),
        ("layer_norm1", "ln_1"),
        ("layer_norm2", "ln_2"),
        ("mlp.fc1", "mlp.c_fc"),
        ("mlp.fc2", "mlp.c_proj"),
    ];
    parts
        .iter()
        .find_map(|(ours, original)| whole(&format!("{at}.{original}{}", rest.strip_prefix(ours)?)))
}
