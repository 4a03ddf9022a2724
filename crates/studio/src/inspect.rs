//! What made a picture, and whether it is still the picture that was made.
//!
//! Reads our own record, A1111's `parameters` (also of other programs), and the EXIF user comment of JPEG and WebP. Trusts nothing:
//! sizes are limited before anything is decoded.

use std::fs;
use std::io::Cursor;
use std::path::Path;

use atelier_contract::Refusal;
use image::{ImageFormat, ImageReader, Limits, RgbImage};
use serde::Serialize;

use crate::Error;
use crate::picture::provenance::pixels_sha256;
use crate::picture::{OUR_KEY, PARAMETERS_KEY, Parameters, Provenance};

/// Largest file that is read.
const FILE_BYTES_MAX: u64 = 256 << 20;
/// Longest side, and most memory, that is decoded.
const SIDE_PX_MAX: u32 = 16_384;
const DECODED_BYTES_MAX: u64 = 1 << 30;
/// Longest compressed text that is unpacked.
const TEXT_BYTES_MAX: usize = 1 << 20;

/// What a picture says of itself.
#[derive(Debug, Clone, Serialize)]
pub struct Inspection {
    /// Which file.
    pub file: String,
    /// What made it.
    pub made_by: MadeBy,
    /// Whether the pixels, and with them the signature, are those that were written; `None` when nothing says which those were.
    pub pixels_intact: Option<bool>,
    /// Our own record.
    pub provenance: Option<Provenance>,
    /// The text that other programs read.
    pub parameters: Option<Parameters>,
    /// JSON that another program left in the place of that text.
    pub foreign: Option<serde_json::Value>,
}

/// Who wrote a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MadeBy {
    /// This program.
    Atelier,
    /// Another one with A1111's text.
    ParametersText,
    /// Another one with JSON, such as SwarmUI.
    Json,
}

/// Reads what the picture at `path` says.
///
/// # Errors
/// [`Refusal::PathMissing`], [`Refusal::ArtworkFormatUnknown`], [`Refusal::ArtworkDamaged`], [`Refusal::ArtworkTooManyPixels`],
/// [`Refusal::ArtworkTooLarge`], and [`Refusal::PictureWithoutParameters`] when it says nothing.
pub fn inspect(path: &Path) -> Result<Inspection, Error> {
    let file = path.display().to_string();
    let bytes = read(path, &file)?;
    let format = match image::guess_format(&bytes) {
        Ok(format @ (ImageFormat::Png | ImageFormat::Jpeg | ImageFormat::WebP)) => format,
        Ok(_) | Err(_) => return Err(Refusal::ArtworkFormatUnknown { file }.into()),
    };
    let texts = if format == ImageFormat::Png {
        png_texts(&bytes)
    } else {
        None
    };
    let texts = texts.unwrap_or_default();
    let picture = decode(&bytes, format, &file)?;
    let text_of = |key: &str| texts.iter().find(|(name, _)| name == key).map(|(_, text)| text.clone());
    let provenance = text_of(OUR_KEY).and_then(|text| serde_json::from_str::<Provenance>(&text).ok());
    let text = text_of(PARAMETERS_KEY).or_else(|| user_comment(&bytes));
    let foreign = text.as_deref().filter(|text| text.trim_start().starts_with('{'));
    let foreign = foreign.and_then(|text| serde_json::from_str(text).ok());
    let parameters = text.filter(|_| foreign.is_none()).map(|text| Parameters::parse(&text));
    let made_by = match (&provenance, &parameters, &foreign) {
        (Some(_), _, _) => MadeBy::Atelier,
        (None, _, Some(_)) => MadeBy::Json,
        (None, Some(_), None) => MadeBy::ParametersText,
        (None, None, None) => return Err(Refusal::PictureWithoutParameters { file }.into()),
    };
    let pixels_intact = provenance
        .as_ref()
        .map(|provenance| provenance.pixels_sha256 == pixels_sha256(&picture));
    Ok(Inspection {
        file,
        made_by,
        pixels_intact,
        provenance,
        parameters,
        foreign,
    })
}

/// Our own record in a PNG, if it has one; its pixels are not looked at.
pub(crate) fn record(png: &[u8]) -> Option<Provenance> {
    let texts = png_texts(png)?;
    let (_, text) = texts.into_iter().find(|(name, _)| name == OUR_KEY)?;
    serde_json::from_str(&text).ok()
}

