//! Artworks from files to latents.

use std::path::Path;

use candle_core::{Device, Tensor};
use image::imageops::FilterType;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageReader, RgbImage, Rgba};

use super::request::TrainingPicture;
use crate::error::{EngineError, FileFault, Result};

/// Size of the upright, cropped and turned picture in pixels, without reading more than its header.
pub(super) fn size(picture: &TrainingPicture) -> Result<(u32, u32)> {
    let mut decoder = decoder(&picture.path)?;
    let (width, height) = decoder.dimensions();
    let orientation = decoder.orientation().map_err(invalid(&picture.path))?;
    let lies = matches!(
        orientation,
        Orientation::Rotate90 | Orientation::Rotate270 | Orientation::Rotate90FlipH | Orientation::Rotate270FlipH
    );
    let (mut width, mut height) = if lies { (height, width) } else { (width, height) };
    if let Some([left, top, crop_width, crop_height]) = picture.crop {
        let inside =
            |start: u32, length: u32, all: u32| length > 0 && start.checked_add(length).is_some_and(|end| end <= all);
        if !inside(left, crop_width, width) || !inside(top, crop_height, height) {
            return Err(EngineError::invalid(
                &picture.path,
                FileFault::CropOutside,
                "its crop lies outside the picture",
            ));
        }
        (width, height) = (crop_width, crop_height);
    }
    Ok(if picture.quarter_turns % 2 == 1 {
        (height, width)
    } else {
        (width, height)
    })
}

fn decoder(path: &Path) -> Result<impl ImageDecoder> {
    let reader = ImageReader::open(path).map_err(EngineError::io(path))?;
    let reader = reader.with_guessed_format().map_err(EngineError::io(path))?;
    reader.into_decoder().map_err(invalid(path))
}

fn invalid(path: &Path) -> impl FnOnce(image::ImageError) -> EngineError {
    move |error| EngineError::invalid(path, FileFault::NotAPicture, error.to_string())
}

/// Reads a picture and fits it to `width`×`height`: scaled to cover that, the rest cut off on both sides alike.
pub(super) fn read(picture: &TrainingPicture, width: u32, height: u32) -> Result<RgbImage> {
    // Checks the crop, too.
    size(picture)?;
    let mut decoder = decoder(&picture.path)?;
    let orientation = decoder.orientation().map_err(invalid(&picture.path))?;
    let mut image = DynamicImage::from_decoder(decoder).map_err(invalid(&picture.path))?;
    image.apply_orientation(orientation);
    if let Some([left, top, width, height]) = picture.crop {
        image = image.crop_imm(left, top, width, height);
    }
    image = match picture.quarter_turns % 4 {
        1 => image.rotate90(),
        2 => image.rotate180(),
        3 => image.rotate270(),
        _ => image,
    };
    if image.color().has_alpha() {
        // What is transparent would otherwise be black.
        let mut paper = image::RgbaImage::from_pixel(image.width(), image.height(), Rgba([255; 4]));
        image::imageops::overlay(&mut paper, &image.to_rgba8(), 0, 0);
        image = paper.into();
    }
    Ok(image.resize_to_fill(width, height, FilterType::Lanczos3).into_rgb8())
}

/// `[1, 3, H, W]`, f32 in −1…1.
pub(super) fn to_tensor(picture: &RgbImage, device: &Device) -> Result<Tensor> {
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let values: Vec<f32> = picture
        .as_raw()
        .iter()
        .map(|&value| f32::from(value) / 127.5 - 1.0)
        .collect();
    let tensor = Tensor::from_vec(values, (height, width, 3), &Device::Cpu)?;
    Ok(tensor
        .permute((2, 0, 1))?
        .contiguous()?
        .unsqueeze(0)?
        .to_device(device)?)
}
