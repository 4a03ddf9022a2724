//! Sample projects, and styles that come and go.

use atelier_studio::artworks;
use atelier_studio::contract::Refusal;
use atelier_studio::gallery::{self, GalleryFilter};
use atelier_studio::picture::signature::{self, SHARE_MIN, SignatureFacts};
use atelier_studio::thumbnails::{Side, Thumbnails};
use atelier_studio::{samples, styles};
use chrono::{TimeDelta, Utc};
use image::{ImageFormat, RgbaImage};

use crate::made::{database, made};
use crate::pictures::{Desk, encode, png};

#[tokio::test]
async fn a_sample_is_a_style_that_is_ready_to_be_trained() {
    let desk = Desk::new().await;
    let offered = samples::list(&desk.config);
    assert_eq!(offered.len(), 3);
    let sample = &offered[0];
    assert_eq!((sample.id.as_str(), sample.name.as_str()), ("neon-night", "Iris Volt"));
    let picture = samples::picture(&desk.config, &sample.id, 0).unwrap();
    let small = Thumbnails::default()
        .shipped(&desk.library, &picture, Side::Small)
        .await;
    assert_eq!(image::image_dimensions(small.unwrap()).unwrap(), (256, 256));
    assert!(samples::picture(&desk.config, &sample.id, sample.artworks).is_err());

    let style = samples::open(&desk.library, &desk.config, &sample.id).await.unwrap();
    assert_eq!(style.valid_artworks, sample.artworks);
    style.require_ready().unwrap();
    let all = artworks::valid(&desk.library, style.id).await.unwrap();
    assert!(all.iter().all(|artwork| !artwork.tags.is_empty()));

    artworks::remove(&desk.library, &[all[0].id]).await.unwrap();
    let again = samples::open(&desk.library, &desk.config, &sample.id).await.unwrap();
    assert_eq!((again.id, again.valid_artworks), (style.id, sample.artworks - 1));
    let unknown = samples::open(&desk.library, &desk.config, "nobody").await.unwrap_err();
    assert!(matches!(unknown.refusal(), Refusal::FileMissing { .. }));
}

#[tokio::test]
async fn a_sample_is_shown_also_where_no_thumbnail_can_be_kept() {
    let desk = Desk::new().await;
    let picture = samples::picture(&desk.config, "neon-night", 0).unwrap();
    std::fs::write(desk.library.folder().join("thumbnails"), b"in the way of the folder").unwrap();
    let shown = Thumbnails::default()
        .shipped(&desk.library, &picture, Side::Small)
        .await;
    assert_eq!(shown.unwrap(), picture);
}

#[tokio::test]
async fn a_removed_style_comes_back_also_when_its_name_was_taken() {
    let desk = Desk::new().await;
    let style = desk.style().await;
    styles::remove(&desk.library, style.id).await.unwrap();
    assert!(styles::list(&desk.library).await.unwrap().is_empty());
    let unknown = styles::show(&desk.library, style.id).await.unwrap_err();
    assert!(matches!(unknown.refusal(), Refusal::StyleUnknown { .. }));
    assert_eq!(styles::restore(&desk.library, style.id).await.unwrap().name, "inkwell");

    styles::remove(&desk.library, style.id).await.unwrap();
    let successor = styles::create(&desk.library, "inkwell", "starter").await.unwrap();
    let back = styles::restore(&desk.library, style.id).await.unwrap();
    assert_eq!(back.name, format!("inkwell removed {}", style.id));
    assert_ne!(successor.id, back.id);
}

