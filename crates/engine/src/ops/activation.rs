//! Activations, one pass over the data on all cores.

use candle_core::{Result, Tensor};
use rayon::prelude::*;

use super::cpu::{elements, erf, exp, runs_here};
use super::gradient::with_gradient;

/// Elements that one task handles: large enough to hide its cost, small enough to stay in the second-level cache.
const CHUNK: usize = 16 * 1024;

/// x·σ(x).
///
/// # Errors
/// When the device fails.
pub fn silu(x: &Tensor) -> Result<Tensor> {
    let output = map(x, silu_of, |x| x.silu())?;
    with_gradient("silu", &[x], output, |inputs, gradient| {
        let derivative = map(&inputs[0], silu_slope, |x| {
            let sigmoid = candle_nn::ops::sigmoid(x)?;
            &sigmoid + (x * &sigmoid)? * (1.0 - &sigmoid)?
        })?;
        Ok(vec![Some((derivative * gradient)?)])
    })
}

#[inline(always)]
pub(super) fn silu_of(x: f32) -> f32 {
    x / (1.0 + exp(-x))
}

#[inline(always)]
pub(super) fn silu_slope(x: f32) -> f32 {
    let sigmoid = 1.0 / (1.0 + exp(-x));
    sigmoid + x * sigmoid * (1.0 - sigmoid)
}

/// x·Φ(x), with the exact Φ (not its tanh approximation).
///
/// # Errors
/// When the device fails.
pub fn gelu(x: &Tensor) -> Result<Tensor> {
    let output = map(x, gelu_of, |x| x.gelu_erf())?;
    with_gradient("gelu", &[x], output, |inputs, gradient| {
        Ok(vec![Some((gelu_slopes(&inputs[0])? * gradient)?)])
    })
}

fn gelu_slopes(x: &Tensor) -> Result<Tensor> {
    map(x, gelu_slope, |x| {
        let phi = ((x * std::f64::consts::FRAC_1_SQRT_2)?.erf()? + 1.0)? * 0.5;
        let density = ((x.sqr()? * -0.5)?.exp()? * INV_SQRT_TAU)?;
        phi + (x * density)?
    })
}

const INV_SQRT_TAU: f64 = 0.398_942_280_401_432_7;

#[inline(always)]
fn gelu_of(x: f32) -> f32 {
    0.5 * x * (1.0 + erf(x * std::f32::consts::FRAC_1_SQRT_2))
}

#[inline(always)]
fn gelu_slope(x: f32) -> f32 {
    0.5 * (1.0 + erf(x * std::f32::consts::FRAC_1_SQRT_2)) + x * exp(-0.5 * x * x) * INV_SQRT_TAU as f32
}

/// x·σ(1.702·x), which CLIP uses.
///
/// # Errors
/// When the device fails.
pub fn quick_gelu(x: &Tensor) -> Result<Tensor> {
    const FACTOR: f64 = 1.702;
    let output = map(
        x,
        |x| x / (1.0 + exp(-FACTOR as f32 * x)),
        |x| x * candle_nn::ops::sigmoid(&(x * FACTOR)?)?,
    )?;
    with_gradient("quick_gelu", &[x], output, |inputs, gradient| {
        let slope = map(
            &inputs[0],
            |x| {
                let sigmoid = 1.0 / (1.0 + exp(-FACTOR as f32 * x));
                sigmoid + FACTOR as f32 * x * sigmoid * (1.0 - sigmoid)
            },
            |x| {
                let sigmoid = candle_nn::ops::sigmoid(&(x * FACTOR)?)?;
                &sigmoid + ((x * &sigmoid)? * ((1.0 - &sigmoid)? * FACTOR)?)?
            },
        )?;
        Ok(vec![Some((slope * gradient)?)])
    })
}

/// The gated unit of the transformer blocks: `[…, 2·D]`, halves h and g, → h·gelu(g), `[…, D]`, with the exact gelu.
///
/// # Errors
/// When the last dimension is odd or the device fails.
pub fn geglu(x: &Tensor) -> Result<Tensor> {
    let output = geglu_forward(&x.detach())?;
    with_gradient("geglu", &[x], output, |inputs, gradient| {
        let x = &inputs[0];
        let width = gradient.dim(candle_core::D::Minus1)?;
        if !runs_here(x) {
            let last = x.rank() - 1;
            let (value, gate) = (x.narrow(last, 0, width)?, x.narrow(last, width, width)?.contiguous()?);
            let to_value = (gradient * gate.gelu_erf()?)?;
            let to_gate = ((gradient * value)? * gelu_slopes(&gate)?)?;
            return Ok(vec![Some(Tensor::cat(&[to_value, to_gate], last)?)]);
        }
        let x = x.contiguous()?;
        let (xs, gradients) = (elements(&x)?, elements(gradient)?);
        let mut output = vec![0f32; xs.len()];
        output
            .par_chunks_mut(2 * width)
            .zip(xs.par_chunks(2 * width))
            .zip(gradients.par_chunks(width))
            .for_each(|((out, x), gradient)| {
                pulp::Arch::new().dispatch(
                    #[inline(always)]
                    || {
                        let (to_value, to_gate) = out.split_at_mut(width);
                        let (value, gate) = x.split_at(width);
                        for i in 0..width {
                            to_value[i] = gradient[i] * gelu_of(gate[i]);
                            to_gate[i] = gradient[i] * value[i] * gelu_slope(gate[i]);
                        }
                    },
                );
            });
        Ok(vec![Some(Tensor::from_vec(output, x.shape(), x.device())?)])
    })
}

fn geglu_forward(x: &Tensor) -> Result<Tensor> {
    let last = x.rank() - 1;
    let width = x.dim(last)? / 2;
    if !runs_here(x) {
        let gate = x.narrow(last, width, width)?.contiguous()?;
        return x.narrow(last, 0, width)? * gate.gelu_erf()?;
    }
    let x = x.contiguous()?;
    let xs = elements(&x)?;
    let mut output = vec![0f32; xs.len() / 2];
    output
        .par_chunks_mut(width)
        .zip(xs.par_chunks(2 * width))
        .for_each(|(out, x)| {
            pulp::Arch::new().dispatch(
                #[inline(always)]
                || {
                    let (value, gate) = x.split_at(width);
                    for i in 0..width {
                        out[i] = value[i] * gelu_of(gate[i]);
                    }
                },
            );
        });
    let mut shape = x.dims().to_vec();
    shape[last] = width;
    Tensor::from_vec(output, shape, x.device())
}

/// Applies `here` to each element on the processor, `elsewhere` on other devices; never tracked.
fn map(x: &Tensor, here: impl Fn(f32) -> f32 + Sync, elsewhere: impl Fn(&Tensor) -> Result<Tensor>) -> Result<Tensor> {
    let x = x.detach().contiguous()?;
    if !runs_here(&x) {
        return elsewhere(&x);
    }
    let xs = elements(&x)?;
    let mut output = vec![0f32; xs.len()];
    output
        .par_chunks_mut(CHUNK)
        .zip(xs.par_chunks(CHUNK))
        .for_each(|(out, x)| {
            pulp::Arch::new().dispatch(
                #[inline(always)]
                || {
                    for (out, &x) in out.iter_mut().zip(x) {
                        *out = here(x);
                    }
                },
            );
        });
    Tensor::from_vec(output, x.shape(), x.device())
}
