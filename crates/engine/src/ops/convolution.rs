//! Convolutions: matrix products over bands of unfolded pixels.
//!
//! Unfolding ("im2col") writes, for each output pixel, the input pixels under the kernel as one column. A whole picture unfolded is nine
//! times its size, so it is done in bands that stay near the cache, several at a time.

use candle_core::{Result, Tensor};
use rayon::prelude::*;

use super::cpu::{elements, runs_here};
use super::gradient::with_gradient;
use super::interrupt::{go_on, watch};
use super::matmul::{Matrix, Threads, product};

/// Size of one band of unfolded pixels, in elements (4 MiB).
const BAND_ELEMENTS: usize = 1 << 20;

/// How a kernel moves over a picture; the same in both directions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Convolution {
    /// Pixels between two outputs.
    pub stride: usize,
    /// Zeros around the picture.
    pub padding: usize,
}

/// Everything about one convolution that its kernels need.
#[derive(Clone, Copy)]
struct Geometry {
    batch: usize,
    channels: usize,
    height: usize,
    width: usize,
    outputs: usize,
    kernel: usize,
    stride: usize,
    padding: usize,
    out_height: usize,
    out_width: usize,
}

impl Geometry {
    fn new(x: &Tensor, weight: &Tensor, by: Convolution) -> Result<Self> {
        let (batch, channels, height, width) = x.dims4()?;
        let (outputs, inputs, kernel, kernel_width) = weight.dims4()?;
        let Convolution { stride, padding } = by;
        if inputs != channels || kernel != kernel_width || height + 2 * padding < kernel || width + 2 * padding < kernel
        {
            candle_core::bail!(
                "a convolution with weight {:?} was given {:?}",
                weight.shape(),
                x.shape()
            );
        }
        let size = |side: usize| (side + 2 * padding - kernel) / stride + 1;
        let (out_height, out_width) = (size(height), size(width));
        Ok(Self {
            batch,
            channels,
            height,
            width,
            outputs,
            kernel,
            stride,
            padding,
            out_height,
            out_width,
        })
    }

    fn pixels(&self) -> usize {
        self.height * self.width
    }

    fn out_pixels(&self) -> usize {
        self.out_height * self.out_width
    }

    /// Rows of the unfolded matrix.
    fn taps(&self) -> usize {
        self.channels * self.kernel * self.kernel
    }

    /// Whether unfolding would only copy.
    fn is_pointwise(&self) -> bool {
        self.kernel == 1 && self.stride == 1 && self.padding == 0
    }

    /// Output rows of one band.
    fn band_rows(&self) -> usize {
        let fits = (BAND_ELEMENTS / (self.taps() * self.out_width)).max(1);
        let tasks = rayon::current_num_threads().div_ceil(self.batch).max(1);
        fits.min(self.out_height.div_ceil(tasks))
    }

    /// Output columns whose pixel under tap column `kx` lies inside the picture.
    fn inside(&self, kx: usize) -> (usize, usize) {
        let first = self.padding.saturating_sub(kx).div_ceil(self.stride);
        let past = (self.width + self.padding)
            .saturating_sub(kx)
            .div_ceil(self.stride)
            .min(self.out_width);
        (first.min(past), past)
    }

    /// Unfolds output rows `rows` of one picture into `columns`, `[taps, rows·out_width]`.
    fn unfold(&self, picture: &[f32], rows: std::ops::Range<usize>, columns: &mut [f32]) {
        let width = rows.len() * self.out_width;
        let taps_of_channel = self.kernel * self.kernel;
        for (tap, line) in columns.chunks_exact_mut(width).enumerate() {
            let channel = &picture[tap / taps_of_channel * self.pixels()..][..self.pixels()];
            let (ky, kx) = (tap % taps_of_channel / self.kernel, tap % self.kernel);
            let (first, past) = self.inside(kx);
            for (y, out) in rows.clone().zip(line.chunks_exact_mut(self.out_width)) {
                let Some(source_y) = (y * self.stride + ky)
                    .checked_sub(self.padding)
                    .filter(|&y| y < self.height)
                else {
                    out.fill(0.0);
                    continue;
                };
                out[..first].fill(0.0);
                out[past..].fill(0.0);
                if first == past {
                    continue;
                }
                let source = &channel[source_y * self.width..][..self.width];
                let start = first * self.stride + kx - self.padding;
                if self.stride == 1 {
                    out[first..past].copy_from_slice(&source[start..start + past - first]);
                } else {
                    let wanted = source[start..].iter().step_by(self.stride);
                    out[first..past]
                        .iter_mut()
                        .zip(wanted)
                        .for_each(|(out, &value)| *out = value);
                }
            }
        }
    }

