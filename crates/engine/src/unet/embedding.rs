//! Times and sizes as vectors.

use candle_core::{D, DType, Device, Result as Computed, Tensor};

use super::AddedConditions;
use crate::config::UnetConfig;
use crate::error::Result;
use crate::layers::Linear;
use crate::ops::silu;
use crate::weights::Weights;

/// Sines and cosines of numbers at geometric frequencies. Vaswani et al. 2017, section 3.5.
struct Sinusoids {
    width: usize,
    cosine_first: bool,
    shift: f64,
}

impl Sinusoids {
    /// `[N]` → `[N, width]`, f32.
    fn forward(&self, numbers: &Tensor) -> Computed<Tensor> {
        let half = self.width / 2;
        let frequency = |i: usize| (-(10_000f64.ln()) * i as f64 / (half as f64 - self.shift)).exp() as f32;
        let frequencies = Tensor::from_vec((0..half).map(frequency).collect(), (1, half), &Device::Cpu)?;
        let numbers = numbers.to_dtype(DType::F32)?.reshape(((), 1))?;
        let angles = numbers.broadcast_mul(&frequencies.to_device(numbers.device())?)?;
        let (sine, cosine) = (angles.sin()?, angles.cos()?);
        if self.cosine_first {
            Tensor::cat(&[cosine, sine], D::Minus1)
        } else {
            Tensor::cat(&[sine, cosine], D::Minus1)
        }
    }
}

/// Two layers on the sinusoids of the timestep.
pub(super) struct TimeEmbedding {
    sinusoids: Sinusoids,
    layers: TwoLayers,
}

struct TwoLayers {
    linear_1: Linear,
    linear_2: Linear,
}

impl TwoLayers {
    fn load(weights: &Weights, inputs: usize, width: usize) -> Result<Self> {
        Ok(Self {
            linear_1: weights.linear("linear_1", inputs, width, true)?,
            linear_2: weights.linear("linear_2", width, width, true)?,
        })
    }

    fn forward(&self, x: &Tensor) -> Computed<Tensor> {
        self.linear_2.forward(&silu(&self.linear_1.forward(x)?)?)
    }
}

impl TimeEmbedding {
    pub(super) fn load(weights: &Weights, config: &UnetConfig) -> Result<Self> {
        let width = config.block_out_channels[0];
        Ok(Self {
            sinusoids: Sinusoids {
                width,
                cosine_first: config.flip_sin_to_cos,
                shift: config.freq_shift,
            },
            layers: TwoLayers::load(weights, width, 4 * width)?,
        })
    }

    /// `[B]` → `[B, 4·C₀]`.
    pub(super) fn forward(&self, timestep: &Tensor, dtype: DType) -> Computed<Tensor> {
        self.layers.forward(&self.sinusoids.forward(timestep)?.to_dtype(dtype)?)
    }
}

/// SDXL's: two layers on the pooled prompt beside the sinusoids of six sizes.
pub(super) struct AddedEmbedding {
    sinusoids: Sinusoids,
    layers: TwoLayers,
}

impl AddedEmbedding {
    pub(super) fn load(weights: &Weights, config: &UnetConfig) -> Result<Self> {
        let width = config.addition_time_embed_dim.unwrap_or(256);
        let inputs = config.projection_class_embeddings_input_dim.unwrap_or(1280 + 6 * width);
        Ok(Self {
            sinusoids: Sinusoids {
                width,
                cosine_first: config.flip_sin_to_cos,
                shift: config.freq_shift,
            },
            layers: TwoLayers::load(weights, inputs, 4 * config.block_out_channels[0])?,
        })
    }

    /// `[B, 4·C₀]`.
    pub(super) fn forward(&self, conditions: &AddedConditions, dtype: DType) -> Computed<Tensor> {
        let batch = conditions.time_ids.dim(0)?;
        let sizes = self
            .sinusoids
            .forward(&conditions.time_ids.flatten_all()?)?
            .reshape((batch, ()))?;
        let both = Tensor::cat(
            &[&conditions.text_embeds.to_dtype(dtype)?, &sizes.to_dtype(dtype)?],
            D::Minus1,
        )?;
        self.layers.forward(&both)
    }
}
