//! Fully connected layers.

use candle_core::{Result, Tensor};

use super::cpu::{elements, runs_here};
use super::gradient::with_gradient;
use super::matmul::{Matrix, Threads, product};

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

#[derive(Clone, Copy, PartialEq)]
enum Side {
    /// x·W
    Plain,
    /// x·Wᵀ
    Transposed,
}

fn multiply(x: &Tensor, weight: &Tensor, side: Side, bias: Option<&Tensor>) -> Result<Tensor> {
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
    let shape_of_product = (count, outside, inside);
    product(
        shape_of_product,
        Matrix::rows(&x_elements, inside),
        matrix,
        &mut output,
        outside,
        1.0,
        bias.is_some(),
        Threads::All,
    );
    Tensor::from_vec(output, shape, x.device())
}
