//! The artist's signature, laid over a picture before it is written.
//!
//! A library has one artist: `artist.json` in its folder says the name, and the signature image beside it, if there is one, with its
//! place. The same picture and signature always give the same pixels.

mod facts;

use std::fs;
use std::path::{Path, PathBuf};

use atelier_contract::{Number, Refusal};
use image::imageops::{self, FilterType};
use image::{RgbImage, RgbaImage};
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::library::{Library, sha256_hex, write_whole};
use crate::picture::provenance;

pub use facts::{SIGNATURE_BYTES_MAX, SignatureFacts, clear, facts, image_path, set_facts, set_image, set_image_file};

/// Name of the file in the library's folder.
const ARTIST_FILE: &str = "artist.json";
/// Distance from the picture's edges, as a share of its width.
const MARGIN: f64 = 0.03;
/// Least width and opacity that can still be seen.
pub const SHARE_MIN: f64 = 0.02;
/// Whose library it is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Artist {
    /// As it stands in pictures; empty for none.
    pub name: String,
    /// Laid over every picture made with the artist's styles.
    pub signature: Option<Placement>,
}

/// A signature and where it goes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Placement {
    /// Relative to the library's folder: PNG, JPEG or WebP, with transparency where it has some.
    pub file: PathBuf,
    /// Which corner.
    pub corner: Corner,
    /// Its width as a share of the picture's, 0.02 to 1.
    pub width: f64,
    /// 0 (unseen) to 1 (covers).
    pub opacity: f64,
}

/// A corner of a picture.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "each says what it is")]
pub enum Corner {
    TopLeft,
    TopRight,
    BottomLeft,
    #[default]
    BottomRight,
}

/// A signature that is ready to be laid over pictures.
#[derive(Debug, Clone)]
pub struct Signature {
    image: RgbaImage,
    /// Of the file.
    pub sha256: String,
    /// Where it goes.
    pub placement: Placement,
}

/// The artist of this library; nobody when it does not say.
///
/// # Errors
/// When the file is there and cannot be read or understood.
pub fn artist(library: &Library) -> Result<Artist, Error> {
    let path = library.folder().join(ARTIST_FILE);
    match fs::read(&path) {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes)?),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Artist::default()),
        Err(error) => Err(Error::file(&path)(error)),
    }
}

/// Says whose library it is, and copies the signature image into it.
///
/// # Errors
/// [`Refusal::ArtworkDamaged`] when the image cannot be read, [`Refusal::NumberOutOfRange`] for a share outside its bounds.
pub fn set_artist(library: &Library, name: &str, signature: Option<(&[u8], Placement)>) -> Result<Artist, Error> {
    let mut artist = Artist {
        name: name.to_owned(),
        signature: None,
    };
    if let Some((bytes, mut placement)) = signature {
        decode(bytes, &placement.file)?;
        check(&placement)?;
        placement.file = store(library, bytes)?;
        artist.signature = Some(placement);
    }
    write(library, &artist)?;
    Ok(artist)
}

fn check(placement: &Placement) -> Result<(), Refusal> {
    let shares = [
        (Number::SignatureWidth, placement.width),
        (Number::SignatureOpacity, placement.opacity),
    ];
    for (number, share) in shares {
        if !(SHARE_MIN..=1.0).contains(&share) {
            return Err(number.out_of_range(share, SHARE_MIN, 1));
        }
    }
    Ok(())
}

/// Named after its content, so that a kill between the two writes never pairs an old record with a new image.
fn store(library: &Library, bytes: &[u8]) -> Result<PathBuf, Error> {
    let file = PathBuf::from(format!("signature-{}", &sha256_hex(bytes)[..16]));
    write_whole(&library.folder().join(&file), bytes)?;
    Ok(file)
}

fn write(library: &Library, artist: &Artist) -> Result<(), Error> {
    write_whole(&library.folder().join(ARTIST_FILE), &serde_json::to_vec_pretty(artist)?)
}

