//! Scaled dot-product attention in tiles: the matrix of scores never exists as a whole.
//!
//! Dao et al. 2022, "FlashAttention": the backward pass computes the tiles of scores again instead of keeping them.

use candle_core::{D, DType, Result, Tensor};
use rayon::prelude::*;

use super::cpu::{elements, exp, runs_here};
use super::gradient::with_gradient;
use super::interrupt::{go_on, watch};
use super::matmul::{Matrix, Threads, product};

/// Queries of one tile: with 4,096 keys its scores take 1 MiB.
const TILE: usize = 64;

/// Attention of `heads` heads: queries `[B, N, heads·d]`, keys and values `[B, M, heads·d]` → `[B, N, heads·d]`, scores scaled by 1/√d.
/// With `causal`, query i sees keys up to i alone. Vaswani et al. 2017, section 3.2.
///
/// # Errors
/// When the shapes do not fit or the device fails.
pub fn attention(q: &Tensor, k: &Tensor, v: &Tensor, heads: usize, causal: bool) -> Result<Tensor> {
    go_on()?;
    let shape = Shape::new(q, k, v, heads, causal)?;
    let [q_, k_, v_] = [
        q.detach().contiguous()?,
        k.detach().contiguous()?,
        v.detach().contiguous()?,
    ];
    let output = if runs_here(&q_) {
        shape.forward(&q_, &k_, &v_)?
    } else {
        shape.composed(&q_, &k_, &v_)?
    };
    with_gradient("attention", &[q, k, v], output, move |inputs, gradient| {
        go_on()?;
        let inputs: Vec<_> = inputs.iter().map(Tensor::contiguous).collect::<Result<_>>()?;
        let gradients = if runs_here(gradient) {
            shape.backward(&inputs[0], &inputs[1], &inputs[2], gradient)?
        } else {
            shape.composed_backward(&inputs[0], &inputs[1], &inputs[2], gradient)?
        };
        Ok(gradients.map(Some).into())
    })
}

#[derive(Clone, Copy)]
struct Shape {
    batch: usize,
    queries: usize,
    keys: usize,
    heads: usize,
    width: usize,
    scale: f32,
    causal: bool,
}

impl Shape {
    fn new(q: &Tensor, k: &Tensor, v: &Tensor, heads: usize, causal: bool) -> Result<Self> {
        let (batch, queries, all) = q.dims3()?;
        let (_, keys, _) = k.dims3()?;
        if heads == 0 || all % heads != 0 || k.dims() != [batch, keys, all] || v.dims() != k.dims() {
            candle_core::bail!(
                "attention of {heads} heads was given {:?}, {:?}, {:?}",
                q.shape(),
                k.shape(),
                v.shape()
            );
        }
        let width = all / heads;
        Ok(Self {
            batch,
            queries,
            keys,
            heads,
            width,
            scale: (width as f32).powf(-0.5),
            causal,
        })
    }

    /// Elements between two positions.
    fn stride(&self) -> usize {
        self.heads * self.width
    }

