//! Pictures that come from outside: read under limits, and written anew.

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, ImageDecoder as _, ImageFormat, ImageReader, Limits};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::JoinError;

use super::discarded;
use super::verify::{CheckError, Checked};
use crate::app::App;
use crate::objects::Brought;

/// Most pixels that are ever decoded: 100 MB of memory at four bytes each.
const PIXELS_MAX: u64 = 25_000_000;
/// Longest side.
const SIDE_PX_MAX: u32 = 12_000;
/// Memory that a decoder may take beside its pixels.
const DECODER_BYTES_MAX: u64 = 160 << 20;
/// Quality at which a photograph that came as JPEG is written again.
const JPEG_QUALITY: u8 = 95;
/// Pictures decoded at a time: the memory of a server is for all its callers.
static DESK: Semaphore = Semaphore::const_new(1);

/// A picture in quarantine, checked and written anew to its place.
pub(super) async fn check(app: &App, brought: &Brought) -> Result<Checked, CheckError> {
    let Ok(seat) = DESK.acquire().await else {
        return Err(CheckError::Content("the server is stopping".to_owned()));
    };
    // At most what the purpose allows: its size was declared and checked.
    let bytes = app.objects.brought_whole(brought).await?;
    let picture = match at_desk(seat, move || rewrite(&bytes)).await {
        Ok(picture) => picture.map_err(CheckError::Content)?,
        Err(error) => {
            tracing::warn!(%error, "a decoder gave up on a picture");
            return Err(CheckError::Content("the picture cannot be decoded".to_owned()));
        }
    };
    let object_key = discarded::fresh_key(app, "pictures", picture.extension).await?;
    app.objects.put(&object_key, picture.bytes.into()).await?;
    Ok(Checked {
        object_key,
        media_type: picture.media_type,
        size_px: Some(picture.size_px),
        content_key: None,
    })
}

/// Does the work in a seat that is free when the work is done, not when nobody waits for it any more: who hangs up ends no decoding.
async fn at_desk<T: Send + 'static>(
    seat: SemaphorePermit<'static>,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, JoinError> {
    tokio::task::spawn_blocking(move || {
        let _seat = seat;
        work()
    })
    .await
}

struct Picture {
    bytes: Vec<u8>,
    extension: &'static str,
    media_type: &'static str,
    size_px: (u32, u32),
}

/// Pixels only: orientation is applied, everything else that a file may carry is left behind.
fn rewrite(bytes: &[u8]) -> Result<Picture, String> {
    let reader = ImageReader::new(Cursor::new(bytes))
        .with_guessed_format()
        .map_err(|error| error.to_string())?;
    let format = reader
        .format()
        .filter(|format| matches!(format, ImageFormat::Jpeg | ImageFormat::Png | ImageFormat::WebP))
        .ok_or("neither JPEG, PNG nor WebP")?;
    let mut decoder = reader.into_decoder().map_err(damaged)?;
    let (width, height) = decoder.dimensions();
    if width == 0 || height == 0 || width.max(height) > SIDE_PX_MAX {
        return Err(format!("{width}×{height} px; a side has 1 to {SIDE_PX_MAX}"));
    }
    if u64::from(width) * u64::from(height) > PIXELS_MAX {
        return Err(format!("{width}×{height} px; {PIXELS_MAX} pixels are the most"));
    }
    let mut limits = Limits::default();
    limits.max_image_width = Some(SIDE_PX_MAX);
    limits.max_image_height = Some(SIDE_PX_MAX);
    limits.max_alloc = Some(DECODER_BYTES_MAX);
    decoder.set_limits(limits).map_err(damaged)?;
    let orientation = decoder.orientation().map_err(damaged)?;
    let mut image = DynamicImage::from_decoder(decoder).map_err(damaged)?;
    image.apply_orientation(orientation);
    let size_px = (image.width(), image.height());
    let mut written = Cursor::new(Vec::new());
    let (extension, media_type) = if format == ImageFormat::Jpeg {
        let encoder = JpegEncoder::new_with_quality(&mut written, JPEG_QUALITY);
        image.to_rgb8().write_with_encoder(encoder).map_err(damaged)?;
        ("jpg", "image/jpeg")
    } else {
        image.write_to(&mut written, ImageFormat::Png).map_err(damaged)?;
        ("png", "image/png")
    };
    Ok(Picture {
        bytes: written.into_inner(),
        extension,
        media_type,
        size_px,
    })
}

/// What a decoder says is for the log; a person is told what to do about it.
fn damaged(error: image::ImageError) -> String {
    tracing::info!(%error, "an uploaded picture does not decode");
    "the picture is damaged or cut short".to_owned()
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::{Duration, Instant};

    use super::*;

    #[tokio::test]
    async fn a_desk_is_taken_until_its_work_is_done_whoever_waits_for_it() {
        static DESK: Semaphore = Semaphore::const_new(1);
        let (end, ended) = mpsc::channel::<()>();
        let seat = DESK.acquire().await.expect("never closed");
        let work = at_desk(seat, move || ended.recv());
        let waited = tokio::time::timeout(Duration::from_millis(50), work).await;
        assert!(waited.is_err(), "it is under way when nobody waits any more");
        assert!(DESK.try_acquire().is_err());
        end.send(()).expect("it still works");
        let deadline = Instant::now() + Duration::from_secs(20);
        while DESK.try_acquire().is_err() {
            assert!(Instant::now() < deadline, "nobody works, and it is taken");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    fn png(width: u32, height: u32) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        DynamicImage::new_rgb8(width, height)
            .write_to(&mut bytes, ImageFormat::Png)
            .expect("memory takes it");
        bytes.into_inner()
    }

    #[test]
    fn what_is_beside_the_pixels_is_left_behind() {
        let mut file = png(8, 4);
        // A text chunk before the end: length, type, data, checksum.
        let mut chunk = 6_u32.to_be_bytes().to_vec();
        chunk.extend_from_slice(b"tEXtGPS\0 37");
        chunk.truncate(4 + 4 + 6);
        let sum = {
            let mut crc = !0_u32;
            for byte in &chunk[4..] {
                crc ^= u32::from(*byte);
                for _ in 0..8 {
                    crc = if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
                }
            }
            !crc
        };
        chunk.extend_from_slice(&sum.to_be_bytes());
        let end = file.len() - 12;
        file.splice(end..end, chunk);
        let written = rewrite(&file).expect("a good picture");
        assert_eq!(written.size_px, (8, 4));
        assert!(file.windows(3).any(|window| window == b"GPS"));
        assert!(!written.bytes.windows(3).any(|window| window == b"GPS"));
    }

    #[test]
    fn a_picture_that_announces_too_much_is_not_decoded() {
        let mut file = png(8, 8);
        file[16..20].copy_from_slice(&60_000_u32.to_be_bytes());
        assert!(rewrite(&file).is_err());
        assert!(rewrite(b"GIF89a").is_err());
        assert!(rewrite(&png(8, 8)[..40]).is_err());
    }
}
