//! What the window shows and changes of the artist and the signature. Every change stands for pictures from then on.

use std::fs;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};

use atelier_contract::Refusal;
use image::imageops::{self, FilterType};
use image::{ImageFormat, RgbaImage};
use serde::{Deserialize, Serialize};

use super::{Corner, Placement, artist, check, decode, store, write};
use crate::{Error, Library, paths};

/// Where a signature goes until the artist decides.
const WIDTH: f64 = 0.2;
const OPACITY: f64 = 0.8;
/// Largest file of a signature.
pub const SIGNATURE_BYTES_MAX: u64 = 10 << 20;
/// Longest side that a signature is kept in: the widest picture has no use for more.
const SIGNATURE_SIDE_PX_MAX: u32 = 2048;
/// Longest name of an artist.
const NAME_CHARS_MAX: usize = 100;

/// What the window shows and changes of the artist: the name and how the signature is laid over pictures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct SignatureFacts {
    /// As it stands in pictures; empty for none.
    pub artist: String,
    /// Whether there is an image to lay over pictures; [`set_image`] gives one.
    pub image: bool,
    /// Which corner.
    pub corner: Corner,
    /// Its width as a share of the picture's, [`super::SHARE_MIN`] to 1.
    pub width: f64,
    /// [`super::SHARE_MIN`] (hardly seen) to 1 (covers).
    pub opacity: f64,
}

/// The artist's name and signature as the window shows them.
///
/// # Errors
/// As [`artist`].
pub fn facts(library: &Library) -> Result<SignatureFacts, Error> {
    let artist = artist(library)?;
    let placement = artist.signature.as_ref();
    Ok(SignatureFacts {
        image: placement.is_some(),
        corner: placement.map_or_else(Corner::default, |placement| placement.corner),
        width: placement.map_or(WIDTH, |placement| placement.width),
        opacity: placement.map_or(OPACITY, |placement| placement.opacity),
        artist: artist.name,
    })
}

/// Takes over name and placement, for pictures from now on; gives what stands now. `image` is not looked at, and without an image
/// there is no placement to keep.
///
/// # Errors
/// [`Refusal::NumberOutOfRange`] for a share outside its bounds, [`Refusal::ArtistNameTooLong`].
pub fn set_facts(library: &Library, wanted: &SignatureFacts) -> Result<SignatureFacts, Error> {
    let mut artist = artist(library)?;
    let name = wanted.artist.trim();
    if name.chars().count() > NAME_CHARS_MAX {
        return Err(Refusal::ArtistNameTooLong {
            chars: name.chars().count(),
            chars_max: NAME_CHARS_MAX,
        }
        .into());
    }
    artist.name = name.to_owned();
    if let Some(placement) = &mut artist.signature {
        placement.corner = wanted.corner;
        placement.width = wanted.width;
        placement.opacity = wanted.opacity;
        check(placement)?;
    }
    write(library, &artist)?;
    facts(library)
}

/// Makes a drawn or uploaded picture (PNG, JPEG, WebP) the signature, cut to its ink, in the place of the one before; gives what
/// stands now. `file` is how a refusal calls it. Blocks.
///
/// # Errors
/// [`Refusal::ArtworkTooLarge`], [`Refusal::ArtworkDamaged`], [`Refusal::ArtworkTooManyPixels`], and [`Refusal::SignatureEmpty`] when
/// nothing can be seen in it.
pub fn set_image(library: &Library, file: &Path, bytes: &[u8]) -> Result<SignatureFacts, Error> {
    if bytes.len() as u64 > SIGNATURE_BYTES_MAX {
        return Err(Refusal::ArtworkTooLarge {
            file: file.display().to_string(),
            bytes: bytes.len() as u64,
            bytes_max: SIGNATURE_BYTES_MAX,
        }
        .into());
    }
    let ink = cut_to_ink(&decode(bytes, file)?).ok_or(Refusal::SignatureEmpty {})?;
    let mut png = Vec::new();
    ink.write_to(&mut Cursor::new(&mut png), ImageFormat::Png)
        .map_err(|error| Error::Picture(error.to_string()))?;
    let mut artist = artist(library)?;
    let url = store(library, &png)?;
    let former = artist.signature.take();
    artist.signature = Some(Placement {
        file: url,
        corner: former.as_ref().map_or_else(Corner::default, |former| former.corner),
        width: former.as_ref().map_or(WIDTH, |former| former.width),
        opacity: former.as_ref().map_or(OPACITY, |former| former.opacity),
    });
    write(library, &artist)?;
    facts(library)
}

