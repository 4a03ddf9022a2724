//! Pictures to latents and back: diffusers' `AutoencoderKL`.

use candle_core::{Result as Computed, Tensor};

use crate::config::VaeConfig;
use crate::error::Result;
use crate::layers::{Conv2d, GroupNorm, Linear};
use crate::ops::{self, Convolution};
use crate::unet::{POINTWISE, Resnet, ResnetSizes, SAME_SIZE};
use crate::weights::Weights;

/// ε of every norm in a VAE.
const EPS: f64 = 1e-6;

/// A variational autoencoder.
pub struct Vae {
    encoder: Encoder,
    decoder: Decoder,
    quant_conv: Option<Conv2d>,
    post_quant_conv: Option<Conv2d>,
}

impl Vae {
    /// Loads it.
    ///
    /// # Errors
    /// When a tensor is missing or has another shape.
    pub fn load(weights: &Weights, config: &VaeConfig) -> Result<Self> {
        let latents = config.latent_channels;
        Ok(Self {
            encoder: Encoder::load(&weights.sub("encoder"), config)?,
            decoder: Decoder::load(&weights.sub("decoder"), config)?,
            quant_conv: match config.use_quant_conv {
                true => Some(weights.conv2d("quant_conv", 2 * latents, 2 * latents, 1, POINTWISE)?),
                false => None,
            },
            post_quant_conv: match config.use_post_quant_conv {
                true => Some(weights.conv2d("post_quant_conv", latents, latents, 1, POINTWISE)?),
                false => None,
            },
        })
    }

    /// Pictures `[B, 3, H, W]` in −1…1 → mean and logarithm of the variance of their latents, `[B, C, h, w]` each, not scaled.
    ///
    /// # Errors
    /// When the shapes do not fit or the device fails.
    pub fn encode(&self, pictures: &Tensor) -> Computed<(Tensor, Tensor)> {
        let mut moments = self.encoder.forward(pictures)?;
        if let Some(layer) = &self.quant_conv {
            moments = layer.forward(&moments)?;
        }
        let halves = moments.chunk(2, 1)?;
        Ok((halves[0].contiguous()?, halves[1].clamp(-30f32, 20f32)?))
    }

    /// Latents `[B, C, h, w]`, not scaled → pictures `[B, 3, H, W]` in about −1…1.
    ///
    /// # Errors
    /// When the shapes do not fit or the device fails.
    pub fn decode(&self, latents: &Tensor) -> Computed<Tensor> {
        match &self.post_quant_conv {
            Some(layer) => self.decoder.forward(layer.forward(latents)?),
            None => self.decoder.forward(latents.clone()),
        }
    }
}

fn resnet(weights: &Weights, config: &VaeConfig, name: &str, inputs: usize, outputs: usize) -> Result<Resnet> {
    let sizes = ResnetSizes {
        inputs,
        outputs,
        embedding: None,
        groups: config.norm_num_groups,
        eps: EPS,
    };
    Resnet::load(&weights.sub(name), &sizes)
}

struct Encoder {
    conv_in: Conv2d,
    levels: Vec<(Vec<Resnet>, Option<Conv2d>)>,
    middle: Middle,
    conv_norm_out: GroupNorm,
    conv_out: Conv2d,
}

impl Encoder {
    fn load(weights: &Weights, config: &VaeConfig) -> Result<Self> {
        let channels = &config.block_out_channels;
        let last = channels.len() - 1;
        let level = |level: usize| -> Result<_> {
            let at = weights.sub("down_blocks").sub(level);
            let outputs = channels[level];
            let resnets = (0..config.layers_per_block).map(|i| {
                let inputs = if i > 0 {
                    outputs
                } else {
                    channels[level.saturating_sub(1)]
                };
                resnet(&at, config, &format!("resnets.{i}"), inputs, outputs)
            });
            let resnets = resnets.collect::<Result<_>>()?;
            let down = Convolution { stride: 2, padding: 0 };
            let downsampler = match level < last {
                true => Some(at.conv2d("downsamplers.0.conv", outputs, outputs, 3, down)?),
                false => None,
            };
            Ok((resnets, downsampler))
        };
        Ok(Self {
            conv_in: weights.conv2d("conv_in", 3, channels[0], 3, SAME_SIZE)?,
            levels: (0..channels.len()).map(level).collect::<Result<_>>()?,
            middle: Middle::load(&weights.sub("mid_block"), config)?,
            conv_norm_out: weights.group_norm("conv_norm_out", channels[last], config.norm_num_groups, EPS)?,
            conv_out: weights.conv2d("conv_out", channels[last], 2 * config.latent_channels, 3, SAME_SIZE)?,
        })
    }

