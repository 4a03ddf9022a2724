//! Picture files as containers: whether they are whole, and the same file without what it says beside its pixels.
//!
//! Kept are the parts that change how pixels look: sizes, palettes, transparency, colour profiles. All else goes: EXIF with the place of
//! a photograph, XMP, comments, text, thumbnails, and whatever a vendor appended.

use image::ImageFormat;

const PNG_SIGNATURE: usize = 8;
/// PNG third edition, section 11: critical chunks, colour space and transparency.
const PNG_KEPT: [&[u8; 4]; 11] = [
    b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"cICP", b"sBIT",
];
/// WebP container specification: everything but `EXIF` and `XMP `.
const WEBP_KEPT: [&[u8; 4]; 7] = [b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ICCP", b"ANIM", b"ANMF"];
/// Bits of `VP8X` that announce XMP and EXIF.
const WEBP_METADATA_FLAGS: u8 = 0b0000_1100;

/// Width and height that a PNG's header announces, which is its first chunk.
/// Source: PNG specification, 11.2.1.
pub(super) fn png_size(bytes: &[u8], format: ImageFormat) -> Option<(u32, u32)> {
    if format != ImageFormat::Png || bytes.get(12..16)? != b"IHDR" {
        return None;
    }
    let number = |at: usize| Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    Some((number(16)?, number(20)?))
}

/// Whether a file goes on to its own end. Says nothing about what is in between: that is for the decoder.
pub(super) fn is_whole(bytes: &[u8], format: ImageFormat) -> bool {
    without_metadata(bytes, format).is_some()
}

/// The file with its pixels untouched and its metadata left out, and its usual extension. `None` when it ends early.
pub(super) fn without_metadata(bytes: &[u8], format: ImageFormat) -> Option<(Vec<u8>, &'static str)> {
    match format {
        ImageFormat::Jpeg => Some((jpeg(bytes)?, "jpg")),
        ImageFormat::Png => Some((png(bytes)?, "png")),
        ImageFormat::WebP => Some((webp(bytes)?, "webp")),
        _ => None,
    }
}

/// JPEG markers (ITU T.81, table B.1).
mod marker {
    pub(super) const START: u8 = 0xd8;
    pub(super) const END: u8 = 0xd9;
    pub(super) const SCAN: u8 = 0xda;
    pub(super) const COMMENT: u8 = 0xfe;
    pub(super) const RESTART: std::ops::RangeInclusive<u8> = 0xd0..=0xd7;
    pub(super) const APP: std::ops::RangeInclusive<u8> = 0xe0..=0xef;
}

/// Application segments that say how to read colours: JFIF, an ICC profile, Adobe's transform.
fn is_about_colour(marker: u8, body: &[u8]) -> bool {
    match marker {
        0xe0 => body.starts_with(b"JFIF\0"),
        0xe2 => body.starts_with(b"ICC_PROFILE\0"),
        0xee => body.starts_with(b"Adobe"),
        _ => false,
    }
}

fn jpeg(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(bytes.len());
    out.extend([0xff, marker::START]);
    let mut at = 2;
    loop {
        // Markers may have any number of fill bytes before them.
        while *bytes.get(at)? != 0xff || matches!(*bytes.get(at + 1)?, 0xff) {
            at += 1;
        }
        let marker = bytes[at + 1];
        if marker == marker::END {
            out.extend([0xff, marker::END]);
            return Some(out);
        }
        let length = usize::from(u16::from_be_bytes([*bytes.get(at + 2)?, *bytes.get(at + 3)?]));
        let end = at + 2 + length.max(2);
        let segment = bytes.get(at..end)?;
        let told = marker == marker::COMMENT || marker::APP.contains(&marker);
        if !told || is_about_colour(marker, &segment[4..]) {
            out.extend(segment);
        }
        at = end;
        if marker == marker::SCAN {
            let scan_end = end_of_scan(bytes, at)?;
            out.extend(&bytes[at..scan_end]);
            at = scan_end;
        }
    }
}

/// Where the next marker stands after entropy-coded data; 0xff00 and restarts belong to the data.
fn end_of_scan(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        at += bytes.get(at..)?.iter().position(|byte| *byte == 0xff)?;
        match *bytes.get(at + 1)? {
            0 => at += 2,
            byte if marker::RESTART.contains(&byte) => at += 2,
            0xff => at += 1,
            _ => return Some(at),
        }
    }
}

fn png(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(bytes.len());
    out.extend(bytes.get(..PNG_SIGNATURE)?);
    let mut at = PNG_SIGNATURE;
    loop {
        let length = u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?) as usize;
        let kind: &[u8; 4] = bytes.get(at + 4..at + 8)?.try_into().ok()?;
        let chunk = bytes.get(at..at.checked_add(length)?.checked_add(12)?)?;
        if PNG_KEPT.contains(&kind) {
            out.extend(chunk);
        }
        if kind == b"IEND" {
            return Some(out);
        }
        at += chunk.len();
    }
}

fn webp(bytes: &[u8]) -> Option<Vec<u8>> {
    let declared = u32::from_le_bytes(bytes.get(4..8)?.try_into().ok()?) as usize;
    let body = bytes.get(12..declared.checked_add(8)?)?;
    let mut out = bytes[..12].to_vec();
    let mut at = 0;
    while at < body.len() {
        let kind: &[u8; 4] = body.get(at..at + 4)?.try_into().ok()?;
        let length = u32::from_le_bytes(body.get(at + 4..at + 8)?.try_into().ok()?) as usize;
        let end = at.checked_add(length)?.checked_add(8)?;
        // Chunks of odd length have a byte of padding, which some writers forget after the last one.
        let padded = (end + length % 2).min(body.len());
        let chunk = body.get(at..padded.max(end))?;
        if WEBP_KEPT.contains(&kind) {
            let start = out.len();
            out.extend(chunk);
            if kind == b"VP8X" {
                *out.get_mut(start + 8)? &= !WEBP_METADATA_FLAGS;
            }
        }
        at = padded;
    }
    let size = u32::try_from(out.len() - 8).ok()?;
    out[4..8].copy_from_slice(&size.to_le_bytes());
    Some(out)
}
