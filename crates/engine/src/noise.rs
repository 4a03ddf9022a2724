//! Gaussian noise from a seed: the numbers that PyTorch's generator for the processor draws, on every device.

use candle_core::{Device, Result, Tensor};
use rand_mt::Mt;

/// Fewer numbers than this PyTorch draws one by one.
const BLOCK: usize = 16;

/// Noise of one picture, drawn bit by bit as its sampler asks for it.
pub struct NoiseSource {
    generator: Mt,
    /// The second number of a pair that was drawn for one.
    spare: Option<f64>,
}

impl NoiseSource {
    /// A source for `seed`. Seeds below 2³² draw what `torch.Generator("cpu").manual_seed(seed)` draws; PyTorch ignores the upper half of
    /// larger ones, here they count.
    pub fn new(seed: u64) -> Self {
        let (low, high) = (seed as u32, (seed >> 32) as u32);
        let generator = if high == 0 {
            Mt::new(low)
        } else {
            Mt::new_with_key([low, high])
        };
        Self { generator, spare: None }
    }

    /// Normally distributed f32 of this shape on the processor, as `torch.randn` draws them: Box and Muller's transform on blocks of
    /// 16 uniform numbers of 24 bits, the last 16 drawn anew where the count is not a multiple; on single pairs of 53 bits where there
    /// are fewer than 16. Source: PyTorch, `aten/src/ATen/native/cpu/DistributionTemplates.h` and `core/DistributionsHelper.h`.
    ///
    /// # Errors
    /// When the tensor cannot be made.
    pub fn draw(&mut self, shape: &[usize]) -> Result<Tensor> {
        let count: usize = shape.iter().product();
        if count < BLOCK {
            let values: Vec<f32> = (0..count).map(|_| self.single() as f32).collect();
            return Tensor::from_vec(values, shape, &Device::Cpu);
        }
        let mut values: Vec<f32> = (0..count).map(|_| self.uniform()).collect();
        for block in values.chunks_exact_mut(BLOCK) {
            box_muller(block);
        }
        if !count.is_multiple_of(BLOCK) {
            let tail = &mut values[count - BLOCK..];
            tail.iter_mut().for_each(|value| *value = self.uniform());
            box_muller(tail);
        }
        Tensor::from_vec(values, shape, &Device::Cpu)
    }

    /// One normal number; every second one was drawn with the one before.
    fn single(&mut self) -> f64 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        let (angle, radius) = (self.uniform_wide(), self.uniform_wide());
        let radius = (-2.0 * (-radius).ln_1p()).sqrt();
        let (sine, cosine) = (std::f64::consts::TAU * angle).sin_cos();
        self.spare = Some(radius * sine);
        radius * cosine
    }

    /// From 0 up to but not including 1, in steps of 2⁻⁵³.
    fn uniform_wide(&mut self) -> f64 {
        const BITS: u32 = 53;
        let (high, low) = (self.generator.next_u32(), self.generator.next_u32());
        let whole = u64::from(high) << 32 | u64::from(low);
        (whole & ((1 << BITS) - 1)) as f64 / (1u64 << BITS) as f64
    }

    /// From 0 up to but not including 1.
    fn uniform(&mut self) -> f32 {
        const BITS: u32 = 24;
        (self.generator.next_u32() & ((1 << BITS) - 1)) as f32 / (1 << BITS) as f32
    }
}

/// Turns 16 uniform numbers into normal ones: the first half gives radii, the second angles.
fn box_muller(block: &mut [f32]) {
    let (radii, angles) = block.split_at_mut(8);
    for (first, second) in radii.iter_mut().zip(angles) {
        let radius = (-2.0 * (1.0 - *first).ln()).sqrt();
        let (sine, cosine) = (std::f32::consts::TAU * *second).sin_cos();
        (*first, *second) = (radius * cosine, radius * sine);
    }
}
