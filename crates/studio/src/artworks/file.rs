//! A picture file as it comes in: judged by its content, decoded within limits, turned upright, freed of its metadata.
//!
//! What is stored has the very pixels of the original: parts of the file that can tell a place, a person or a device are left out, the
//! rest is copied byte by byte. Only a picture that lies on its side is encoded again, as PNG, which loses nothing.

use std::io::Cursor;

use atelier_contract::Refusal;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};
use image_hasher::{HashAlg, HasherConfig};

use super::container;
use crate::library::sha256_hex;

/// Largest file.
pub const ARTWORK_BYTES_MAX: u64 = 10 * 1024 * 1024;
/// Most pixels that are decoded: 160 MB at 32 bits each, and two pictures are decoded at once on the smallest machine.
pub const ARTWORK_PIXELS_MAX: u64 = 40_000_000;
/// Most memory that one decoder may take: [`ARTWORK_PIXELS_MAX`] at 64 bits, and as much again for itself.
const DECODER_BYTES_MAX: u64 = 16 * ARTWORK_PIXELS_MAX;

/// 64 bits that stay nearly the same when a picture is resized, recompressed or slightly retouched.
pub(super) type PerceptualHash = [u8; 8];

/// A picture that can be stored.
pub(super) struct Prepared {
    pub(super) bytes: Vec<u8>,
    pub(super) extension: &'static str,
    pub(super) width_px: u32,
    pub(super) height_px: u32,
    pub(super) perceptual_hash: PerceptualHash,
}

/// Whether these are the first bytes of a picture of a format that can be imported. Twelve bytes are enough.
pub(super) fn is_picture(start: &[u8]) -> bool {
    format_of(start).is_some()
}

fn format_of(bytes: &[u8]) -> Option<ImageFormat> {
    let format = image::guess_format(bytes).ok()?;
    matches!(format, ImageFormat::Jpeg | ImageFormat::Png | ImageFormat::WebP).then_some(format)
}

/// Takes a file apart and makes what is stored of it. Computes for long: call it where blocking is allowed.
///
/// # Errors
/// Why the file cannot be used; `file` is how the refusal calls it.
pub(super) fn prepare(file: &str, bytes: &[u8]) -> Result<Prepared, Refusal> {
    let name = || file.to_owned();
    let size = bytes.len() as u64;
    if size > ARTWORK_BYTES_MAX {
        return Err(Refusal::ArtworkTooLarge {
            file: name(),
            bytes: size,
            bytes_max: ARTWORK_BYTES_MAX,
        });
    }
    let format = format_of(bytes).ok_or_else(|| Refusal::ArtworkFormatUnknown { file: name() })?;
    let (mut image, orientation) = decode(file, bytes, format)?;
    image.apply_orientation(orientation);
    let (width_px, height_px) = (image.width(), image.height());
    let perceptual_hash = perceptual_hash(&image);
    let damaged = || Refusal::ArtworkDamaged { file: name() };
    let (bytes, extension) = if orientation == Orientation::NoTransforms {
        container::without_metadata(bytes, format).ok_or_else(damaged)?
    } else {
        let mut png = Vec::new();
        image
            .write_to(&mut Cursor::new(&mut png), ImageFormat::Png)
            .map_err(|error| {
                tracing::debug!(%error, file, "cannot be encoded");
                damaged()
            })?;
        (png, "png")
    };
    Ok(Prepared {
        bytes,
        extension,
        width_px,
        height_px,
        perceptual_hash,
    })
}

/// A JPEG, PNG or WebP, upright. Blocks.
///
/// # Errors
/// [`Refusal::ArtworkFormatUnknown`], [`Refusal::ArtworkTooManyPixels`], [`Refusal::ArtworkDamaged`]; `file` is how they call it.
pub(crate) fn decode_upright(file: &str, bytes: &[u8]) -> Result<DynamicImage, Refusal> {
    let format = format_of(bytes).ok_or_else(|| Refusal::ArtworkFormatUnknown { file: file.to_owned() })?;
    let (mut image, orientation) = decode(file, bytes, format)?;
    image.apply_orientation(orientation);
    Ok(image)
}

fn decode(file: &str, bytes: &[u8], format: ImageFormat) -> Result<(DynamicImage, Orientation), Refusal> {
    let damaged = |error: image::ImageError| {
        tracing::debug!(%error, file, "cannot be decoded");
        Refusal::ArtworkDamaged { file: file.to_owned() }
    };
    let check_pixels = |width_px: u32, height_px: u32| {
        if u64::from(width_px) * u64::from(height_px) <= ARTWORK_PIXELS_MAX {
            return Ok(());
        }
        Err(Refusal::ArtworkTooManyPixels {
            file: file.to_owned(),
            width_px,
            height_px,
            pixels_max: ARTWORK_PIXELS_MAX,
        })
    };
    // A PNG decoder reads on to the pixels before it tells the size.
    if let Some((width_px, height_px)) = container::png_size(bytes, format) {
        check_pixels(width_px, height_px)?;
    }
    // The limits come after the size was looked at: what the header announces is told, not only that it is too much.
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.no_limits();
    let mut decoder = reader.into_decoder().map_err(damaged)?;
    let (width_px, height_px) = decoder.dimensions();
    check_pixels(width_px, height_px)?;
    let mut limits = Limits::default();
    limits.max_alloc = Some(DECODER_BYTES_MAX);
    decoder.set_limits(limits).map_err(damaged)?;
    let orientation = decoder.orientation().map_err(damaged)?;
    // Decoders forgive a missing end; here it means that part of the picture is missing.
    if !container::is_whole(bytes, format) {
        return Err(Refusal::ArtworkDamaged { file: file.to_owned() });
    }
    let image = DynamicImage::from_decoder(decoder).map_err(damaged)?;
    Ok((image, orientation))
}

/// Signs of the lowest 8×8 frequencies against their median. Frequencies, not neighbouring pixels, because in flat areas
/// compression noise alone decides which of two neighbours is brighter.
fn perceptual_hash(image: &DynamicImage) -> PerceptualHash {
    let hasher = HasherConfig::with_bytes_type::<PerceptualHash>()
        .hash_size(8, 8)
        .preproc_dct()
        .hash_alg(HashAlg::Median)
        .to_hasher();
    hasher.hash_image(image).into_inner()
}

/// SHA-256 of a file's content, as `artworks.source_sha256` holds it.
pub(super) fn content_hash(bytes: &[u8]) -> String {
    sha256_hex(bytes)
}