    /// Adds `columns`, `[taps of some channels, out_pixels]`, back to those channels of one picture: the transpose of unfolding.
    fn fold(&self, columns: &[f32], channels: &mut [f32]) {
        let taps_of_channel = self.kernel * self.kernel;
        for (tap, line) in columns.chunks_exact(self.out_pixels()).enumerate() {
            let channel = &mut channels[tap / taps_of_channel * self.pixels()..][..self.pixels()];
            let (ky, kx) = (tap % taps_of_channel / self.kernel, tap % self.kernel);
            let (first, past) = self.inside(kx);
            if first == past {
                continue;
            }
            for (y, values) in line.chunks_exact(self.out_width).enumerate() {
                let Some(target_y) = (y * self.stride + ky)
                    .checked_sub(self.padding)
                    .filter(|&y| y < self.height)
                else {
                    continue;
                };
                let start = first * self.stride + kx - self.padding;
                let target = channel[target_y * self.width..][..self.width][start..]
                    .iter_mut()
                    .step_by(self.stride);
                target
                    .zip(&values[first..past])
                    .for_each(|(target, value)| *target += value);
            }
        }
    }
}

/// Convolution with a frozen weight: x `[B, C, H, W]`, weight `[O, C, k, k]`, bias `[O]` → `[B, O, H', W']`.
///
/// # Errors
/// When the shapes do not fit or the device fails.
pub fn conv2d(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>, by: Convolution) -> Result<Tensor> {
    let output = forward(&x.detach(), weight, bias, by)?;
    let weight = weight.clone();
    with_gradient("conv2d", &[x], output, move |inputs, gradient| {
        Ok(vec![Some(to_input(&inputs[0], &weight, gradient, by)?)])
    })
}

/// Convolution whose weight learns (an adapter's): as [`conv2d`], without bias, with a gradient for the weight too.
///
/// # Errors
/// When the shapes do not fit or the device fails.
pub fn conv2d_trainable(x: &Tensor, weight: &Tensor, by: Convolution) -> Result<Tensor> {
    let output = forward(&x.detach(), &weight.detach(), None, by)?;
    let x_learns = x.track_op();
    with_gradient("conv2d_trainable", &[x, weight], output, move |inputs, gradient| {
        let (x, weight) = (&inputs[0], &inputs[1]);
        let to_x = if x_learns {
            Some(to_input(x, weight, gradient, by)?)
        } else {
            None
        };
        Ok(vec![to_x, Some(to_weight(x, weight, gradient, by)?)])
    })
}

fn forward(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>, by: Convolution) -> Result<Tensor> {
    go_on()?;
    let shape = Geometry::new(x, weight, by)?;
    let x = x.contiguous()?;
    if !runs_here(&x) {
        let output = x.conv2d(weight, by.padding, by.stride, 1, 1)?;
        return bias.map_or(Ok(output.clone()), |bias| {
            output.broadcast_add(&bias.reshape((1, (), 1, 1))?)
        });
    }
    let (xs, weights) = (elements(&x)?, elements(weight)?);
    let bias = bias.map(elements).transpose()?;
    let mut output = vec![0f32; shape.batch * shape.outputs * shape.out_pixels()];
    if let Some(bias) = &bias {
        for (plane, value) in output.chunks_exact_mut(shape.out_pixels()).zip(bias.iter().cycle()) {
            plane.fill(*value);
        }
    }
    let picture = shape.channels * shape.pixels();
    let kernel = Matrix::rows(&weights, shape.taps());
    if shape.is_pointwise() {
        let size = (shape.outputs, shape.pixels(), shape.channels);
        for (x, out) in xs
            .chunks_exact(picture)
            .zip(output.chunks_exact_mut(shape.outputs * shape.pixels()))
        {
            product(
                size,
                kernel,
                Matrix::rows(x, shape.pixels()),
                out,
                shape.pixels(),
                1.0,
                true,
                Threads::All,
            );
        }
    } else {
        let bands: Vec<_> = (0..shape.batch)
            .flat_map(|b| {
                (0..shape.out_height)
                    .step_by(shape.band_rows())
                    .map(move |first| (b, first))
            })
            .collect();
        let width = |rows: usize| rows * shape.out_width;
        // Bands of one picture interleave in the output (each covers some rows of every channel), so each is made apart and copied in.
        let wave = rayon::current_num_threads();
        for some in bands.chunks(wave) {
            go_on()?;
            let made: Vec<_> = some
                .par_iter()
                .map(|&(b, first)| {
                    let rows = first..(first + shape.band_rows()).min(shape.out_height);
                    let mut columns = vec![0f32; shape.taps() * width(rows.len())];
                    shape.unfold(&xs[b * picture..][..picture], rows.clone(), &mut columns);
                    let mut band = vec![0f32; shape.outputs * width(rows.len())];
                    let size = (shape.outputs, width(rows.len()), shape.taps());
                    let columns = Matrix::rows(&columns, width(rows.len()));
                    product(
                        size,
                        kernel,
                        columns,
                        &mut band,
                        width(rows.len()),
                        1.0,
                        false,
                        Threads::One,
                    );
                    (b, rows, band)
                })
                .collect();
            for (b, rows, band) in made {
                let start = rows.start * shape.out_width;
                let planes = output[b * shape.outputs * shape.out_pixels()..].chunks_exact_mut(shape.out_pixels());
                for (plane, values) in planes.zip(band.chunks_exact(width(rows.len()))) {
                    let target = &mut plane[start..start + values.len()];
                    target
                        .iter_mut()
                        .zip(values)
                        .for_each(|(target, value)| *target += value);
                }
            }
        }
    }
    Tensor::from_vec(
        output,
        (shape.batch, shape.outputs, shape.out_height, shape.out_width),
        x.device(),
    )
}

