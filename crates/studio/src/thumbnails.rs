//! Small versions of pictures, made when they are first asked for, or with the picture itself, and kept beside the library.
//!
//! ```text
//! thumbnails/ab/<rest of the picture's hash>-256.jpg                the whole picture
//! thumbnails/ab/<rest of the picture's hash>-256-10.20.300.400.1.jpg  a part of it, turned
//! ```
//!
//! Named after what they show, they never grow old; whoever deletes the folder loses time and nothing else. One picture is decoded
//! once however often it is asked for, and all decoders together keep within [`PIXELS_AT_ONCE`].

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::available_parallelism;

use atelier_contract::{ArtworkId, GenerationId, Refusal};
use image::codecs::jpeg::JpegEncoder;
use image::imageops::FilterType;
use image::{DynamicImage, ImageReader, Limits, RgbImage};
use tokio::sync::{Mutex as AsyncMutex, Semaphore};

use crate::artworks::{ARTWORK_PIXELS_MAX, Crop};
use crate::library::write_for_now;
use crate::{Error, Library};

/// Folder of the library that holds them.
const SHELF: &str = "thumbnails";
/// Pixels that are decoded at one time: two artworks of the largest kind, 320 MB at 32 bits a pixel.
const PIXELS_AT_ONCE: u64 = 2 * ARTWORK_PIXELS_MAX;
/// Unit in which those pixels are lent, as one permit has to be worth something.
const PIXELS_A_PERMIT: u64 = 1 << 16;
/// Of JPEG, 1 to 100: beyond it thumbnails grow and do not look better.
const QUALITY: u8 = 85;
/// How much larger than asked for a picture is after the coarse step, so that the fine one hides its traces.
const COARSE_FACTOR: u32 = 2;

/// Longest side of a thumbnail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// 256 pixels: a grid.
    Small,
    /// 512 pixels: a large grid, or a sharp screen.
    Large,
}

impl Side {
    /// In pixels.
    #[must_use]
    pub const fn px(self) -> u32 {
        match self {
            Self::Small => 256,
            Self::Large => 512,
        }
    }
}

/// A picture of the library, and which part of it is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Relative to the library's folder.
    url: String,
    width_px: u32,
    height_px: u32,
    /// `None` for all of it.
    crop: Option<Crop>,
    quarter_turns: u8,
}

/// Makes thumbnails, a few at a time. Clones share their turns.
#[derive(Debug, Clone)]
pub struct Thumbnails {
    pixels: Arc<Semaphore>,
    processors: Arc<Semaphore>,
    /// A lock for every thumbnail in the making, by its path.
    making: Arc<Mutex<HashMap<PathBuf, Arc<AsyncMutex<()>>>>>,
}

impl Default for Thumbnails {
    fn default() -> Self {
        let processors = available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            pixels: Arc::new(Semaphore::new((PIXELS_AT_ONCE / PIXELS_A_PERMIT) as usize)),
            processors: Arc::new(Semaphore::new(processors)),
            making: Arc::default(),
        }
    }
}

/// An artwork, upright and whole; with `cropped`, the part that training sees, turned as training sees it.
///
/// # Errors
/// [`Refusal::ArtworkUnknown`], [`Error::Database`].
pub async fn artwork(library: &Library, artwork: ArtworkId, cropped: bool) -> Result<Picture, Error> {
    let id = artwork.get();
    let row = sqlx::query!(
        r#"SELECT image_url, quarter_turns AS "quarter_turns: u8",
                  width_px AS "width_px: u32", height_px AS "height_px: u32",
                  crop_left_px AS "crop_left_px: u32", crop_top_px AS "crop_top_px: u32",
                  crop_width_px AS "crop_width_px: u32", crop_height_px AS "crop_height_px: u32"
             FROM artworks
            WHERE id = $1"#,
        id,
    )
    .fetch_optional(library.pool())
    .await?
    .ok_or(Refusal::ArtworkUnknown { artwork: id })?;
    let crop = match (row.crop_left_px, row.crop_top_px, row.crop_width_px, row.crop_height_px) {
        (Some(left_px), Some(top_px), Some(width_px), Some(height_px)) if cropped => Some(Crop {
            left_px,
            top_px,
            width_px,
            height_px,
        }),
        _ => None,
    };
    Ok(Picture {
        url: row.image_url,
        width_px: row.width_px,
        height_px: row.height_px,
        crop,
        quarter_turns: if cropped { row.quarter_turns } else { 0 },
    })
}

