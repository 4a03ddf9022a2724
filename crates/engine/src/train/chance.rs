//! Random numbers that follow from a seed and what they are for alone, so that a resumed training draws what it would have drawn.

/// Sequence of random numbers. SplitMix64: Steele, Lea and Flood 2014.
pub(super) struct Chance(u64);

const GAMMA: u64 = 0x9E37_79B9_7F4A_7C15;

impl Chance {
    /// The sequence for `purpose`, number `index`.
    pub(super) fn new(seed: u64, purpose: &str, index: u64) -> Self {
        let mut mixed = Self(seed);
        // FNV-1a of the purpose, so that names of layers can be purposes.
        let name = purpose.bytes().fold(0xCBF2_9CE4_8422_2325u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
        });
        let first = mixed.next() ^ name;
        let second = Self(first).next() ^ index;
        Self(Self(second).next())
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GAMMA);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// At least 0, below 1.
    pub(super) fn uniform(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Below `n`, which is not 0.
    pub(super) fn below(&mut self, n: usize) -> usize {
        // The bias of this product is n / 2⁶⁴.
        ((u128::from(self.next()) * n as u128) >> 64) as usize
    }

    /// Normal numbers, mean 0 and variance 1. Box and Muller 1958.
    pub(super) fn normal(&mut self, count: usize) -> Vec<f32> {
        let mut numbers = Vec::with_capacity(count + 1);
        while numbers.len() < count {
            let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
            let (sine, cosine) = (std::f64::consts::TAU * self.uniform()).sin_cos();
            numbers.push((radius * cosine) as f32);
            numbers.push((radius * sine) as f32);
        }
        numbers.truncate(count);
        numbers
    }

    /// Fisher and Yates.
    pub(super) fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            let j = self.below(i + 1);
            items.swap(i, j);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Chance;

    #[test]
    fn normal_numbers_have_mean_zero_and_variance_one() {
        let numbers = Chance::new(7, "noise", 3).normal(100_001);
        let mean = numbers.iter().sum::<f32>() / numbers.len() as f32;
        let variance = numbers.iter().map(|x| (x - mean).powi(2)).sum::<f32>() / numbers.len() as f32;
        // Four standard errors of 10⁵ draws.
        assert!(
            mean.abs() < 0.013 && (variance - 1.0).abs() < 0.018,
            "{mean} {variance}"
        );
    }

    #[test]
    fn sequences_differ_by_seed_purpose_and_index() {
        let first = |seed, purpose, index| Chance::new(seed, purpose, index).next();
        let all = [first(1, "a", 0), first(2, "a", 0), first(1, "b", 0), first(1, "a", 1)];
        assert!((0..4).all(|i| (0..i).all(|j| all[i] != all[j])));
        assert_eq!(first(1, "a", 0), first(1, "a", 0));
    }
}
