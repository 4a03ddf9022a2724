//! Changes of size.

use candle_core::{Result, Tensor};

use super::gradient::with_gradient;

/// Enlarges `[B, C, H, W]` to `[B, C, height, width]` by repeating the nearest pixel, as PyTorch's `interpolate(mode="nearest")` does.
///
/// # Errors
/// When `x` has not four dimensions or the device fails.
pub fn upsample_nearest(x: &Tensor, height: usize, width: usize) -> Result<Tensor> {
    let (batch, channels, from_height, from_width) = x.dims4()?;
    let output = x.detach().upsample_nearest2d(height, width)?;
    with_gradient("upsample_nearest", &[x], output, move |_, gradient| {
        if height == 2 * from_height && width == 2 * from_width {
            // Each pixel was repeated in a square of 2×2: its gradient is the sum over that square.
            let squares = gradient.reshape((batch, channels, from_height, 2, from_width, 2))?;
            return Ok(vec![Some(squares.sum((3, 5))?)]);
        }
        let down = gather(height, from_height, gradient)?;
        let across = gather(width, from_width, gradient)?;
        // rows: Rᵀ·G, columns: ·C
        let flat = gradient.reshape((batch * channels, height, width))?;
        let rows = down
            .t()?
            .broadcast_left(batch * channels)?
            .contiguous()?
            .matmul(&flat)?;
        let both = rows.matmul(&across.broadcast_left(batch * channels)?.contiguous()?)?;
        Ok(vec![Some(both.reshape((batch, channels, from_height, from_width))?)])
    })
}

/// `[to, from]` matrix that is 1 where pixel `to` repeats pixel `from`.
fn gather(to: usize, from: usize, like: &Tensor) -> Result<Tensor> {
    let mut matrix = vec![0f32; to * from];
    for i in 0..to {
        matrix[i * from + (i * from / to).min(from - 1)] = 1.0;
    }
    Tensor::from_vec(matrix, (to, from), like.device())?.to_dtype(like.dtype())
}
