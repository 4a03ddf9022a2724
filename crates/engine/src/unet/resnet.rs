//! The convolutional block of UNet and VAE: diffusers' `ResnetBlock2D`.

use candle_core::{D, Result as Computed, Tensor};

use super::{POINTWISE, SAME_SIZE};
use crate::error::Result;
use crate::layers::{Conv2d, GroupNorm, Linear};
use crate::weights::Weights;

/// Two convolutions around a residual connection, told the time in between.
pub(crate) struct Resnet {
    norm1: GroupNorm,
    conv1: Conv2d,
    time_emb_proj: Option<Linear>,
    norm2: GroupNorm,
    conv2: Conv2d,
    conv_shortcut: Option<Conv2d>,
}

/// Sizes of a ResNet.
pub(crate) struct ResnetSizes {
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    /// Width of the time embedding; the VAE's have none.
    pub(crate) embedding: Option<usize>,
    pub(crate) groups: usize,
    pub(crate) eps: f64,
}

impl Resnet {
    pub(crate) fn load(weights: &Weights, sizes: &ResnetSizes) -> Result<Self> {
        let &ResnetSizes {
            inputs,
            outputs,
            embedding,
            groups,
            eps,
        } = sizes;
        Ok(Self {
            norm1: weights.group_norm("norm1", inputs, groups, eps)?,
            conv1: weights.conv2d("conv1", inputs, outputs, 3, SAME_SIZE)?,
            time_emb_proj: embedding
                .map(|width| weights.linear("time_emb_proj", width, outputs, true))
                .transpose()?,
            norm2: weights.group_norm("norm2", outputs, groups, eps)?,
            conv2: weights.conv2d("conv2", outputs, outputs, 3, SAME_SIZE)?,
            conv_shortcut: match inputs == outputs {
                true => None,
                false => Some(weights.conv2d("conv_shortcut", inputs, outputs, 1, POINTWISE)?),
            },
        })
    }

    /// `[B, inputs, h, w]` → `[B, outputs, h, w]`; `embedding` is the SiLU of the time embedding.
    pub(crate) fn forward(&self, x: &Tensor, embedding: Option<&Tensor>) -> Computed<Tensor> {
        let mut inside = self.conv1.forward(&self.norm1.forward_silu(x)?)?;
        if let (Some(projection), Some(embedding)) = (&self.time_emb_proj, embedding) {
            let time = projection
                .forward(embedding)?
                .unsqueeze(D::Minus1)?
                .unsqueeze(D::Minus1)?;
            inside = inside.broadcast_add(&time)?;
        }
        let inside = self.conv2.forward(&self.norm2.forward_silu(&inside)?)?;
        match &self.conv_shortcut {
            Some(shortcut) => shortcut.forward(x)? + inside,
            None => x + inside,
        }
    }
}
