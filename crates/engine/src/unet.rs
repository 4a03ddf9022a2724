//! The noise predictor: diffusers' `UNet2DConditionModel` in the shapes of SD 1.x, SD 2.x and SDXL.

mod embedding;
mod levels;
mod resnet;
mod transformer;

use candle_core::{Result as Computed, Tensor};

pub(crate) use resnet::{Resnet, ResnetSizes};

use crate::config::UnetConfig;
use crate::error::Result;
use crate::layers::{Conv2d, GroupNorm};
use crate::ops::{AdapterGradients, Convolution, silu};
use crate::weights::Weights;
use embedding::{AddedEmbedding, TimeEmbedding};
use levels::{DownLevel, Middle, UpLevel};

pub(crate) const SAME_SIZE: Convolution = Convolution { stride: 1, padding: 1 };
pub(crate) const POINTWISE: Convolution = Convolution { stride: 1, padding: 0 };

/// A UNet.
pub struct Unet {
    conv_in: Conv2d,
    time_embedding: TimeEmbedding,
    add_embedding: Option<AddedEmbedding>,
    down_blocks: Vec<DownLevel>,
    mid_block: Middle,
    up_blocks: Vec<UpLevel>,
    conv_norm_out: GroupNorm,
    conv_out: Conv2d,
}

/// What a UNet is told beside the noisy latents.
#[derive(Clone)]
pub struct Conditioning {
    /// States of the prompt's tokens, `[B, T, C]`.
    pub context: Tensor,
    /// What SDXL takes beside it.
    pub added: Option<AddedConditions>,
}

/// SDXL's added conditions.
#[derive(Clone)]
pub struct AddedConditions {
    /// Pooled state of the prompt, `[B, C]`.
    pub text_embeds: Tensor,
    /// Original height and width, top and left of the crop, target height and width: `[B, 6]`.
    pub time_ids: Tensor,
}

impl Unet {
    /// Loads it.
    ///
    /// # Errors
    /// When a tensor is missing or has another shape.
    pub fn load(weights: &Weights, config: &UnetConfig) -> Result<Self> {
        let channels = &config.block_out_channels;
        let (first, levels) = (channels[0], channels.len());
        let down = (0..levels).map(|level| DownLevel::load(&weights.sub("down_blocks").sub(level), config, level));
        let up = (0..levels).map(|level| UpLevel::load(&weights.sub("up_blocks").sub(level), config, level));
        Ok(Self {
            conv_in: weights.conv2d("conv_in", config.in_channels, first, 3, SAME_SIZE)?,
            time_embedding: TimeEmbedding::load(&weights.sub("time_embedding"), config)?,
            add_embedding: match config.has_added_conditions() {
                true => Some(AddedEmbedding::load(&weights.sub("add_embedding"), config)?),
                false => None,
            },
            down_blocks: down.collect::<Result<_>>()?,
            mid_block: Middle::load(&weights.sub("mid_block"), config)?,
            up_blocks: up.collect::<Result<_>>()?,
            conv_norm_out: weights.group_norm("conv_norm_out", first, config.norm_num_groups, config.norm_eps)?,
            conv_out: weights.conv2d("conv_out", first, config.out_channels, 3, SAME_SIZE)?,
        })
    }

    /// Predicts for noisy latents `[B, C, h, w]` at `timestep` `[B]` (f32); same shape. With `recompute`, a training pass keeps only the
    /// inputs of its blocks.
    ///
    /// # Errors
    /// When the shapes do not fit or the device fails.
    pub fn forward(
        &self,
        sample: &Tensor,
        timestep: &Tensor,
        conditioning: &Conditioning,
        recompute: Option<&AdapterGradients>,
    ) -> Computed<Tensor> {
        let mut embedding = self.time_embedding.forward(timestep, sample.dtype())?;
        match (&self.add_embedding, &conditioning.added) {
            (Some(added), Some(conditions)) => embedding = (embedding + added.forward(conditions, sample.dtype())?)?,
            (None, _) => {}
            (Some(_), None) => candle_core::bail!("this UNet wants text_embeds and time_ids"),
        }
        // Every ResNet begins with it; once is enough.
        let embedding = silu(&embedding)?;
        let around = Around {
            embedding: &embedding,
            context: &conditioning.context,
            recompute,
        };
        let mut x = self.conv_in.forward(sample)?;
        let mut skips = vec![x.clone()];
        for level in &self.down_blocks {
            x = level.forward(x, &around, &mut skips)?;
        }
        x = self.mid_block.forward(x, &around)?;
        for level in &self.up_blocks {
            x = level.forward(x, &around, &mut skips)?;
        }
        self.conv_out.forward(&self.conv_norm_out.forward_silu(&x)?)
    }
}

/// What every block of one pass sees.
struct Around<'a> {
    /// SiLU of the time embedding, `[B, 4·C₀]`.
    embedding: &'a Tensor,
    /// `[B, T, C]`.
    context: &'a Tensor,
    recompute: Option<&'a AdapterGradients>,
}
