//! Group and layer normalization with frozen weights; statistics in f64 where the sums are long.

use candle_core::{D, DType, Result, Tensor};
use rayon::prelude::*;

use super::activation::{silu, silu_of, silu_slope};
use super::cpu::{elements, runs_here};
use super::gradient::with_gradient;

/// Normalizes each group of channels of `[B, C, …]` to mean 0 and variance 1, then scales and shifts each channel.
/// Wu and He 2018.
///
/// # Errors
/// When `groups` does not divide the channels or the device fails.
pub fn group_norm(x: &Tensor, groups: usize, weight: &Tensor, bias: &Tensor, eps: f64) -> Result<Tensor> {
    normalize_groups(x, groups, weight, bias, eps, false)
}

/// [`group_norm`] followed by [`silu`](super::silu), in one pass.
///
/// # Errors
/// When `groups` does not divide the channels or the device fails.
pub fn group_norm_silu(x: &Tensor, groups: usize, weight: &Tensor, bias: &Tensor, eps: f64) -> Result<Tensor> {
    if runs_here(x) {
        normalize_groups(x, groups, weight, bias, eps, true)
    } else {
        silu(&normalize_groups(x, groups, weight, bias, eps, false)?)
    }
}

fn normalize_groups(
    x: &Tensor,
    groups: usize,
    weight: &Tensor,
    bias: &Tensor,
    eps: f64,
    activate: bool,
) -> Result<Tensor> {
    let (batch, channels) = (x.dim(0)?, x.dim(1)?);
    if groups == 0 || channels % groups != 0 {
        candle_core::bail!("{channels} channels do not part into {groups} groups");
    }
    let input = x.detach().contiguous()?;
    if !runs_here(&input) {
        let flat = input.reshape((batch * groups, ()))?;
        let normal = normal_rows(&flat, eps)?.reshape(x.shape())?;
        let mut shape = vec![1; x.rank()];
        shape[1] = channels;
        let (scale, shift) = (weight.reshape(shape.clone())?, bias.reshape(shape)?);
        let output = normal.broadcast_mul(&scale)?.broadcast_add(&shift)?;
        return with_gradient("group_norm", &[x], output, move |inputs, gradient| {
            let flat = inputs[0].contiguous()?.reshape((batch * groups, ()))?;
            let gradient = gradient.broadcast_mul(&scale)?.reshape((batch * groups, ()))?;
            Ok(vec![Some(
                normal_rows_backward(&flat, &gradient, eps)?.reshape(inputs[0].shape())?,
            )])
        });
    }
    let pixels = input.elem_count() / (batch * channels);
    let size = channels / groups * pixels;
    let (weight, bias) = (weight.clone(), bias.clone());
    let mut output = vec![0f32; input.elem_count()];
    {
        let (xs, weights, biases) = (elements(&input)?, elements(&weight)?, elements(&bias)?);
        output
            .par_chunks_mut(size)
            .zip(xs.par_chunks(size))
            .enumerate()
            .for_each(|(group, (out, x))| {
                let (mean, inverse) = statistics(x, eps);
                let first = group % groups * (channels / groups);
                for (i, (out, x)) in out.chunks_exact_mut(pixels).zip(x.chunks_exact(pixels)).enumerate() {
                    let scale = inverse * weights[first + i];
                    let shift = biases[first + i] - mean * scale;
                    pulp::Arch::new().dispatch(
                        #[inline(always)]
                        || {
                            for (out, &x) in out.iter_mut().zip(x) {
                                let y = x * scale + shift;
                                *out = if activate { silu_of(y) } else { y };
                            }
                        },
                    );
                }
            });
    }
    let output = Tensor::from_vec(output, x.shape(), x.device())?;
    with_gradient("group_norm", &[x], output, move |inputs, gradient| {
        let x = inputs[0].contiguous()?;
        let (xs, gradients) = (elements(&x)?, elements(gradient)?);
        let (weights, biases) = (elements(&weight)?, elements(&bias)?);
        let mut output = vec![0f32; xs.len()];
        let tasks = output
            .par_chunks_mut(size)
            .zip(xs.par_chunks(size))
            .zip(gradients.par_chunks(size));
        tasks.enumerate().for_each(|(group, ((out, x), gradient))| {
            let (mean, inverse) = statistics(x, eps);
            let first = group % groups * (channels / groups);
            // out first holds the gradient of the normalized values.
            for (i, ((out, x), gradient)) in out
                .chunks_exact_mut(pixels)
                .zip(x.chunks_exact(pixels))
                .zip(gradient.chunks_exact(pixels))
                .enumerate()
            {
                let (weight, bias) = (weights[first + i], biases[first + i]);
                pulp::Arch::new().dispatch(
                    #[inline(always)]
                    || {
                        for ((out, &x), &gradient) in out.iter_mut().zip(x).zip(gradient) {
                            let slope = if activate {
                                silu_slope((x - mean) * inverse * weight + bias)
                            } else {
                                1.0
                            };
                            *out = gradient * slope * weight;
                        }
                    },
                );
            }
            pull_back(x, mean, inverse, out);
        });
        Ok(vec![Some(Tensor::from_vec(output, x.shape(), x.device())?)])
    })
}

