//! Pictures and libraries for tests.

use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use atelier_studio::artworks::{self, ImportReport};
use atelier_studio::styles::{self, Style};
use atelier_studio::{Access, Config, Library};
use image::imageops::FilterType;
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// A library with a style `inkwell`, and a folder for what is imported.
pub(crate) struct Desk {
    folder: TempDir,
    pub(crate) config: Config,
    pub(crate) library: Arc<Library>,
}

impl Desk {
    pub(crate) async fn new() -> Self {
        Self::with_base_model("starter").await
    }

    pub(crate) async fn with_base_model(base_model: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = Config::new(Some(folder.path().join("library")), None, Path::new("atelier"));
        let library = open(&config.data).await;
        styles::create(&library, "inkwell", base_model).await.unwrap();
        Self {
            folder,
            config,
            library: Arc::new(library),
        }
    }

    pub(crate) async fn style(&self) -> Style {
        styles::find(&self.library, "inkwell").await.unwrap()
    }

    /// Writes a file into the folder of what is imported.
    pub(crate) fn put(&self, path: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.desk().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path
    }

    pub(crate) fn desk(&self) -> PathBuf {
        self.folder.path().join("desk")
    }

    pub(crate) async fn import(&self, path: &Path) -> ImportReport {
        artworks::import(
            &self.library,
            &self.style().await,
            &[path.to_owned()],
            &CancellationToken::new(),
            |_, _| {},
        )
        .await
        .unwrap()
    }

    pub(crate) async fn artworks(&self) -> Vec<artworks::Artwork> {
        artworks::list(&self.library, self.style().await.id, None, 1000, false)
            .await
            .unwrap()
    }
}

pub(crate) async fn open(folder: &Path) -> Library {
    Library::open(folder, Access::Write, Duration::ZERO).await.unwrap()
}

/// Soft patches of colour, others for every seed.
pub(crate) fn picture(seed: u32, width: u32, height: u32) -> DynamicImage {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(12_345);
    let patches = RgbImage::from_fn(8, 8, |_, _| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let [_, red, green, blue] = state.to_le_bytes();
        Rgb([red, green, blue])
    });
    DynamicImage::ImageRgb8(patches).resize_exact(width, height, FilterType::CatmullRom)
}

pub(crate) fn encode(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Vec::new();
    picture.write_to(&mut Cursor::new(&mut bytes), format).unwrap();
    bytes
}

pub(crate) fn png(seed: u32) -> Vec<u8> {
    encode(&picture(seed, 160, 160), ImageFormat::Png)
}

/// A JPEG with an EXIF segment: this orientation, and a place of the northern hemisphere.
pub(crate) fn jpeg_with_exif(picture: &DynamicImage, orientation: u8) -> Vec<u8> {
    let entry = |tag: u16, kind: u16, count: u32, value: [u8; 4]| {
        [
            &tag.to_le_bytes()[..],
            &kind.to_le_bytes(),
            &count.to_le_bytes(),
            &value,
        ]
        .concat()
    };
    let gps_at: u32 = 8 + 2 + 2 * 12 + 4;
    let tiff = [
        &b"II*\0\x08\0\0\0"[..],
        &2_u16.to_le_bytes(),
        &entry(0x0112, 3, 1, [orientation, 0, 0, 0]),
        &entry(0x8825, 4, 1, gps_at.to_le_bytes()),
        &0_u32.to_le_bytes(),
        &1_u16.to_le_bytes(),
        &entry(1, 2, 2, *b"N\0\0\0"),
        &0_u32.to_le_bytes(),
    ]
    .concat();
    let length = u16::try_from(2 + 6 + tiff.len()).unwrap();
    let segment = [&b"\xff\xe1"[..], &length.to_be_bytes(), b"Exif\0\0", &tiff].concat();
    let jpeg = encode(picture, ImageFormat::Jpeg);
    [&jpeg[..2], &segment, &jpeg[2..]].concat()
}

/// The first 33 bytes of a PNG: signature and a header that announces these sides.
pub(crate) fn png_header(width: u32, height: u32) -> Vec<u8> {
    let header = [
        &b"IHDR"[..],
        &width.to_be_bytes(),
        &height.to_be_bytes(),
        &[8, 2, 0, 0, 0],
    ]
    .concat();
    let checksum = crc32(&header);
    [
        &b"\x89PNG\r\n\x1a\n"[..],
        &13_u32.to_be_bytes(),
        &header,
        &checksum.to_be_bytes(),
    ]
    .concat()
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0_u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & 0_u32.wrapping_sub(crc & 1))
        })
    })
}
