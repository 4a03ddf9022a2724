//! Gaussian noise from a seed: the numbers that PyTorch's generator for the processor draws, on every device.

use candle_core::{Device, Result, Tensor};
use rand_mt::Mt;

/// Noise of one picture, drawn bit by bit as its sampler asks for it.
pub struct NoiseSource {
    generator: Mt,
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
        Self { generator }
    }

    /// Normally distributed f32 of this shape (at least 16 numbers) on the processor, as `torch.randn` draws them: Box and Muller's
    /// transform on blocks of 16 uniform numbers of 24 bits, the last 16 drawn anew where the count is not a multiple.
    ///
    /// # Errors
    /// When there are fewer than 16 numbers, which PyTorch draws in another way.
    pub fn draw(&mut self, shape: &[usize]) -> Result<Tensor> {
        const BLOCK: usize = 16;
        let count: usize = shape.iter().product();
        if count < BLOCK {
            candle_core::bail!("noise of {count} numbers was asked for; at least {BLOCK} are drawn");
        }
        let mut values: Vec<f32> = (0..count).map(|_| self.uniform()).collect();
        for block in values.chunks_exact_mut(BLOCK) {
            box_muller(block);
        }
        if count % BLOCK != 0 {
            let tail = &mut values[count - BLOCK..];
            tail.iter_mut().for_each(|value| *value = self.uniform());
            box_muller(tail);
        }
        Tensor::from_vec(values, shape, &Device::Cpu)
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
