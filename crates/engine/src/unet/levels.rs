//! The levels of the UNet: down, middle, up.

use std::sync::Arc;

use candle_core::{Result as Computed, Tensor};

use super::resnet::{Resnet, ResnetSizes};
use super::transformer::Transformer;
use super::{Around, SAME_SIZE};
use crate::config::UnetConfig;
use crate::error::Result;
use crate::layers::Conv2d;
use crate::ops::{Convolution, checkpoint, upsample_nearest};
use crate::weights::Weights;

/// A ResNet and, on some levels, an attention after it.
struct Layer {
    resnet: Arc<Resnet>,
    attention: Option<Transformer>,
}

impl Layer {
    fn load(weights: &Weights, config: &UnetConfig, place: Place, inputs: usize) -> Result<Self> {
        let Place {
            level,
            layer,
            attentive,
        } = place;
        let sizes = ResnetSizes {
            inputs,
            outputs: config.block_out_channels[level],
            embedding: Some(4 * config.block_out_channels[0]),
            groups: config.norm_num_groups,
            eps: config.norm_eps,
        };
        Ok(Self {
            resnet: Arc::new(Resnet::load(&weights.sub("resnets").sub(layer), &sizes)?),
            attention: match attentive {
                true => Some(Transformer::load(&weights.sub("attentions").sub(layer), config, level)?),
                false => None,
            },
        })
    }

    fn forward(&self, x: &Tensor, around: &Around<'_>) -> Computed<Tensor> {
        let resnet = Arc::clone(&self.resnet);
        let x = checkpoint(around.recompute, &[x, around.embedding], move |inputs| {
            resnet.forward(&inputs[0], Some(&inputs[1]))
        })?;
        self.attention
            .as_ref()
            .map_or(Ok(x.clone()), |attention| attention.forward(&x, around))
    }
}

#[derive(Clone, Copy)]
struct Place {
    level: usize,
    layer: usize,
    attentive: bool,
}

/// Halves the picture, except on the last level.
pub(super) struct DownLevel {
    layers: Vec<Layer>,
    downsampler: Option<Conv2d>,
}

impl DownLevel {
    pub(super) fn load(weights: &Weights, config: &UnetConfig, level: usize) -> Result<Self> {
        let channels = &config.block_out_channels;
        let outputs = channels[level];
        let attentive = config.down_block_types[level].starts_with("CrossAttn");
        let layers = (0..config.layers_per_block).map(|layer| {
            let inputs = if layer > 0 {
                outputs
            } else {
                channels[level.saturating_sub(1)]
            };
            Layer::load(
                weights,
                config,
                Place {
                    level,
                    layer,
                    attentive,
                },
                inputs,
            )
        });
        Ok(Self {
            layers: layers.collect::<Result<_>>()?,
            downsampler: match level + 1 < channels.len() {
                true => Some(weights.conv2d(
                    "downsamplers.0.conv",
                    outputs,
                    outputs,
                    3,
                    Convolution { stride: 2, padding: 1 },
                )?),
                false => None,
            },
        })
    }

    pub(super) fn forward(&self, mut x: Tensor, around: &Around<'_>, skips: &mut Vec<Tensor>) -> Computed<Tensor> {
        for layer in &self.layers {
            x = layer.forward(&x, around)?;
            skips.push(x.clone());
        }
        if let Some(downsampler) = &self.downsampler {
            x = downsampler.forward(&x)?;
            skips.push(x.clone());
        }
        Ok(x)
    }
}

/// The smallest picture.
pub(super) struct Middle {
    before: Layer,
    after: Layer,
}

impl Middle {
    pub(super) fn load(weights: &Weights, config: &UnetConfig) -> Result<Self> {
        let level = config.block_out_channels.len() - 1;
        let channels = config.block_out_channels[level];
        Ok(Self {
            before: Layer::load(
                weights,
                config,
                Place {
                    level,
                    layer: 0,
                    attentive: true,
                },
                channels,
            )?,
            after: Layer::load(
                weights,
                config,
                Place {
                    level,
                    layer: 1,
                    attentive: false,
                },
                channels,
            )?,
        })
    }

    pub(super) fn forward(&self, x: Tensor, around: &Around<'_>) -> Computed<Tensor> {
        self.after.forward(&self.before.forward(&x, around)?, around)
    }
}

/// Doubles the picture, except on the last level, and takes in what the way down left.
pub(super) struct UpLevel {
    layers: Vec<Layer>,
    upsampler: Option<Conv2d>,
}

impl UpLevel {
    /// `block` counts from the smallest picture.
    pub(super) fn load(weights: &Weights, config: &UnetConfig, block: usize) -> Result<Self> {
        let channels = &config.block_out_channels;
        let last = channels.len() - 1;
        let level = last - block;
        let outputs = channels[level];
        let attentive = config.up_block_types[block].starts_with("CrossAttn");
        let layers = (0..=config.layers_per_block).map(|layer| {
            let below = if layer > 0 {
                outputs
            } else {
                channels[(level + 1).min(last)]
            };
            let skip = if layer < config.layers_per_block {
                outputs
            } else {
                channels[level.saturating_sub(1)]
            };
            Layer::load(
                weights,
                config,
                Place {
                    level,
                    layer,
                    attentive,
                },
                below + skip,
            )
        });
        Ok(Self {
            layers: layers.collect::<Result<_>>()?,
            upsampler: match level > 0 {
                true => Some(weights.conv2d("upsamplers.0.conv", outputs, outputs, 3, SAME_SIZE)?),
                false => None,
            },
        })
    }

    pub(super) fn forward(&self, mut x: Tensor, around: &Around<'_>, skips: &mut Vec<Tensor>) -> Computed<Tensor> {
        for layer in &self.layers {
            let Some(skip) = skips.pop() else {
                candle_core::bail!("the UNet's levels do not mirror each other");
            };
            x = layer.forward(&Tensor::cat(&[x, skip], 1)?, around)?;
        }
        if let (Some(upsampler), Some(next)) = (&self.upsampler, skips.last()) {
            // Not always twice: odd sizes were rounded up on the way down.
            let (_, _, height, width) = next.dims4()?;
            x = upsampler.forward(&upsample_nearest(&x, height, width)?)?;
        }
        Ok(x)
    }
}
