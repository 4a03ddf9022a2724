//! The artist's signature, laid over a picture before it is written.
//!
//! A library has one artist: `artist.json` in its folder says the name, and the signature image beside it, if there is one, with its
//! place. The same picture and signature always give the same pixels.

use std::fs;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};

use atelier_contract::Refusal;
use image::imageops::{self, FilterType};
use image::{ImageFormat, RgbImage, RgbaImage};
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::library::{Library, sha256_hex, write_whole};
use crate::picture::provenance;

/// Name of the file in the library's folder.
const ARTIST_FILE: &str = "artist.json";
/// Distance from the picture's edges, as a share of its width.
const MARGIN: f64 = 0.03;
/// Least width and opacity that can still be seen.
pub const SHARE_MIN: f64 = 0.02;
/// Where a signature goes until the artist decides.
const WIDTH: f64 = 0.2;
const OPACITY: f64 = 0.8;
/// Largest file of a signature.
pub const SIGNATURE_BYTES_MAX: u64 = 10 << 20;
/// Longest side that a signature is kept in: the widest picture has no use for more.
const SIGNATURE_SIDE_PX_MAX: u32 = 2048;
/// Longest name of an artist.
const NAME_CHARS_MAX: usize = 100;

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
    /// Its width as a share of the picture's, [`SHARE_MIN`] to 1.
    pub width: f64,
    /// [`SHARE_MIN`] (hardly seen) to 1 (covers).
    pub opacity: f64,
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
/// [`Refusal::NumberOutOfRange`] for a share outside its bounds, [`Refusal::RequestInvalid`] for a name that is too long.
pub fn set_facts(library: &Library, wanted: &SignatureFacts) -> Result<SignatureFacts, Error> {
    let mut artist = artist(library)?;
    let name = wanted.artist.trim();
    if name.chars().count() > NAME_CHARS_MAX {
        return Err(Refusal::RequestInvalid {
            reason: format!("an artist's name has at most {NAME_CHARS_MAX} characters"),
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
/// [`Refusal::ArtworkTooLarge`], [`Refusal::ArtworkDamaged`], [`Refusal::ArtworkTooManyPixels`], and [`Refusal::RequestInvalid`] when
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
    let ink = cut_to_ink(&decode(bytes, file)?).ok_or_else(|| Refusal::RequestInvalid {
        reason: "the signature is empty".into(),
    })?;
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
/// As [`set_image`], and [`Refusal::FileMissing`].
pub fn set_image_file(library: &Library, path: &Path) -> Result<SignatureFacts, Error> {
    // One byte more than is allowed tells a file that is too large from one that just fits.
    let mut bytes = Vec::new();
    fs::File::open(path)
        .and_then(|file| file.take(SIGNATURE_BYTES_MAX + 1).read_to_end(&mut bytes))
        .map_err(Error::file(path))?;
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

fn check(placement: &Placement) -> Result<(), Refusal> {
    for (what, share) in [("width", placement.width), ("opacity", placement.opacity)] {
        if !(SHARE_MIN..=1.0).contains(&share) {
            return Err(Refusal::NumberOutOfRange {
                name: format!("the signature's {what}"),
                value: share.to_string(),
                min: SHARE_MIN.to_string(),
                max: "1".into(),
            });
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

    #[test]
    fn a_picture_smaller_than_the_signature_is_no_panic() {
        let mut picture = RgbImage::new(1, 1);
        signature(Corner::BottomLeft, 1.0).lay_over(&mut picture);
    }
}