impl Signature {
    /// The signature of `artist`, if there is one.
    ///
    /// # Errors
    /// When its image is missing or damaged: a picture is not made without the signature that it should have.
    pub fn load(library: &Library, artist: &Artist) -> Result<Option<Self>, Error> {
        let Some(placement) = &artist.signature else {
            return Ok(None);
        };
        let path = library.folder().join(&placement.file);
        let bytes = fs::read(&path).map_err(Error::file(&path))?;
        let image = decode(&bytes, &path)?;
        Ok(Some(Self {
            image,
            sha256: sha256_hex(&bytes),
            placement: placement.clone(),
        }))
    }

    /// What a picture says that it was laid over.
    #[must_use]
    pub fn facts(&self) -> provenance::SignatureFacts {
        provenance::SignatureFacts {
            sha256: self.sha256.clone(),
            corner: self.placement.corner,
            width: self.placement.width,
            opacity: self.placement.opacity,
        }
    }

    /// Lays it over `picture`.
    pub fn lay_over(&self, picture: &mut RgbImage) {
        let (width, height) = picture.dimensions();
        let share = f64::from(width) * self.placement.width;
        let scale = (share / f64::from(self.image.width())).min(f64::from(height) / f64::from(self.image.height()));
        let side = |pixels: u32| (f64::from(pixels) * scale).round().max(1.0) as u32;
        let small = imageops::resize(
            &self.image,
            side(self.image.width()),
            side(self.image.height()),
            FilterType::Lanczos3,
        );
        let margin = (f64::from(width) * MARGIN).round() as u32;
        let far = |whole: u32, part: u32| whole.saturating_sub(part + margin);
        let (left, top) = match self.placement.corner {
            Corner::TopLeft => (margin, margin),
            Corner::TopRight => (far(width, small.width()), margin),
            Corner::BottomLeft => (margin, far(height, small.height())),
            Corner::BottomRight => (far(width, small.width()), far(height, small.height())),
        };
        for (x, y, ink) in small.enumerate_pixels() {
            let (x, y) = (x + left, y + top);
            if x >= width || y >= height {
                continue;
            }
            let weight = f64::from(ink[3]) / 255.0 * self.placement.opacity;
            let pixel = picture.get_pixel_mut(x, y);
            for channel in 0..3 {
                let mixed = f64::from(pixel[channel]) * (1.0 - weight) + f64::from(ink[channel]) * weight;
                pixel[channel] = mixed.round() as u8;
            }
        }
    }
}

/// Within the limits of an artwork: a signature may come from anywhere.
fn decode(bytes: &[u8], path: &Path) -> Result<RgbaImage, Error> {
    let file = path.display().to_string();
    Ok(crate::artworks::decode_upright(&file, bytes)?.into_rgba8())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signature(corner: Corner, opacity: f64) -> Signature {
        let placement = Placement {
            file: "s.png".into(),
            corner,
            width: 0.25,
            opacity,
        };
        Signature {
            image: RgbaImage::from_pixel(8, 4, image::Rgba([255, 0, 0, 255])),
            sha256: String::new(),
            placement,
        }
    }

    #[test]
    fn a_signature_stands_in_its_corner_only() {
        let mut picture = RgbImage::new(64, 48);
        signature(Corner::BottomRight, 1.0).lay_over(&mut picture);
        assert_eq!(picture.get_pixel(55, 40).0, [255, 0, 0]);
        assert_eq!(picture.get_pixel(5, 5).0, [0, 0, 0]);
        assert_eq!(picture.get_pixel(63, 47).0, [0, 0, 0], "the margin stays free");
    }

    #[test]
    fn half_opacity_mixes_half() {
        let mut picture = RgbImage::new(64, 64);
        signature(Corner::TopLeft, 0.5).lay_over(&mut picture);
        assert_eq!(picture.get_pixel(4, 4).0, [128, 0, 0]);
    }

    #[test]
    fn a_picture_smaller_than_the_signature_is_no_panic() {
        let mut picture = RgbImage::new(1, 1);
        signature(Corner::BottomLeft, 1.0).lay_over(&mut picture);
    }
}
