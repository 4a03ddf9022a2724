//! Attention over pixels and to the prompt: diffusers' `Transformer2DModel`.

use std::sync::Arc;

use candle_core::{Result as Computed, Tensor};

use super::{Around, POINTWISE};
use crate::config::UnetConfig;
use crate::error::Result;
use crate::layers::{Conv2d, GroupNorm, LayerNorm, Linear};
use crate::ops;
use crate::weights::Weights;

pub(super) struct Transformer {
    norm: GroupNorm,
    proj_in: Projection,
    transformer_blocks: Vec<Arc<Block>>,
    proj_out: Projection,
}

/// A linear layer over pixels: SD 1.x made it a 1×1 convolution, SD 2 and SDXL a linear layer on the transposed picture.
enum Projection {
    Convolution(Conv2d),
    Linear(Linear),
}

impl Transformer {
    pub(super) fn load(weights: &Weights, config: &UnetConfig, level: usize) -> Result<Self> {
        let channels = config.block_out_channels[level];
        let projection = |name: &str| -> Result<Projection> {
            Ok(match config.use_linear_projection {
                true => Projection::Linear(weights.linear(name, channels, channels, true)?),
                false => Projection::Convolution(weights.conv2d(name, channels, channels, 1, POINTWISE)?),
            })
        };
        let blocks = (0..config.transformer_layers_per_block.at(level)).map(|i| {
            let weights = weights.sub("transformer_blocks").sub(i);
            Block::load(&weights, channels, config.cross_attention_dim, config.heads(level)).map(Arc::new)
        });
        Ok(Self {
            norm: weights.group_norm("norm", channels, config.norm_num_groups, 1e-6)?,
            proj_in: projection("proj_in")?,
            transformer_blocks: blocks.collect::<Result<_>>()?,
            proj_out: projection("proj_out")?,
        })
    }

    /// `[B, C, h, w]`, the same shape.
    pub(super) fn forward(&self, x: &Tensor, around: &Around<'_>) -> Computed<Tensor> {
        let (batch, channels, height, width) = x.dims4()?;
        let to_tokens = |x: Tensor| {
            x.reshape((batch, channels, height * width))?
                .transpose(1, 2)?
                .contiguous()
        };
        let to_picture = |x: Tensor| {
            x.transpose(1, 2)?
                .contiguous()?
                .reshape((batch, channels, height, width))
        };
        let normal = self.norm.forward(x)?;
        let mut tokens = match &self.proj_in {
            Projection::Convolution(layer) => to_tokens(layer.forward(&normal)?)?,
            Projection::Linear(layer) => layer.forward(&to_tokens(normal)?)?,
        };
        for block in &self.transformer_blocks {
            let block = Arc::clone(block);
            tokens = ops::checkpoint(around.recompute, &[&tokens, around.context], move |inputs| {
                block.forward(&inputs[0], &inputs[1])
            })?;
        }
        let output = match &self.proj_out {
            Projection::Convolution(layer) => layer.forward(&to_picture(tokens)?)?,
            Projection::Linear(layer) => to_picture(layer.forward(&tokens)?)?,
        };
        output + x
    }
}

/// Self-attention, cross-attention, feed-forward: diffusers' `BasicTransformerBlock`.
struct Block {
    norm1: LayerNorm,
    attn1: Attention,
    norm2: LayerNorm,
    attn2: Attention,
    norm3: LayerNorm,
    ff_in: Linear,
    ff_out: Linear,
}

impl Block {
    fn load(weights: &Weights, width: usize, context: usize, heads: usize) -> Result<Self> {
        Ok(Self {
            norm1: weights.layer_norm("norm1", width, 1e-5)?,
            attn1: Attention::load(&weights.sub("attn1"), width, width, heads)?,
            norm2: weights.layer_norm("norm2", width, 1e-5)?,
            attn2: Attention::load(&weights.sub("attn2"), width, context, heads)?,
            norm3: weights.layer_norm("norm3", width, 1e-5)?,
            ff_in: weights.linear("ff.net.0.proj", width, 8 * width, true)?,
            ff_out: weights.linear("ff.net.2", 4 * width, width, true)?,
        })
    }

    /// `[B, N, C]` and the prompt's `[B, T, D]` → `[B, N, C]`.
    fn forward(&self, x: &Tensor, context: &Tensor) -> Computed<Tensor> {
        let normal = self.norm1.forward(x)?;
        let x = (x + self.attn1.forward(&normal, &normal)?)?;
        let x = (&x + self.attn2.forward(&self.norm2.forward(&x)?, context)?)?;
        let inside = ops::geglu(&self.ff_in.forward(&self.norm3.forward(&x)?)?)?;
        x + self.ff_out.forward(&inside)?
    }
}

struct Attention {
    to_q: Linear,
    to_k: Linear,
    to_v: Linear,
    to_out: Linear,
    heads: usize,
}

impl Attention {
    fn load(weights: &Weights, width: usize, context: usize, heads: usize) -> Result<Self> {
        Ok(Self {
            to_q: weights.linear("to_q", width, width, false)?,
            to_k: weights.linear("to_k", context, width, false)?,
            to_v: weights.linear("to_v", context, width, false)?,
            to_out: weights.linear("to_out.0", width, width, true)?,
            heads,
        })
    }

    fn forward(&self, x: &Tensor, context: &Tensor) -> Computed<Tensor> {
        let (q, k, v) = (
            self.to_q.forward(x)?,
            self.to_k.forward(context)?,
            self.to_v.forward(context)?,
        );
        self.to_out.forward(&ops::attention(&q, &k, &v, self.heads, false)?)
    }
}