    /// One head of one batch element of `[B, positions, heads·d]`.
    fn head<'a>(&self, x: &'a [f32], positions: usize, task: usize) -> &'a [f32] {
        let (b, head) = (task / self.heads, task % self.heads);
        &x[b * positions * self.stride() + head * self.width..(b + 1) * positions * self.stride()]
    }

    /// Softmax of the scaled scores of queries `first..first+rows`, `[rows, keys]`.
    fn weights(&self, q: &[f32], k: &[f32], first: usize, rows: usize, scores: &mut [f32]) {
        let size = (rows, self.keys, self.width);
        let queries = Matrix::rows(&q[first * self.stride()..], self.stride());
        let keys = Matrix::rows(k, self.stride()).transposed();
        product(size, queries, keys, scores, self.keys, self.scale, false, Threads::One);
        for (row, scores) in scores.chunks_exact_mut(self.keys).enumerate() {
            if self.causal {
                scores[(first + row + 1).min(self.keys)..].fill(f32::NEG_INFINITY);
            }
            softmax(scores);
        }
    }

    fn forward(&self, q: &Tensor, k: &Tensor, v: &Tensor) -> Result<Tensor> {
        let (qs, ks, vs) = (elements(q)?, elements(k)?, elements(v)?);
        let stopped = watch();
        let heads: Vec<Vec<f32>> = (0..self.batch * self.heads)
            .into_par_iter()
            .map(|task| {
                let q = self.head(&qs, self.queries, task);
                let (k, v) = (self.head(&ks, self.keys, task), self.head(&vs, self.keys, task));
                let mut scores = vec![0f32; TILE.min(self.queries) * self.keys];
                let mut out = vec![0f32; self.queries * self.width];
                for first in (0..self.queries).step_by(TILE) {
                    if stopped() {
                        break;
                    }
                    let rows = TILE.min(self.queries - first);
                    let scores = &mut scores[..rows * self.keys];
                    self.weights(q, k, first, rows, scores);
                    let size = (rows, self.width, self.keys);
                    let out = &mut out[first * self.width..][..rows * self.width];
                    let (scores, values) = (Matrix::rows(scores, self.keys), Matrix::rows(v, self.stride()));
                    product(size, scores, values, out, self.width, 1.0, false, Threads::One);
                }
                out
            })
            .collect();
        go_on()?;
        Tensor::from_vec(self.join(&heads, self.queries), q.shape(), q.device())
    }

    fn backward(&self, q: &Tensor, k: &Tensor, v: &Tensor, gradient: &Tensor) -> Result<[Tensor; 3]> {
        let (qs, ks, vs, gs) = (elements(q)?, elements(k)?, elements(v)?, elements(gradient)?);
        let stopped = watch();
        let heads: Vec<[Vec<f32>; 3]> = (0..self.batch * self.heads)
            .into_par_iter()
            .map(|task| {
                let (q, g) = (self.head(&qs, self.queries, task), self.head(&gs, self.queries, task));
                let (k, v) = (self.head(&ks, self.keys, task), self.head(&vs, self.keys, task));
                self.backward_of_head(q, k, v, g, &stopped)
            })
            .collect();
        go_on()?;
        let mut parts: [Vec<Vec<f32>>; 3] = Default::default();
        for head in heads {
            for (part, gradient) in parts.iter_mut().zip(head) {
                part.push(gradient);
            }
        }
        let [to_q, to_k, to_v] = parts;
        Ok([
            Tensor::from_vec(self.join(&to_q, self.queries), q.shape(), q.device())?,
            Tensor::from_vec(self.join(&to_k, self.keys), k.shape(), k.device())?,
            Tensor::from_vec(self.join(&to_v, self.keys), v.shape(), v.device())?,
        ])
    }

    /// What it returns once it is `stopped` means nothing.
    fn backward_of_head(
        &self,
        q: &[f32],
        k: &[f32],
        v: &[f32],
        g: &[f32],
        stopped: &impl Fn() -> bool,
    ) -> [Vec<f32>; 3] {
        let (stride, width, keys) = (self.stride(), self.width, self.keys);
        let mut to_q = vec![0f32; self.queries * width];
        let mut to_k = vec![0f32; keys * width];
        let mut to_v = vec![0f32; keys * width];
        let tile = TILE.min(self.queries) * keys;
        let (mut weights, mut slopes) = (vec![0f32; tile], vec![0f32; tile]);
        for first in (0..self.queries).step_by(TILE) {
            if stopped() {
                break;
            }
            let rows = TILE.min(self.queries - first);
            let (weights, slopes) = (&mut weights[..rows * keys], &mut slopes[..rows * keys]);
            self.weights(q, k, first, rows, weights);
            let gradient = Matrix::rows(&g[first * stride..], stride);
            let p = Matrix::rows(weights, keys);
            product(
                (keys, width, rows),
                p.transposed(),
                gradient,
                &mut to_v,
                width,
                1.0,
                true,
                Threads::One,
            );
            product(
                (rows, keys, width),
                gradient,
                Matrix::rows(v, stride).transposed(),
                slopes,
                keys,
                1.0,
                false,
                Threads::One,
            );
            for (slopes, weights) in slopes.chunks_exact_mut(keys).zip(weights.chunks_exact(keys)) {
                softmax_backward(slopes, weights, self.scale);
            }
            let ds = Matrix::rows(slopes, keys);
            let to_q = &mut to_q[first * width..][..rows * width];
            product(
                (rows, width, keys),
                ds,
                Matrix::rows(k, stride),
                to_q,
                width,
                1.0,
                false,
                Threads::One,
            );
            let queries = Matrix::rows(&q[first * stride..], stride);
            product(
                (keys, width, rows),
                ds.transposed(),
                queries,
                &mut to_k,
                width,
                1.0,
                true,
                Threads::One,
            );
        }
        [to_q, to_k, to_v]
    }

    /// Puts heads, each `[positions, d]`, side by side.
    fn join(&self, heads: &[Vec<f32>], positions: usize) -> Vec<f32> {
        let mut all = vec![0f32; self.batch * positions * self.stride()];
        all.par_chunks_mut(positions * self.stride())
            .zip(heads.par_chunks(self.heads))
            .for_each(|(all, heads)| {
                for (position, row) in all.chunks_exact_mut(self.stride()).enumerate() {
                    for (target, head) in row.chunks_exact_mut(self.width).zip(heads) {
                        target.copy_from_slice(&head[position * self.width..][..self.width]);
                    }
                }
            });
        all
    }

    /// `[B, positions, heads·d]` → `[B·heads, positions, d]`.
    fn split(&self, x: &Tensor) -> Result<Tensor> {
        let positions = x.dim(1)?;
        let parted = x
            .reshape((self.batch, positions, self.heads, self.width))?
            .transpose(1, 2)?
            .contiguous()?;
        parted.reshape((self.batch * self.heads, positions, self.width))
    }

    fn merge(&self, x: &Tensor) -> Result<Tensor> {
        let positions = x.dim(1)?;
        let parted = x
            .reshape((self.batch, self.heads, positions, self.width))?
            .transpose(1, 2)?
            .contiguous()?;
        parted.reshape((self.batch, positions, self.stride()))
    }

    /// Softmax of the scores of some queries `[B·heads, rows, d]`, put together from candle's primitives, in f32 inside.
    fn composed_weights(&self, q: &Tensor, k: &Tensor, first: usize) -> Result<Tensor> {
        let mut scores = (q.matmul(&k.t()?)?.to_dtype(DType::F32)? * f64::from(self.scale))?;
        if self.causal {
            let rows = q.dim(1)?;
            let hidden: Vec<f32> = (0..rows * self.keys)
                .map(|i| {
                    if i % self.keys > first + i / self.keys {
                        f32::NEG_INFINITY
                    } else {
                        0.0
                    }
                })
                .collect();
            scores = scores.broadcast_add(&Tensor::from_vec(hidden, (1, rows, self.keys), q.device())?)?;
        }
        let scores = scores.broadcast_sub(&scores.max_keepdim(D::Minus1)?)?.exp()?;
        scores
            .broadcast_div(&scores.sum_keepdim(D::Minus1)?)?
            .to_dtype(q.dtype())
    }

    /// Queries of one tile on other devices: scores of at most 256 MiB in f32.
    fn composed_tile(&self) -> usize {
        ((1 << 26) / (self.batch * self.heads * self.keys)).clamp(1, self.queries)
    }

    fn composed(&self, q: &Tensor, k: &Tensor, v: &Tensor) -> Result<Tensor> {
        let (q, k, v) = (self.split(q)?, self.split(k)?, self.split(v)?);
        let mut tiles = Vec::new();
        for first in (0..self.queries).step_by(self.composed_tile()) {
            let q = q
                .narrow(1, first, self.composed_tile().min(self.queries - first))?
                .contiguous()?;
            tiles.push(self.composed_weights(&q, &k, first)?.matmul(&v)?);
        }
        self.merge(&Tensor::cat(&tiles, 1)?)
    }

    fn composed_backward(&self, q: &Tensor, k: &Tensor, v: &Tensor, gradient: &Tensor) -> Result<[Tensor; 3]> {
        let (q, k, v, gradient) = (self.split(q)?, self.split(k)?, self.split(v)?, self.split(gradient)?);
        let (mut to_q, mut to_k, mut to_v) = (Vec::new(), k.zeros_like()?, v.zeros_like()?);
        for first in (0..self.queries).step_by(self.composed_tile()) {
            let rows = self.composed_tile().min(self.queries - first);
            let (q, gradient) = (
                q.narrow(1, first, rows)?.contiguous()?,
                gradient.narrow(1, first, rows)?.contiguous()?,
            );
            let weights = self.composed_weights(&q, &k, first)?;
            to_v = (to_v + weights.t()?.matmul(&gradient)?)?;
            let slopes = gradient.matmul(&v.t()?)?;
            let along = (&slopes * &weights)?.sum_keepdim(D::Minus1)?;
            let slopes = ((slopes.broadcast_sub(&along)? * weights)? * f64::from(self.scale))?;
            to_q.push(slopes.matmul(&k)?);
            to_k = (to_k + slopes.t()?.matmul(&q)?)?;
        }
        Ok([
            self.merge(&Tensor::cat(&to_q, 1)?)?,
            self.merge(&to_k)?,
            self.merge(&to_v)?,
        ])
    }
}

