//! Thumbnails that are made for the first time: `cargo bench -p atelier-studio --bench thumbnails`.

#![expect(clippy::unwrap_used, reason = "a measurement that cannot be made has to end")]

use std::io::Cursor;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use atelier_studio::thumbnails::{self, Picture, Side, Thumbnails};
use atelier_studio::{Access, Library, artworks, styles};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

/// Noise over soft colours: as hard to compress as a painting.
fn painting(width: u32, height: u32) -> DynamicImage {
    let mut state = 1_u32;
    DynamicImage::ImageRgb8(RgbImage::from_fn(width, height, |x, y| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let grain = (state >> 28) as u8;
        Rgb([
            (x * 200 / width) as u8 + grain,
            (y * 200 / height) as u8 + grain,
            90 + grain,
        ])
    }))
}

/// A library with one artwork.
async fn library(folder: &Path, width: u32, height: u32, format: ImageFormat) -> (Library, Picture) {
    let library = Library::open(&folder.join("library"), Access::Write, Duration::ZERO)
        .await
        .unwrap();
    let library = Arc::new(library);
    let style = styles::create(&library, "inkwell", "starter").await.unwrap();
    let mut bytes = Vec::new();
    painting(width, height)
        .write_to(&mut Cursor::new(&mut bytes), format)
        .unwrap();
    let file = folder.join("painting");
    std::fs::write(&file, bytes).unwrap();
    let report = artworks::import(&library, &style, &[file], &CancellationToken::new(), |_, _| {})
        .await
        .unwrap();
    let picture = thumbnails::artwork(&library, report.imported[0].artwork, false)
        .await
        .unwrap();
    (Arc::into_inner(library).unwrap(), picture)
}

fn first_thumbnail(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let mut group = criterion.benchmark_group("first thumbnail");
    group.sample_size(20).measurement_time(Duration::from_secs(4));
    for (name, width, height, format) in [
        ("of a picture, 512 by 512, PNG", 512, 512, ImageFormat::Png),
        ("of an artwork, 12 megapixels, JPEG", 4000, 3000, ImageFormat::Jpeg),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let (library, picture) = runtime.block_on(library(folder.path(), width, height, format));
        let thumbnails = Thumbnails::default();
        let shelf = library.folder().join("thumbnails");
        group.bench_function(name, |bencher| {
            bencher.to_async(&runtime).iter_batched(
                || std::fs::remove_dir_all(&shelf).ok(),
                async |_emptied| thumbnails.file(&library, &picture, Some(Side::Small)).await.unwrap(),
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, first_thumbnail);
criterion_main!(benches);