fn read(path: &Path, file: &str) -> Result<Vec<u8>, Error> {
    let bytes = match fs::metadata(path) {
        Ok(facts) if facts.is_dir() => return Err(Refusal::ArtworkFormatUnknown { file: file.to_owned() }.into()),
        Ok(facts) => facts.len(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(Refusal::PathMissing { path: file.to_owned() }.into());
        }
        Err(_) => return Err(Refusal::PathNotReadable { path: file.to_owned() }.into()),
    };
    if bytes > FILE_BYTES_MAX {
        return Err(Refusal::ArtworkTooLarge {
            file: file.to_owned(),
            bytes,
            bytes_max: FILE_BYTES_MAX,
        }
        .into());
    }
    fs::read(path).map_err(|_denied| Refusal::PathNotReadable { path: file.to_owned() }.into())
}

fn decode(bytes: &[u8], format: ImageFormat, file: &str) -> Result<RgbImage, Error> {
    let damaged = || Refusal::ArtworkDamaged { file: file.to_owned() };
    let size = ImageReader::with_format(Cursor::new(bytes), format).into_dimensions();
    let (width_px, height_px) = size.map_err(|_cut_short| damaged())?;
    if width_px > SIDE_PX_MAX || height_px > SIDE_PX_MAX {
        let pixels_max = u64::from(SIDE_PX_MAX) * u64::from(SIDE_PX_MAX);
        return Err(Refusal::ArtworkTooManyPixels {
            file: file.to_owned(),
            width_px,
            height_px,
            pixels_max,
        }
        .into());
    }
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut limits = Limits::default();
    limits.max_alloc = Some(DECODED_BYTES_MAX);
    reader.limits(limits);
    Ok(reader.decode().map_err(|_cut_short| damaged())?.into_rgb8())
}

/// Keys and texts of a PNG, those behind the pixels too.
fn png_texts(bytes: &[u8]) -> Option<Vec<(String, String)>> {
    let limits = png::Limits {
        bytes: usize::try_from(DECODED_BYTES_MAX).ok()?,
    };
    let mut decoder = png::Decoder::new_with_limits(Cursor::new(bytes), limits);
    decoder.set_ignore_text_chunk(false);
    let mut reader = decoder.read_info().ok()?;
    // A file that ends early still has what stood before the pixels.
    let _ = reader.finish();
    let info = reader.info();
    let mut texts: Vec<_> = info
        .uncompressed_latin1_text
        .iter()
        .map(|chunk| (chunk.keyword.clone(), chunk.text.clone()))
        .collect();
    for chunk in &info.compressed_latin1_text {
        let mut chunk = chunk.clone();
        if chunk.decompress_text_with_limit(TEXT_BYTES_MAX).is_ok() {
            texts.extend(chunk.get_text().ok().map(|text| (chunk.keyword.clone(), text)));
        }
    }
    for chunk in &info.utf8_text {
        let mut chunk = chunk.clone();
        if chunk.decompress_text_with_limit(TEXT_BYTES_MAX).is_ok() {
            texts.extend(chunk.get_text().ok().map(|text| (chunk.keyword.clone(), text)));
        }
    }
    Some(texts)
}

/// The EXIF user comment, which starts with eight bytes that name its alphabet.
fn user_comment(bytes: &[u8]) -> Option<String> {
    let exif = exif::Reader::new().read_from_container(&mut Cursor::new(bytes)).ok()?;
    let field = exif.get_field(exif::Tag::UserComment, exif::In::PRIMARY)?;
    let exif::Value::Undefined(comment, _) = &field.value else {
        return None;
    };
    let (alphabet, text) = comment.split_at_checked(8)?;
    let text = match alphabet {
        b"UNICODE\0" => utf16(text, exif.little_endian()),
        _ => String::from_utf8_lossy(text).into_owned(),
    };
    let text = text.trim_matches('\0').trim().to_owned();
    (!text.is_empty()).then_some(text)
}

/// UTF-16 text. A1111 writes it big endian whatever the file says, so the order that gives more ASCII wins.
fn utf16(bytes: &[u8], little_endian: bool) -> String {
    let read = |little: bool| {
        let pairs = bytes.chunks_exact(2).map(|pair| {
            let pair = [pair[0], pair[1]];
            if little {
                u16::from_le_bytes(pair)
            } else {
                u16::from_be_bytes(pair)
            }
        });
        String::from_utf16_lossy(&pairs.collect::<Vec<_>>())
    };
    let ascii = |text: &str| text.chars().filter(char::is_ascii).count();
    let (said, other) = (read(little_endian), read(!little_endian));
    if ascii(&other) > ascii(&said) { other } else { said }
}