/// A finished picture.
///
/// # Errors
/// [`Refusal::GenerationUnknown`], [`Error::Database`].
pub async fn generation(library: &Library, generation: GenerationId) -> Result<Picture, Error> {
    let id = generation.get();
    let row = sqlx::query!(
        r#"SELECT result_url AS "url!", settings ->> '$.width' AS "width_px!: u32", settings ->> '$.height' AS "height_px!: u32"
             FROM generations
            WHERE id = $1 AND status = 'completed'"#,
        id,
    )
    .fetch_optional(library.pool())
    .await?
    .ok_or(Refusal::GenerationUnknown { generation: id })?;
    Ok(Picture {
        url: row.url,
        width_px: row.width_px,
        height_px: row.height_px,
        crop: None,
        quarter_turns: 0,
    })
}

impl Picture {
    /// Whether the picture's own file shows what is meant.
    const fn is_whole(&self) -> bool {
        self.crop.is_none() && self.quarter_turns == 0
    }

    /// Where the thumbnail is, or will be; without a `side` it has all its pixels.
    fn thumbnail(&self, folder: &Path, side: Option<Side>) -> PathBuf {
        let size = side.map_or_else(|| "full".to_owned(), |side| side.px().to_string());
        let part = if self.is_whole() {
            String::new()
        } else {
            let crop = self.crop.unwrap_or(Crop {
                left_px: 0,
                top_px: 0,
                width_px: self.width_px,
                height_px: self.height_px,
            });
            let Crop {
                left_px,
                top_px,
                width_px,
                height_px,
            } = crop;
            format!("-{left_px}.{top_px}.{width_px}.{height_px}.{}", self.quarter_turns)
        };
        let (shelf, hash) = place(&self.url);
        folder.join(SHELF).join(shelf).join(format!("{hash}-{size}{part}.jpg"))
    }
}

/// Folder and name of a file called `images/ab/cdef….png`.
fn place(url: &str) -> (&str, &str) {
    let (folder, name) = url.rsplit_once('/').unwrap_or(("", url));
    let shelf = folder.rsplit_once('/').map_or(folder, |(_, shelf)| shelf);
    (shelf, name.split_once('.').map_or(name, |(hash, _)| hash))
}

impl Thumbnails {
    /// A file that shows `picture` with a longest side of `side`, or in its full size. A picture that is small enough is not
    /// enlarged; one that is whole and wanted in full is its own file.
    ///
    /// # Errors
    /// [`Refusal::FileMissing`], [`Refusal::ArtworkDamaged`], [`Refusal::DiskFull`].
    pub async fn file(&self, library: &Library, picture: &Picture, side: Option<Side>) -> Result<PathBuf, Error> {
        let original = library.path_of(&picture.url);
        if side.is_none() && picture.is_whole() {
            return Ok(original);
        }
        self.kept(library, &original, picture, side).await
    }

    /// A file that shows `original`, a picture that ships with the program, with a longest side of `side`. Another version's picture of
    /// the same name counts as the same one only if its file is exactly as long. Where none can be kept, on a full disk, `original`
    /// itself.
    ///
    /// # Errors
    /// [`Refusal::FileMissing`], [`Refusal::ArtworkDamaged`].
    pub async fn shipped(&self, library: &Library, original: &Path, side: Side) -> Result<PathBuf, Error> {
        let facts = fs::metadata(original).map_err(Error::file(original))?;
        let (width_px, height_px) = image::image_dimensions(original).map_err(damaged(original))?;
        let part = |of: Option<&OsStr>| of.unwrap_or_default().to_string_lossy().replace(['.', '/'], "_");
        let shelf = part(original.parent().and_then(Path::file_name));
        let picture = Picture {
            url: format!("{shelf}/{}-{}.jpg", part(original.file_stem()), facts.len()),
            width_px,
            height_px,
            crop: None,
            quarter_turns: 0,
        };
        let small = self.kept(library, original, &picture, Some(side)).await;
        Ok(small.unwrap_or_else(|error| {
            tracing::warn!(%error, path = %original.display(), "shown without a thumbnail");
            original.to_owned()
        }))
    }

