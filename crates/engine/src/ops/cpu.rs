//! Elements of tensors that lie on the processor.

use std::ops::{Deref, Range};

use candle_core::{CpuStorage, DType, Result, Storage, StorageRef, Tensor};

/// The elements of a contiguous f32 tensor.
pub(super) struct Elements<'a> {
    storage: StorageRef<'a>,
    range: Range<usize>,
}

impl Deref for Elements<'_> {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        match &*self.storage {
            Storage::Cpu(CpuStorage::F32(all)) => &all[self.range.clone()],
            _ => unreachable!("`elements` checked device and format"),
        }
    }
}

/// Whether the kernels for the processor take this tensor.
pub(super) fn runs_here(x: &Tensor) -> bool {
    x.device().is_cpu() && x.dtype() == DType::F32
}

/// The elements of `x`, which must be contiguous and pass [`runs_here`].
pub(super) fn elements(x: &Tensor) -> Result<Elements<'_>> {
    let (storage, layout) = x.storage_and_layout();
    let Some((start, end)) = layout.contiguous_offsets() else {
        candle_core::bail!("a kernel was given a tensor that is not contiguous");
    };
    match &*storage {
        Storage::Cpu(CpuStorage::F32(_)) => Ok(Elements {
            storage,
            range: start..end,
        }),
        _ => candle_core::bail!("a kernel of the processor was given a tensor of another device or format"),
    }
}

/// eˣ, accurate to 2 ulp between −87 and 88 and clamped outside, in operations that compilers turn into vector code.
/// Source: Cephes `expf`.
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    const LOG2_E: f32 = std::f32::consts::LOG2_E;
    const SHIFT: f32 = 12_582_912.0;
    const EXPONENT_BIAS: u32 = 127;
    let x = x.clamp(-87.0, 88.0);
    // Adding and taking away 1.5·2²³ rounds to the nearest whole number, which then stands in the lowest bits.
    let shifted = x * LOG2_E + SHIFT;
    let whole = shifted - SHIFT;
    let r = x - whole * (355.0 / 512.0) + whole * 2.121_944_4e-4;
    let p = 1.987_569_1e-4;
    let p = p * r + 1.398_199_9e-3;
    let p = p * r + 8.333_452e-3;
    let p = p * r + 4.166_579_6e-2;
    let p = p * r + 1.666_666_5e-1;
    let p = p * r + 0.5;
    let y = p * r * r + r + 1.0;
    let power = f32::from_bits(
        shifted
            .to_bits()
            .wrapping_sub(SHIFT.to_bits())
            .wrapping_add(EXPONENT_BIAS)
            << 23,
    );
    y * power
}

/// Error function, absolute error at most 1.5e-7.
/// Source: Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.26.
#[inline(always)]
pub(super) fn erf(x: f32) -> f32 {
    let magnitude = x.abs();
    let t = 1.0 / (1.0 + 0.327_591_1 * magnitude);
    let p = 1.061_405_4_f32;
    let p = p * t - 1.453_152;
    let p = p * t + 1.421_413_7;
    let p = p * t - 0.284_496_74;
    let p = p * t + 0.254_829_6;
    (1.0 - p * t * exp(-magnitude * magnitude)).copysign(x)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_exponential_is_accurate_over_its_range() {
        for i in -8700..8800 {
            let x = i as f32 / 100.0;
            let exact = f64::from(x).exp();
            assert!(((f64::from(super::exp(x)) - exact) / exact).abs() < 4e-7, "at {x}");
        }
    }

    #[test]
    fn the_error_function_meets_known_values() {
        // Abramowitz and Stegun, table 7.1.
        for (x, exact) in [
            (0.0, 0.0),
            (0.5, 0.520_499_88),
            (1.0, 0.842_700_8),
            (-2.0, -0.995_322_27),
            (3.0, 0.999_977_9),
        ] {
            assert!((super::erf(x) - exact).abs() < 3e-7, "at {x}");
        }
    }
}