/// Makes the picture at `path` the signature, as [`set_image`] does. Blocks.
///
/// # Errors
/// As [`set_image`], and [`Refusal::PathMissing`] or [`Refusal::PathNotReadable`].
pub fn set_image_file(library: &Library, path: &Path) -> Result<SignatureFacts, Error> {
    // One byte more than is allowed tells a file that is too large from one that just fits.
    let mut bytes = Vec::new();
    fs::File::open(path)
        .and_then(|file| file.take(SIGNATURE_BYTES_MAX + 1).read_to_end(&mut bytes))
        .map_err(|error| paths::unreadable(path, &error))?;
    set_image(library, path, &bytes)
}

/// Pictures from now on carry no signature; gives what stands now. The image's file stays: a picture in the making may need it.
///
/// # Errors
/// As [`artist`].
pub fn clear(library: &Library) -> Result<SignatureFacts, Error> {
    let mut artist = artist(library)?;
    artist.signature = None;
    write(library, &artist)?;
    facts(library)
}

/// The signature's image.
///
/// # Errors
/// [`Refusal::SignatureMissing`].
pub fn image_path(library: &Library) -> Result<PathBuf, Error> {
    let placement = artist(library)?.signature.ok_or(Refusal::SignatureMissing {})?;
    Ok(library.folder().join(placement.file))
}

/// The smallest part that has all that can be seen, no larger than is of use; `None` when nothing can be seen.
fn cut_to_ink(image: &RgbaImage) -> Option<RgbaImage> {
    let inked = image.enumerate_pixels().filter(|(_, _, ink)| ink[3] > 0);
    let (mut left, mut top, mut right, mut bottom) = (u32::MAX, u32::MAX, 0, 0);
    for (x, y, _) in inked {
        (left, top) = (left.min(x), top.min(y));
        (right, bottom) = (right.max(x), bottom.max(y));
    }
    if left > right {
        return None;
    }
    let ink = imageops::crop_imm(image, left, top, right - left + 1, bottom - top + 1).to_image();
    let longest = ink.width().max(ink.height());
    if longest <= SIGNATURE_SIDE_PX_MAX {
        return Some(ink);
    }
    let side = |pixels: u32| (u64::from(pixels) * u64::from(SIGNATURE_SIDE_PX_MAX) / u64::from(longest)).max(1) as u32;
    let (width, height) = (side(ink.width()), side(ink.height()));
    Some(imageops::resize(&ink, width, height, FilterType::Lanczos3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drawing_is_cut_to_its_ink() {
        let mut drawing = RgbaImage::new(40, 30);
        assert!(cut_to_ink(&drawing).is_none());
        drawing.put_pixel(5, 6, image::Rgba([0, 0, 0, 9]));
        drawing.put_pixel(14, 8, image::Rgba([0, 0, 0, 255]));
        assert_eq!(cut_to_ink(&drawing).expect("two dots of ink").dimensions(), (10, 3));
        let wide = RgbaImage::from_pixel(2 * SIGNATURE_SIDE_PX_MAX, 8, image::Rgba([0, 0, 0, 255]));
        assert_eq!(
            cut_to_ink(&wide).expect("all ink").dimensions(),
            (SIGNATURE_SIDE_PX_MAX, 4)
        );
    }
}