    async fn kept(
        &self,
        library: &Library,
        original: &Path,
        picture: &Picture,
        side: Option<Side>,
    ) -> Result<PathBuf, Error> {
        let path = picture.thumbnail(library.folder(), side);
        if is_there(&path) {
            return Ok(path);
        }
        let turn = self.turn(&path);
        let made = {
            let _mine = turn.lock().await;
            self.make(original, picture, side, &path).await
        };
        self.leave(&path, turn);
        made.map(|()| path)
    }

    async fn make(&self, original: &Path, picture: &Picture, side: Option<Side>, path: &Path) -> Result<(), Error> {
        // Whoever had the turn before may have made it.
        if is_there(path) {
            return Ok(());
        }
        let pixels = u64::from(picture.width_px) * u64::from(picture.height_px);
        let permits = pixels.clamp(PIXELS_A_PERMIT, PIXELS_AT_ONCE) / PIXELS_A_PERMIT;
        // In this order everywhere: whoever waits for a processor holds no more than its own pixels.
        let pixels = self.pixels.clone().acquire_many_owned(permits as u32).await;
        let processor = self.processors.clone().acquire_owned().await;
        let (original, picture, path) = (original.to_owned(), picture.clone(), path.to_owned());
        tokio::task::spawn_blocking(move || {
            // Held until the work has ended, also when nobody waits for it any more.
            let _turns = (pixels, processor);
            let small = draw(&original, &picture, side)?;
            store(&small, &path)
        })
        .await?
    }

    fn turn(&self, path: &Path) -> Arc<AsyncMutex<()>> {
        let mut making = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        making.entry(path.to_owned()).or_default().clone()
    }

    /// Forgets a lock that nobody else holds.
    fn leave(&self, path: &Path, turn: Arc<AsyncMutex<()>>) {
        drop(turn);
        let mut making = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        if making.get(path).is_some_and(|turn| Arc::strong_count(turn) == 1) {
            making.remove(path);
        }
    }
}

fn damaged(path: &Path) -> impl FnOnce(image::ImageError) -> Refusal {
    move |error| {
        tracing::debug!(%error, path = %path.display(), "cannot be decoded");
        Refusal::ArtworkDamaged {
            file: path.display().to_string(),
        }
    }
}

/// Without content it is what a power cut left.
fn is_there(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|facts| facts.len() > 0)
}

/// Decodes, cuts, turns and shrinks. Blocks.
fn draw(original: &Path, picture: &Picture, side: Option<Side>) -> Result<RgbImage, Error> {
    let mut reader = ImageReader::open(original).map_err(Error::file(original))?;
    reader = reader.with_guessed_format().map_err(Error::file(original))?;
    let mut limits = Limits::default();
    limits.max_alloc = Some(16 * ARTWORK_PIXELS_MAX);
    reader.limits(limits);
    let mut image = reader.decode().map_err(damaged(original))?;
    if let Some(crop) = picture.crop {
        image = image.crop_imm(crop.left_px, crop.top_px, crop.width_px, crop.height_px);
    }
    if let Some(side) = side {
        image = shrink(image, side.px());
    }
    let image = match picture.quarter_turns {
        1 => image.rotate90(),
        2 => image.rotate180(),
        3 => image.rotate270(),
        _ => image,
    };
    Ok(on_white(&image))
}

