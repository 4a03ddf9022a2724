//! A style's artworks for other trainers: kohya's `N_name/`, each picture as it is trained on with its tags beside it. Import reads it back.

use std::fs;
use std::path::{Path, PathBuf};

use atelier_contract::Refusal;
use image::imageops;
use image::{DynamicImage, ImageFormat, RgbaImage};
use serde::Serialize;

use super::{Artwork, decode_upright, valid};
use crate::styles::Style;
use crate::{Error, Library};

/// What an export wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct Exported {
    /// `N_name`.
    pub folder: PathBuf,
    /// How many are in it.
    pub artworks: usize,
}

/// Writes the artworks that training uses to `out/N_name/`: cropped and turned, each with a `.txt` of its tags, without the style's own. N, the
/// `repeats`, says how often kohya's trainers see each of them. The folder is there whole or not at all.
///
/// # Errors
/// [`Refusal::StyleTooFewArtworks`] when there is none, [`Refusal::FileExists`] when the folder is there already; [`Refusal::DiskFull`],
/// [`Refusal::NotWritable`], [`Refusal::FileMissing`], [`Refusal::ArtworkDamaged`].
pub async fn export(library: &Library, style: &Style, repeats: u32, out: &Path) -> Result<Exported, Error> {
    let artworks = valid(library, style.id).await?;
    if artworks.is_empty() {
        return Err(Refusal::StyleTooFewArtworks {
            style: style.name.clone(),
            valid: 0,
            valid_min: 1,
        }
        .into());
    }
    // A style's name is a tag, which every file system takes.
    let (out, name) = (out.to_owned(), format!("{repeats}_{}", style.name));
    tokio::task::spawn_blocking(move || write(&artworks, &out, &name)).await?
}

fn write(artworks: &[Artwork], out: &Path, name: &str) -> Result<Exported, Error> {
    let folder = out.join(name);
    if folder.exists() {
        return Err(Refusal::FileExists {
            file: folder.display().to_string(),
        }
        .into());
    }
    let beside = out.join(format!(".{name}.part"));
    // Left by an export that was killed.
    let _ = fs::remove_dir_all(&beside);
    fs::create_dir_all(&beside).map_err(Error::file(&beside))?;
    let written = artworks
        .iter()
        .try_for_each(|artwork| write_one(artwork, &beside))
        .and_then(|()| fs::rename(&beside, &folder).map_err(Error::file(&folder)));
    if written.is_err() {
        // Half a data set is worth nothing.
        let _ = fs::remove_dir_all(&beside);
    }
    written.map(|()| Exported {
        folder,
        artworks: artworks.len(),
    })
}

/// A picture and its tags, named after the artwork's id, so that they are read back in the order they came.
fn write_one(artwork: &Artwork, folder: &Path) -> Result<(), Error> {
    let (bytes, extension) = as_trained(artwork)?;
    let name = format!("{:05}", artwork.id.get());
    let picture = folder.join(format!("{name}.{extension}"));
    fs::write(&picture, bytes).map_err(Error::file(&picture))?;
    // Also where there are none: without the file the folder's words would be the tags.
    let caption = folder.join(format!("{name}.txt"));
    fs::write(&caption, artwork.tags.join(", ") + "\n").map_err(Error::file(&caption))
}

/// The picture as training sees it, but for its size, and the ending of its format. The stored file where that is the same.
fn as_trained(artwork: &Artwork) -> Result<(Vec<u8>, String), Error> {
    let path = &artwork.path;
    let bytes = fs::read(path).map_err(Error::file(path))?;
    let mut image = decode_upright(&artwork.file_name, &bytes)?;
    let untouched = artwork.crop.is_none() && artwork.quarter_turns == 0;
    if untouched && !image.color().has_alpha() {
        let extension = path.extension().unwrap_or_default().to_string_lossy();
        return Ok((bytes, extension.into_owned()));
    }
    if let Some(crop) = artwork.crop {
        image = image.crop_imm(crop.left_px, crop.top_px, crop.width_px, crop.height_px);
    }
    image = match artwork.quarter_turns % 4 {
        1 => image.rotate90(),
        2 => image.rotate180(),
        3 => image.rotate270(),
        _ => image,
    };
    if image.color().has_alpha() {
        // On paper, as the trainer lays it: what is transparent would otherwise be black.
        let mut paper = RgbaImage::from_pixel(image.width(), image.height(), image::Rgba([255; 4]));
        imageops::overlay(&mut paper, &image.to_rgba8(), 0, 0);
        image = paper.into();
    }
    let mut png = std::io::Cursor::new(Vec::new());
    DynamicImage::ImageRgb8(image.into_rgb8())
        .write_to(&mut png, ImageFormat::Png)
        .map_err(|error| Error::Picture(error.to_string()))?;
    Ok((png.into_inner(), "png".to_owned()))
}