/// Normalizes the last dimension of `[…, C]`, then scales and shifts it. Ba et al. 2016.
///
/// # Errors
/// When the shapes do not fit or the device fails.
pub fn layer_norm(x: &Tensor, weight: &Tensor, bias: &Tensor, eps: f64) -> Result<Tensor> {
    let width = x.dim(D::Minus1)?;
    let input = x.detach().contiguous()?;
    if !runs_here(&input) {
        let flat = input.reshape(((), width))?;
        let output = normal_rows(&flat, eps)?
            .broadcast_mul(weight)?
            .broadcast_add(bias)?
            .reshape(x.shape())?;
        let weight = weight.clone();
        return with_gradient("layer_norm", &[x], output, move |inputs, gradient| {
            let flat = inputs[0].contiguous()?.reshape(((), width))?;
            let gradient = gradient.reshape(((), width))?.broadcast_mul(&weight)?;
            Ok(vec![Some(
                normal_rows_backward(&flat, &gradient, eps)?.reshape(inputs[0].shape())?,
            )])
        });
    }
    let mut output = vec![0f32; input.elem_count()];
    {
        let (xs, weights, biases) = (elements(&input)?, elements(weight)?, elements(bias)?);
        output
            .par_chunks_mut(width)
            .zip(xs.par_chunks(width))
            .for_each(|(out, x)| {
                let (mean, inverse) = statistics(x, eps);
                pulp::Arch::new().dispatch(
                    #[inline(always)]
                    || {
                        for i in 0..width {
                            out[i] = (x[i] - mean) * inverse * weights[i] + biases[i];
                        }
                    },
                );
            });
    }
    let output = Tensor::from_vec(output, x.shape(), x.device())?;
    let weight = weight.clone();
    with_gradient("layer_norm", &[x], output, move |inputs, gradient| {
        let x = inputs[0].contiguous()?;
        let (xs, gradients, weights) = (elements(&x)?, elements(gradient)?, elements(&weight)?);
        let mut output = vec![0f32; xs.len()];
        let tasks = output
            .par_chunks_mut(width)
            .zip(xs.par_chunks(width))
            .zip(gradients.par_chunks(width));
        tasks.for_each(|((out, x), gradient)| {
            let (mean, inverse) = statistics(x, eps);
            for i in 0..width {
                out[i] = gradient[i] * weights[i];
            }
            pull_back(x, mean, inverse, out);
        });
        Ok(vec![Some(Tensor::from_vec(output, x.shape(), x.device())?)])
    })
}

