//! Pictures that tests bring along.

use image::{Rgb, RgbImage};

/// A picture of 256×256 px that looks like no other number's.
pub fn patchwork(number: u32) -> RgbImage {
    RgbImage::from_fn(256, 256, |x, y| {
        let hash = (x / 32 * 31 + y / 32 * 17 + number * 101).wrapping_mul(2_654_435_761);
        Rgb([(hash >> 24) as u8, (hash >> 16) as u8, (hash >> 8) as u8])
    })
}