/// Numbers that the widest vectors of today's processors hold.
const LANES: usize = 16;

/// Softmax of one row in place.
fn softmax(row: &mut [f32]) {
    pulp::Arch::new().dispatch(
        #[inline(always)]
        || {
            let (lanes, rest) = row.as_chunks::<LANES>();
            let mut largest = [f32::NEG_INFINITY; LANES];
            for lane in lanes {
                for i in 0..LANES {
                    largest[i] = if lane[i] > largest[i] { lane[i] } else { largest[i] };
                }
            }
            let largest = largest.iter().chain(rest).fold(f32::NEG_INFINITY, |a, &b| a.max(b));
            // What is hidden (−∞) ends below 2⁻¹²⁶ of what is not.
            let (lanes, rest) = row.as_chunks_mut::<LANES>();
            let mut sums = [0f32; LANES];
            for lane in lanes {
                for i in 0..LANES {
                    lane[i] = exp(lane[i] - largest);
                    sums[i] += lane[i];
                }
            }
            for (x, sum) in rest.iter_mut().zip(&mut sums) {
                *x = exp(*x - largest);
                *sum += *x;
            }
            let inverse = 1.0 / sums.iter().sum::<f32>();
            for x in row {
                *x *= inverse;
            }
        },
    );
}

/// Turns the gradient of softmax weights into that of unscaled scores: w·(g − Σ g·w)·scale, in place of g.
fn softmax_backward(gradient: &mut [f32], weights: &[f32], scale: f32) {
    pulp::Arch::new().dispatch(
        #[inline(always)]
        || {
            let mut sums = [0f32; 16];
            for (gradient, weights) in gradient.chunks(16).zip(weights.chunks(16)) {
                for (i, (&gradient, &weight)) in gradient.iter().zip(weights).enumerate() {
                    sums[i] += gradient * weight;
                }
            }
            let along = sums.iter().sum::<f32>();
            for (gradient, &weight) in gradient.iter_mut().zip(weights) {
                *gradient = weight * (*gradient - along) * scale;
            }
        },
    );
}
