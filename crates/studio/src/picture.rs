//! Finished pictures as files: PNG with the artist's signature and a record of how they were made, and reading such records back.

pub mod parameters;
pub mod provenance;
pub mod signature;

use image::RgbImage;

pub use parameters::Parameters;
pub use provenance::Provenance;
pub use signature::Signature;

use crate::Error;

/// Key of our own record.
pub(crate) const OUR_KEY: &str = "atelier";
/// Key of A1111's text.
pub(crate) const PARAMETERS_KEY: &str = "parameters";

/// A PNG of `picture` that says how it was made. The same picture and record give the same bytes.
///
/// `parameters` is a `tEXt` chunk, which every reader knows, as long as it is Latin-1; otherwise an `iTXt` chunk.
///
/// # Errors
/// Never for pictures that the engine makes; an encoder's error otherwise.
pub fn to_png(picture: &RgbImage, provenance: &Provenance) -> Result<Vec<u8>, Error> {
    let mut provenance = provenance.clone();
    provenance.pixels_sha256 = provenance::pixels_sha256(picture);
    let text = provenance.parameters().to_string();
    let record = serde_json::to_string(&provenance)?;
    let mut bytes = Vec::new();
    encode(&mut bytes, picture, text, record).map_err(|error| Error::Picture(error.to_string()))?;
    Ok(bytes)
}

fn encode(bytes: &mut Vec<u8>, picture: &RgbImage, text: String, record: String) -> Result<(), png::EncodingError> {
    let mut encoder = png::Encoder::new(bytes, picture.width(), picture.height());
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_source_srgb(png::SrgbRenderingIntent::Perceptual);
    if text.chars().all(|c| u32::from(c) < 256) {
        encoder.add_text_chunk(PARAMETERS_KEY.to_owned(), text)?;
    } else {
        encoder.add_itxt_chunk(PARAMETERS_KEY.to_owned(), text)?;
    }
    encoder.add_itxt_chunk(OUR_KEY.to_owned(), record)?;
    let mut writer = encoder.write_header()?;
    writer.write_image_data(picture.as_raw())?;
    writer.finish()
}
