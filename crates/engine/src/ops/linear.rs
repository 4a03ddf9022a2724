//! Fully connected layers.

use candle_core::{Result, Tensor};

use super::cpu::{elements, runs_here};
use super::gradient::with_gradient;
use super::interrupt::go_on;
use super::matmul::{Matrix, Threads, product};

/// Multiplications between two looks at whether to go on: some tenths of a second on two cores.
const PRODUCT_MULTIPLICATIONS: usize = 1 << 33;
/// And never so few rows that fetching the weight outweighs them.
const ROWS_MIN: usize = 256;

/// x·Wᵀ + b: x `[…, in]`, weight `[out, in]`, bias `[out]` → `[…, out]`.
///
/// # Errors
/// When the shapes do not fit or the device fails.
pub fn linear(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    let output = multiply(&x.detach(), weight, Side::Transposed, bias)?;
    let weight = weight.clone();
    with_gradient("linear", &[x], output, move |_, gradient| {
        Ok(vec![Some(multiply(gradient, &weight, Side::Plain, None)?)])
    })
}

/// [`linear`] with an adapter that learns beside it: x·Wᵀ + b + `scale`·(x·downᵀ)·upᵀ, down `[r, in]`, up `[out, r]`. Gradients for x (where
/// it is tracked), down and up. The adapter's part is computed in its own format (f32) whatever the layer's is.
///
/// # Errors
/// When the shapes do not fit or the device fails.
pub fn linear_adapted(
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    down: &Tensor,
    up: &Tensor,
    scale: f64,
) -> Result<Tensor> {
    let wide = x.detach().to_dtype(down.dtype())?.contiguous()?;
    let inside = (multiply(&wide, &down.detach(), Side::Transposed, None)? * scale)?;
    let branch = multiply(&inside, &up.detach(), Side::Transposed, None)?;
    let output = (multiply(&x.detach(), weight, Side::Transposed, bias)? + branch.to_dtype(x.dtype())?)?;
    let (weight, x_is_tracked) = (weight.clone(), x.track_op());
    with_gradient("linear_adapted", &[x, down, up], output, move |inputs, gradient| {
        let (x, down, up) = (&inputs[0], &inputs[1], &inputs[2]);
        let wide = gradient.to_dtype(down.dtype())?;
        let (flat_x, flat) = (rows(&x.to_dtype(down.dtype())?)?, rows(&wide)?);
        // Scaled where it is smallest.
        let inside = (multiply(&wide, up, Side::Plain, None)? * scale)?;
        let to_down = rows(&inside)?.t()?.matmul(&flat_x)?;
        let to_up = (flat.t()?.matmul(&multiply(&flat_x, down, Side::Transposed, None)?)? * scale)?;
        let to_x = if x_is_tracked {
            let branch = multiply(&inside, down, Side::Plain, None)?.to_dtype(x.dtype())?;
            Some((multiply(gradient, &weight, Side::Plain, None)? + branch)?)
        } else {
            None
        };
        Ok(vec![to_x, Some(to_down), Some(to_up)])
    })
}

/// `[…, C]` → `[N, C]`.
fn rows(x: &Tensor) -> Result<Tensor> {
    x.contiguous()?.reshape(((), x.dim(candle_core::D::Minus1)?))
}

#[derive(Clone, Copy, PartialEq)]
enum Side {
    /// x·W
    Plain,
    /// x·Wᵀ
    Transposed,
}

fn multiply(x: &Tensor, weight: &Tensor, side: Side, bias: Option<&Tensor>) -> Result<Tensor> {
    go_on()?;
    let (rows, columns) = weight.dims2()?;
    let (inside, outside) = if side == Side::Plain {
        (rows, columns)
    } else {
        (columns, rows)
    };
    let mut shape = x.dims().to_vec();
    match shape.last_mut() {
        Some(last) if *last == inside => *last = outside,
        _ => candle_core::bail!("a linear layer of {inside} inputs was given {:?}", x.shape()),
    }
    let x = x.contiguous()?;
    if !runs_here(&x) {
        let weight = if side == Side::Plain {
            weight.clone()
        } else {
            weight.t()?
        };
        let output = x.reshape(((), inside))?.matmul(&weight)?;
        let output = bias.map_or(Ok(output.clone()), |bias| output.broadcast_add(bias))?;
        return output.reshape(shape);
    }
    let count = x.elem_count() / inside;
    let mut output = match bias {
        Some(bias) => elements(bias)?.repeat(count),
        None => vec![0.0; count * outside],
    };
    let weights = elements(weight)?;
    let matrix = Matrix::rows(&weights, columns);
    let matrix = if side == Side::Plain {
        matrix
    } else {
        matrix.transposed()
    };
    let x_elements = elements(&x)?;
    let together = PRODUCT_MULTIPLICATIONS / (inside * outside).max(1);
    let together = together.max(ROWS_MIN);
    let parts = x_elements
        .chunks(together * inside)
        .zip(output.chunks_mut(together * outside));
    for (x, out) in parts {
        go_on()?;
        product(
            (x.len() / inside, outside, inside),
            Matrix::rows(x, inside),
            matrix,
            out,
            outside,
            1.0,
            bias.is_some(),
            Threads::All,
        );
    }
    Tensor::from_vec(output, shape, x.device())
}