    fn forward(&self, pictures: &Tensor) -> Computed<Tensor> {
        let mut x = self.conv_in.forward(pictures)?;
        for (resnets, downsampler) in &self.levels {
            for resnet in resnets {
                x = resnet.forward(&x, None)?;
            }
            if let Some(downsampler) = downsampler {
                // The VAE was trained with zeros on the right and below alone.
                x = downsampler.forward(&x.pad_with_zeros(2, 0, 1)?.pad_with_zeros(3, 0, 1)?)?;
            }
        }
        x = self.middle.forward(&x)?;
        self.conv_out.forward(&self.conv_norm_out.forward_silu(&x)?)
    }
}

struct Decoder {
    conv_in: Conv2d,
    middle: Middle,
    levels: Vec<(Vec<Resnet>, Option<Conv2d>)>,
    conv_norm_out: GroupNorm,
    conv_out: Conv2d,
}

impl Decoder {
    fn load(weights: &Weights, config: &VaeConfig) -> Result<Self> {
        let channels: Vec<_> = config.block_out_channels.iter().rev().copied().collect();
        let last = channels.len() - 1;
        let level = |level: usize| -> Result<_> {
            let at = weights.sub("up_blocks").sub(level);
            let outputs = channels[level];
            let resnets = (0..=config.layers_per_block).map(|i| {
                let inputs = if i > 0 {
                    outputs
                } else {
                    channels[level.saturating_sub(1)]
                };
                resnet(&at, config, &format!("resnets.{i}"), inputs, outputs)
            });
            let resnets = resnets.collect::<Result<_>>()?;
            let upsampler = match level < last {
                true => Some(at.conv2d("upsamplers.0.conv", outputs, outputs, 3, SAME_SIZE)?),
                false => None,
            };
            Ok((resnets, upsampler))
        };
        Ok(Self {
            conv_in: weights.conv2d("conv_in", config.latent_channels, channels[0], 3, SAME_SIZE)?,
            middle: Middle::load(&weights.sub("mid_block"), config)?,
            levels: (0..channels.len()).map(level).collect::<Result<_>>()?,
            conv_norm_out: weights.group_norm("conv_norm_out", channels[last], config.norm_num_groups, EPS)?,
            conv_out: weights.conv2d("conv_out", channels[last], 3, 3, SAME_SIZE)?,
        })
    }

    fn forward(&self, latents: Tensor) -> Computed<Tensor> {
        let mut x = self.middle.forward(&self.conv_in.forward(&latents)?)?;
        for (resnets, upsampler) in &self.levels {
            for resnet in resnets {
                x = resnet.forward(&x, None)?;
            }
            if let Some(upsampler) = upsampler {
                let (_, _, height, width) = x.dims4()?;
                x = upsampler.forward(&ops::upsample_nearest(&x, 2 * height, 2 * width)?)?;
            }
        }
        self.conv_out.forward(&self.conv_norm_out.forward_silu(&x)?)
    }
}

struct Middle {
    before: Resnet,
    attention: Option<Attention>,
    after: Resnet,
}

impl Middle {
    fn load(weights: &Weights, config: &VaeConfig) -> Result<Self> {
        let channels = config.block_out_channels[config.block_out_channels.len() - 1];
        Ok(Self {
            before: resnet(weights, config, "resnets.0", channels, channels)?,
            attention: match config.mid_block_add_attention {
                true => Some(Attention::load(
                    &weights.sub("attentions.0"),
                    channels,
                    config.norm_num_groups,
                )?),
                false => None,
            },
            after: resnet(weights, config, "resnets.1", channels, channels)?,
        })
    }

    fn forward(&self, x: &Tensor) -> Computed<Tensor> {
        let mut x = self.before.forward(x, None)?;
        if let Some(attention) = &self.attention {
            x = attention.forward(&x)?;
        }
        self.after.forward(&x, None)
    }
}

/// Attention over pixels with one head.
struct Attention {
    group_norm: GroupNorm,
    to_q: Linear,
    to_k: Linear,
    to_v: Linear,
    to_out: Linear,
}

impl Attention {
    fn load(weights: &Weights, channels: usize, groups: usize) -> Result<Self> {
        let linear = |name: &str| weights.linear(name, channels, channels, true);
        Ok(Self {
            group_norm: weights.group_norm("group_norm", channels, groups, EPS)?,
            to_q: linear("to_q")?,
            to_k: linear("to_k")?,
            to_v: linear("to_v")?,
            to_out: linear("to_out.0")?,
        })
    }

    fn forward(&self, x: &Tensor) -> Computed<Tensor> {
        let (batch, channels, height, width) = x.dims4()?;
        let tokens = self
            .group_norm
            .forward(x)?
            .reshape((batch, channels, ()))?
            .transpose(1, 2)?
            .contiguous()?;
        let (q, k, v) = (
            self.to_q.forward(&tokens)?,
            self.to_k.forward(&tokens)?,
            self.to_v.forward(&tokens)?,
        );
        let output = self.to_out.forward(&ops::attention(&q, &k, &v, 1, false)?)?;
        output
            .transpose(1, 2)?
            .contiguous()?
            .reshape((batch, channels, height, width))?
            + x
    }
}