/// By averaging blocks, which is fast and, where blocks are whole, as most pictures of a model have it, also right. Otherwise so to twice
/// the size, then by a filter: blocks of unequal size would show in hatching and dots.
fn shrink(image: DynamicImage, side_px: u32) -> DynamicImage {
    let longest = image.width().max(image.height());
    if longest <= side_px {
        return image;
    }
    if longest.is_multiple_of(side_px) {
        return image.thumbnail(side_px, side_px);
    }
    let coarse = side_px * COARSE_FACTOR;
    let image = if longest > coarse {
        image.thumbnail(coarse, coarse)
    } else {
        image
    };
    image.resize(side_px, side_px, FilterType::CatmullRom)
}

/// JPEG has no transparency; training lays artworks on white too.
fn on_white(image: &DynamicImage) -> RgbImage {
    if !image.color().has_alpha() {
        return image.to_rgb8();
    }
    let image = image.to_rgba8();
    RgbImage::from_fn(image.width(), image.height(), |x, y| {
        let [red, green, blue, alpha] = image.get_pixel(x, y).0.map(u32::from);
        image::Rgb([red, green, blue].map(|ink| ((ink * alpha + 255 * (255 - alpha)) / 255) as u8))
    })
}

fn store(image: &RgbImage, path: &Path) -> Result<(), Error> {
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, QUALITY)
        .encode_image(image)
        .map_err(|error| Error::Picture(error.to_string()))?;
    if let Some(shelf) = path.parent() {
        fs::create_dir_all(shelf).map_err(Error::file(shelf))?;
    }
    write_for_now(path, &jpeg)
}

/// Makes the small thumbnail of a picture that is at hand and is called `url`, so that nobody waits for it later. Blocks for some
/// milliseconds.
pub(crate) fn keep(folder: &Path, url: &str, image: &RgbImage) -> Result<(), Error> {
    let picture = Picture {
        url: url.to_owned(),
        width_px: image.width(),
        height_px: image.height(),
        crop: None,
        quarter_turns: 0,
    };
    let side = Side::Small;
    let small = shrink(DynamicImage::ImageRgb8(image.clone()), side.px());
    store(&small.into_rgb8(), &picture.thumbnail(folder, Some(side)))
}

/// Removes all thumbnails of the picture that is called `url`.
pub(crate) fn forget(folder: &Path, url: &str) -> Result<(), Error> {
    let (shelf, hash) = place(url);
    let Ok(entries) = fs::read_dir(folder.join(SHELF).join(shelf)) else {
        return Ok(());
    };
    for path in entries.flatten().map(|entry| entry.path()) {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.strip_prefix(hash).is_some_and(|rest| rest.starts_with('-')) {
            fs::remove_file(&path).map_err(Error::file(&path))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thumbnail_is_named_after_what_it_shows() {
        let mut picture = Picture {
            url: "images/ab/cdef.png".into(),
            width_px: 90,
            height_px: 60,
            crop: None,
            quarter_turns: 0,
        };
        let name = |picture: &Picture, side| picture.thumbnail(Path::new("l"), side);
        assert_eq!(
            name(&picture, Some(Side::Small)),
            Path::new("l/thumbnails/ab/cdef-256.jpg")
        );
        picture.quarter_turns = 3;
        assert_eq!(
            name(&picture, None),
            Path::new("l/thumbnails/ab/cdef-full-0.0.90.60.3.jpg")
        );
    }

    #[test]
    fn what_is_see_through_lies_on_white() {
        let image = image::RgbaImage::from_fn(2, 1, |x, _| image::Rgba([0, 0, 0, if x == 0 { 0 } else { 255 }]));
        let flat = on_white(&DynamicImage::ImageRgba8(image));
        assert_eq!((flat.get_pixel(0, 0).0, flat.get_pixel(1, 0).0), ([255; 3], [0; 3]));
    }

    #[test]
    fn shrinking_keeps_the_shape_and_never_enlarges() {
        let shrunk = |width, height| {
            let image = shrink(DynamicImage::new_rgb8(width, height), 256);
            (image.width(), image.height())
        };
        assert_eq!(shrunk(4000, 2000), (256, 128));
        assert_eq!(shrunk(300, 400), (192, 256));
        assert_eq!(shrunk(100, 50), (100, 50));
    }
}
