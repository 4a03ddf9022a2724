//! Small versions of pictures.

use std::fs;

use atelier_studio::artworks::{self, Crop};
use atelier_studio::contract::{ArtworkId, Refusal};
use atelier_studio::thumbnails::{self, Side, Thumbnails};
use image::ImageFormat;

use crate::pictures::{Desk, encode, picture};

async fn desk_with(width: u32, height: u32) -> (Desk, ArtworkId) {
    let desk = Desk::new().await;
    desk.put("a.png", encode(&picture(3, width, height), ImageFormat::Png));
    desk.import(&desk.desk()).await;
    let artwork = desk.artworks().await[0].id;
    (desk, artwork)
}

#[tokio::test]
async fn a_thumbnail_shows_all_of_the_picture_or_the_part_that_is_trained_on() {
    let (desk, artwork) = desk_with(1200, 800).await;
    let thumbnails = Thumbnails::default();
    let crop = Crop {
        left_px: 100,
        top_px: 0,
        width_px: 800,
        height_px: 400,
    };
    artworks::set_crop(&desk.library, artwork, Some(crop), 1).await.unwrap();
    let shown = |cropped| thumbnails::artwork(&desk.library, artwork, cropped);
    let size = async |cropped, side| {
        let picture = shown(cropped).await.unwrap();
        let file = thumbnails.file(&desk.library, &picture, side).await.unwrap();
        image::image_dimensions(file).unwrap()
    };
    assert_eq!(size(false, Some(Side::Small)).await, (256, 171));
    assert_eq!(size(true, Some(Side::Large)).await, (256, 512));
    assert_eq!(size(true, None).await, (400, 800));
    let whole = shown(false).await.unwrap();
    let file = thumbnails.file(&desk.library, &whole, None).await.unwrap();
    assert_eq!(file, desk.artworks().await[0].path);
}

#[tokio::test]
async fn a_picture_that_many_ask_for_is_made_once() {
    let (desk, artwork) = desk_with(900, 900).await;
    let thumbnails = Thumbnails::default();
    let picture = thumbnails::artwork(&desk.library, artwork, false).await.unwrap();
    let asked = (0..20).map(|_| thumbnails.file(&desk.library, &picture, Some(Side::Small)));
    let files = futures_util::future::try_join_all(asked).await.unwrap();
    assert!(files.windows(2).all(|pair| pair[0] == pair[1]));
    let made = fs::metadata(&files[0]).unwrap().modified().unwrap();
    thumbnails
        .file(&desk.library, &picture, Some(Side::Small))
        .await
        .unwrap();
    assert_eq!(fs::metadata(&files[0]).unwrap().modified().unwrap(), made);
    let shelf = files[0].parent().unwrap();
    assert_eq!(fs::read_dir(shelf).unwrap().count(), 1, "nothing half-made is left");
}

#[tokio::test]
async fn what_a_power_cut_left_empty_is_made_anew() {
    let (desk, artwork) = desk_with(300, 300).await;
    let thumbnails = Thumbnails::default();
    let picture = thumbnails::artwork(&desk.library, artwork, false).await.unwrap();
    let file = thumbnails
        .file(&desk.library, &picture, Some(Side::Small))
        .await
        .unwrap();
    fs::write(&file, "").unwrap();
    thumbnails
        .file(&desk.library, &picture, Some(Side::Small))
        .await
        .unwrap();
    assert_eq!(image::image_dimensions(&file).unwrap(), (256, 256));
}

#[tokio::test]
async fn a_file_that_is_gone_or_damaged_is_said() {
    let (desk, artwork) = desk_with(300, 300).await;
    let thumbnails = Thumbnails::default();
    let picture = thumbnails::artwork(&desk.library, artwork, false).await.unwrap();
    let path = desk.artworks().await[0].path.clone();
    fs::write(&path, "rubbish").unwrap();
    let small = || thumbnails.file(&desk.library, &picture, Some(Side::Small));
    assert!(matches!(
        small().await.unwrap_err().refusal(),
        Refusal::ArtworkDamaged { .. }
    ));
    fs::remove_file(&path).unwrap();
    assert!(matches!(
        small().await.unwrap_err().refusal(),
        Refusal::FileMissing { .. }
    ));
}