/// Gradient of the input: the product with the transposed kernel, folded back.
fn to_input(x: &Tensor, weight: &Tensor, gradient: &Tensor, by: Convolution) -> Result<Tensor> {
    go_on()?;
    let shape = Geometry::new(x, weight, by)?;
    if !runs_here(gradient) {
        return to_input_composed(&shape, weight, gradient);
    }
    let (weights, gradients) = (elements(weight)?, elements(gradient)?);
    let mut output = vec![0f32; shape.batch * shape.channels * shape.pixels()];
    let gradient_of =
        |b: usize| &gradients[b * shape.outputs * shape.out_pixels()..][..shape.outputs * shape.out_pixels()];
    let taps_of_channel = shape.kernel * shape.kernel;
    let together = (BAND_ELEMENTS / (taps_of_channel * shape.out_pixels())).clamp(1, shape.channels.div_ceil(2));
    let stopped = watch();
    output
        .par_chunks_mut(shape.channels * shape.pixels())
        .enumerate()
        .for_each(|(b, picture)| {
            let gradient = Matrix::rows(gradient_of(b), shape.out_pixels());
            picture
                .par_chunks_mut(together * shape.pixels())
                .enumerate()
                .for_each(|(group, channels)| {
                    if stopped() {
                        return;
                    }
                    let taps = channels.len() / shape.pixels() * taps_of_channel;
                    let kernel =
                        Matrix::rows(&weights[group * together * taps_of_channel..], shape.taps()).transposed();
                    let size = (taps, shape.out_pixels(), shape.outputs);
                    if shape.is_pointwise() {
                        product(
                            size,
                            kernel,
                            gradient,
                            channels,
                            shape.out_pixels(),
                            1.0,
                            false,
                            Threads::One,
                        );
                    } else {
                        let mut columns = vec![0f32; taps * shape.out_pixels()];
                        product(
                            size,
                            kernel,
                            gradient,
                            &mut columns,
                            shape.out_pixels(),
                            1.0,
                            false,
                            Threads::One,
                        );
                        shape.fold(&columns, channels);
                    }
                });
        });
    go_on()?;
    Tensor::from_vec(output, x.shape(), x.device())
}

/// Without candle's output padding, of which it knows one for both sides: the whole canvas, from which the padding is cut.
fn to_input_composed(shape: &Geometry, weight: &Tensor, gradient: &Tensor) -> Result<Tensor> {
    let mut canvas = gradient.conv_transpose2d(weight, 0, 0, shape.stride, 1)?;
    for (dimension, side) in [(2, shape.height), (3, shape.width)] {
        // Pixels after the last kernel were never looked at.
        let missing = (shape.padding + side).saturating_sub(canvas.dim(dimension)?);
        canvas = canvas
            .pad_with_zeros(dimension, 0, missing)?
            .narrow(dimension, shape.padding, side)?;
    }
    canvas.contiguous()
}

/// Gradient of the weight: the output's gradient times the unfolded input, transposed.
fn to_weight(x: &Tensor, weight: &Tensor, gradient: &Tensor, by: Convolution) -> Result<Tensor> {
    let shape = Geometry::new(x, weight, by)?;
    let x = x.contiguous()?;
    if !runs_here(&x) {
        let (x, gradient) = (
            x.transpose(0, 1)?.contiguous()?,
            gradient.transpose(0, 1)?.contiguous()?,
        );
        let whole = x.conv2d(&gradient, by.padding, 1, by.stride, 1)?;
        return whole
            .narrow(2, 0, shape.kernel)?
            .narrow(3, 0, shape.kernel)?
            .transpose(0, 1)?
            .contiguous();
    }
    let (xs, gradients) = (elements(&x)?, elements(gradient)?);
    let mut output = vec![0f32; shape.outputs * shape.taps()];
    let (picture, planes) = (shape.channels * shape.pixels(), shape.outputs * shape.out_pixels());
    let mut columns = Vec::new();
    for b in 0..shape.batch {
        for first in (0..shape.out_height).step_by(shape.band_rows()) {
            go_on()?;
            let rows = first..(first + shape.band_rows()).min(shape.out_height);
            let width = rows.len() * shape.out_width;
            columns.resize(shape.taps() * width, 0.0);
            shape.unfold(&xs[b * picture..][..picture], rows.clone(), &mut columns);
            let gradient = Matrix::rows(
                &gradients[b * planes + first * shape.out_width..(b + 1) * planes],
                shape.out_pixels(),
            );
            let columns = Matrix::rows(&columns, width).transposed();
            let size = (shape.outputs, shape.taps(), width);
            product(
                size,
                gradient,
                columns,
                &mut output,
                shape.taps(),
                1.0,
                true,
                Threads::All,
            );
        }
    }
    Tensor::from_vec(output, weight.shape(), x.device())
}
