//! Artworks that look the same: two of one picture would count double in training, and neither adds anything.

use super::file::PerceptualHash;

/// Most bits of 64 in which the hashes of one picture's copies differ. Copies that were resized or saved again at quality 60 differ in
/// 0 to 3; different pictures of one artist in 10 or more, about 30 on average.
pub(super) const NEAR_DUPLICATE_BITS_MAX: u32 = 4;

/// Whether two pictures look the same.
pub(super) fn alike(a: PerceptualHash, b: PerceptualHash) -> bool {
    let differing = u64::from_be_bytes(a) ^ u64::from_be_bytes(b);
    differing.count_ones() <= NEAR_DUPLICATE_BITS_MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_bits_apart_is_alike() {
        assert!(alike([0; 8], [0, 0, 0, 0, 0, 0, 0, 0b1111]));
        assert!(!alike([0; 8], [0, 0, 0, 0, 0, 0, 0, 0b1_1111]));
    }
}