#[tokio::test]
async fn a_removed_style_is_listed_for_a_month_and_then_goes_without_the_pictures_made_with_it() {
    let desk = Desk::new().await;
    let db = database(&desk.config.data).await;
    desk.import(&desk.put("a.png", png(1))).await;
    let (style, artwork) = (desk.style().await.id, desk.artworks().await.remove(0));
    let lora = desk.library.path_of("styles/ab/cd.safetensors");
    std::fs::create_dir_all(lora.parent().unwrap()).unwrap();
    std::fs::write(&lora, "a style").unwrap();
    let picture = made("fox").insert(&desk, &db).await;
    sqlx::query("UPDATE styles SET model_path = 'styles/ab/cd.safetensors'")
        .execute(&db)
        .await
        .unwrap();
    sqlx::query("UPDATE generations SET style_id = $1")
        .bind(style.get())
        .execute(&db)
        .await
        .unwrap();
    let in_days = |days| styles::sweep(&desk.library, Utc::now() + TimeDelta::days(days));

    styles::remove(&desk.library, style).await.unwrap();
    let listed = styles::removed(&desk.library).await.unwrap();
    assert_eq!((listed.len(), listed[0].id, listed[0].artworks), (1, style, 1));
    assert!(listed[0].is_trained && listed[0].name == "inkwell");
    assert_eq!(in_days(29).await.unwrap(), 0);
    styles::restore(&desk.library, style).await.unwrap();
    assert!(styles::removed(&desk.library).await.unwrap().is_empty());
    assert_eq!(in_days(31).await.unwrap(), 0, "what came back stays");

    styles::remove(&desk.library, style).await.unwrap();
    sqlx::query("UPDATE styles SET removed_at = NULL")
        .execute(&db)
        .await
        .unwrap();
    assert_eq!(
        in_days(31).await.unwrap(),
        0,
        "it was dated by nobody, so it is dated now"
    );
    assert_eq!(in_days(62).await.unwrap(), 1);
    let gone = styles::restore(&desk.library, style).await.unwrap_err();
    assert!(matches!(gone.refusal(), Refusal::StyleUnknown { .. }));
    assert!(!artwork.path.exists() && !lora.exists());
    let kept = gallery::find(&desk.library, &GalleryFilter::default()).await.unwrap();
    assert_eq!(kept, [picture]);
    assert!(gallery::show(&desk.library, picture).await.unwrap().path.is_file());
}

#[tokio::test]
async fn a_signature_is_kept_within_its_bounds() {
    let desk = Desk::new().await;
    let facts = signature::facts(&desk.library).unwrap();
    assert!(!facts.image && facts.artist.is_empty());
    let refusal = |answer: Result<SignatureFacts, atelier_studio::Error>| answer.unwrap_err().refusal();
    let set = |bytes: &[u8]| signature::set_image(&desk.library, "drawing".as_ref(), bytes);
    assert!(matches!(refusal(set(b"rubbish")), Refusal::ArtworkFormatUnknown { .. }));
    let empty = encode(&RgbaImage::new(20, 20).into(), ImageFormat::Png);
    assert!(matches!(refusal(set(&empty)), Refusal::SignatureEmpty { .. }));
    let missing = signature::image_path(&desk.library).unwrap_err();
    assert!(matches!(missing.refusal(), Refusal::SignatureMissing {}));

    let ink = encode(
        &RgbaImage::from_pixel(20, 20, image::Rgba([0, 0, 0, 90])).into(),
        ImageFormat::Png,
    );
    let gone = signature::set_image_file(&desk.library, &desk.desk().join("gone.png"));
    assert!(matches!(refusal(gone), Refusal::PathMissing { .. }));
    // A folder is as little readable as a file of somebody else.
    let folder = signature::set_image_file(&desk.library, desk.library.folder());
    assert!(matches!(refusal(folder), Refusal::PathNotReadable { .. }));
    let file = desk.put("ink.png", &ink);
    assert!(signature::set_image_file(&desk.library, &file).unwrap().image);
    assert!(signature::image_path(&desk.library).unwrap().is_file());
    let wide = SignatureFacts {
        width: 0.5,
        ..signature::facts(&desk.library).unwrap()
    };
    signature::set_facts(&desk.library, &wide).unwrap();
    for width in [0.0, SHARE_MIN / 2.0, 1.1, f64::NAN] {
        let facts = SignatureFacts { width, ..wide.clone() };
        let refused = refusal(signature::set_facts(&desk.library, &facts));
        assert!(matches!(refused, Refusal::NumberOutOfRange { .. }), "{width}");
    }
    assert_eq!(
        signature::set_image_file(&desk.library, &file).unwrap(),
        wide,
        "a new drawing keeps the place"
    );
    assert!(!signature::clear(&desk.library).unwrap().image);
}