/// Mean and reciprocal standard deviation.
fn statistics(x: &[f32], eps: f64) -> (f32, f32) {
    /// Length of the partial sums that are kept in f32.
    const BLOCK: usize = 1024;
    let (mut sum, mut squares) = (0f64, 0f64);
    let pivot = x[0];
    for block in x.chunks(BLOCK) {
        let (s, q) = pulp::Arch::new().dispatch(
            #[inline(always)]
            || {
                let (mut s, mut q) = ([0f32; 16], [0f32; 16]);
                let lanes = block.chunks_exact(16);
                let rest = lanes.remainder();
                for lane in lanes {
                    for i in 0..16 {
                        // Around a value of the data, so that a large mean does not swallow a small variance.
                        let d = lane[i] - pivot;
                        s[i] += d;
                        q[i] += d * d;
                    }
                }
                for (i, &x) in rest.iter().enumerate() {
                    let d = x - pivot;
                    s[i] += d;
                    q[i] += d * d;
                }
                (s.iter().sum::<f32>(), q.iter().sum::<f32>())
            },
        );
        sum += f64::from(s);
        squares += f64::from(q);
    }
    let count = x.len() as f64;
    let offset = sum / count;
    let variance = (squares / count - offset * offset).max(0.0);
    (
        (f64::from(pivot) + offset) as f32,
        (1.0 / (variance + eps).sqrt()) as f32,
    )
}

/// Turns the gradient of normalized values, in `gradient`, into that of `x`:
/// (g − mean(g) − x̂·mean(g·x̂)) / σ.
fn pull_back(x: &[f32], mean: f32, inverse: f32, gradient: &mut [f32]) {
    let (mut sum, mut along) = (0f64, 0f64);
    for (x, gradient) in x.chunks(1024).zip(gradient.chunks(1024)) {
        let (s, a) = pulp::Arch::new().dispatch(
            #[inline(always)]
            || {
                let (mut s, mut a) = ([0f32; 16], [0f32; 16]);
                for (x, gradient) in x.chunks(16).zip(gradient.chunks(16)) {
                    for (i, (&x, &gradient)) in x.iter().zip(gradient).enumerate() {
                        s[i] += gradient;
                        a[i] += gradient * (x - mean) * inverse;
                    }
                }
                (s.iter().sum::<f32>(), a.iter().sum::<f32>())
            },
        );
        sum += f64::from(s);
        along += f64::from(a);
    }
    let count = x.len() as f64;
    let (sum, along) = ((sum / count) as f32, (along / count) as f32);
    pulp::Arch::new().dispatch(
        #[inline(always)]
        || {
            for (gradient, &x) in gradient.iter_mut().zip(x) {
                *gradient = (*gradient - sum - (x - mean) * inverse * along) * inverse;
            }
        },
    );
}

/// Rows of `[N, M]` with mean 0 and variance 1, computed in f32, in the format of `x`.
fn normal_rows(x: &Tensor, eps: f64) -> Result<Tensor> {
    let wide = x.to_dtype(DType::F32)?;
    let centred = wide.broadcast_sub(&wide.mean_keepdim(1)?)?;
    let deviation = (centred.sqr()?.mean_keepdim(1)? + eps)?.sqrt()?;
    centred.broadcast_div(&deviation)?.to_dtype(x.dtype())
}

fn normal_rows_backward(x: &Tensor, gradient: &Tensor, eps: f64) -> Result<Tensor> {
    let (wide, wide_gradient) = (x.to_dtype(DType::F32)?, gradient.to_dtype(DType::F32)?);
    let centred = wide.broadcast_sub(&wide.mean_keepdim(1)?)?;
    let deviation = (centred.sqr()?.mean_keepdim(1)? + eps)?.sqrt()?;
    let normal = centred.broadcast_div(&deviation)?;
    let along = (&wide_gradient * &normal)?.mean_keepdim(1)?;
    let centred = wide_gradient.broadcast_sub(&wide_gradient.mean_keepdim(1)?)?;
    (centred - normal.broadcast_mul(&along)?)?
        .broadcast_div(&deviation)?
        .to_dtype(x.dtype())
}
