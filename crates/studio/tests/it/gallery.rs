//! The gallery: finding, rating, removing, exporting.

use std::path::Path;

use atelier_studio::contract::{GenerationId, Refusal};
use atelier_studio::gallery::{self, GalleryFilter, Signatures};
use atelier_studio::generations::{self, Order};
use atelier_studio::inspect::inspect;
use atelier_studio::picture::signature::{self, Corner, SignatureFacts};
use atelier_studio::thumbnails::{self, Side, Thumbnails};
use atelier_studio::worker::Workshop;
use atelier_studio::{Work, styles};
use chrono::{TimeDelta, Utc};
use image::{Rgba, RgbaImage};
use sqlx::SqlitePool;

use crate::made::{Made, database, made};
use crate::pictures::{Desk, encode, open};

async fn found(desk: &Desk, filter: GalleryFilter) -> Vec<GenerationId> {
    gallery::find(&desk.library, &filter).await.unwrap()
}

fn text(text: &str) -> GalleryFilter {
    GalleryFilter {
        text: text.to_owned(),
        ..GalleryFilter::default()
    }
}

#[tokio::test]
async fn pictures_are_found_newest_first_by_any_word_of_their_prompt() {
    let desk = Desk::new().await;
    let db = database(&desk.config.data).await;
    let castle = made("castle, red, night").insert(&desk, &db).await;
    let cat = made("orange cat, night").insert(&desk, &db).await;
    assert_eq!(found(&desk, GalleryFilter::default()).await, [cat, castle]);
    assert_eq!(found(&desk, text("cas")).await, [castle]);
    assert_eq!(found(&desk, text("NIGHT")).await, [cat, castle]);
    assert_eq!(found(&desk, text("night, oran")).await, [cat]);
    assert_eq!(found(&desk, text("ca")).await, [cat, castle]);
    assert_eq!(found(&desk, text("\" OR castle* NEAR(")).await, []);
    assert_eq!(found(&desk, text("dog")).await, []);
}

#[tokio::test]
async fn the_latest_pictures_are_as_many_as_were_asked_for() {
    let desk = Desk::new().await;
    let db = database(&desk.config.data).await;
    let mut ids = Vec::new();
    for seed in 0..4 {
        ids.push(Made { seed, ..made("fox") }.insert(&desk, &db).await);
    }
    gallery::remove(&desk.library, &ids[2..3]).await.unwrap();
    let latest = async |limit| {
        let cards = gallery::latest(&desk.library, limit).await.unwrap();
        cards.iter().map(|card| card.id).collect::<Vec<_>>()
    };
    assert_eq!(latest(2).await, [ids[3], ids[1]]);
    assert_eq!(latest(48).await, [ids[3], ids[1], ids[0]]);
}

#[tokio::test]
async fn filters_narrow_each_other() {
    let desk = Desk::new().await;
    styles::create(&desk.library, "neon", "starter").await.unwrap();
    let db = database(&desk.config.data).await;
    let spring = Made {
        created_at: "2026-03-01T00:00:00.000Z",
        ..made("fox, snow")
    };
    let spring = spring.insert(&desk, &db).await;
    let both = Made {
        styles: &["inkwell", "neon"],
        ..made("fox, sea")
    };
    let both = both.insert(&desk, &db).await;
    let neon = styles::find(&desk.library, "neon").await.unwrap().id;
    let by = |filter: GalleryFilter| found(&desk, filter);
    let all = GalleryFilter::default;
    assert_eq!(
        by(GalleryFilter {
            style: Some(neon),
            ..all()
        })
        .await,
        [both]
    );
    assert_eq!(
        by(GalleryFilter {
            tags: vec!["Fox".into()],
            ..all()
        })
        .await,
        [both, spring]
    );
    assert_eq!(
        by(GalleryFilter {
            tags: vec!["fox".into(), "snow".into()],
            ..all()
        })
        .await,
        [spring]
    );
    assert_eq!(
        by(GalleryFilter {
            from: Some("2026-03-02".into()),
            ..all()
        })
        .await,
        [both]
    );
    assert_eq!(
        by(GalleryFilter {
            to: Some("2026-03-01T09:00:01+09:00".into()),
            ..all()
        })
        .await,
        [spring]
    );
    assert_eq!(
        by(GalleryFilter {
            to: Some("2026-03-01".into()),
            ..all()
        })
        .await,
        []
    );
    gallery::rate(&desk.library, &[spring], 4).await.unwrap();
    assert_eq!(
        by(GalleryFilter {
            rating_min: Some(4),
            ..all()
        })
        .await,
        [spring]
    );
    assert_eq!(
        by(GalleryFilter {
            rating_min: Some(5),
            ..all()
        })
        .await,
        []
    );
}

#[tokio::test]
async fn a_picture_tells_how_it_was_made() {
    let desk = Desk::new().await;
    let db = database(&desk.config.data).await;
    let seeded = Made {
        seed: u64::MAX,
        styles: &["inkwell", "gone"],
        ..made("fox, sea")
    };
    let id = seeded.insert(&desk, &db).await;
    let cards = gallery::cards(&desk.library, &[id, 99.try_into().unwrap()])
        .await
        .unwrap();
    assert_eq!(cards.len(), 1);
    assert_eq!((cards[0].width, cards[0].height, cards[0].rating), (96, 64, 0));
    assert_eq!(cards[0].seed, u64::MAX.to_string());
    assert_eq!(cards[0].styles, ["inkwell", "gone"]);
    let shown = gallery::show(&desk.library, id).await.unwrap();
    assert_eq!(shown.negative, ["fog", "two cats"]);
    assert_eq!(shown.tags, ["fox", "sea"]);
    assert_eq!(shown.sampler, "ddim");
    let styles: Vec<_> = shown.styles.iter().map(|style| style.style.is_some()).collect();
    assert_eq!(styles, [true, false]);
    assert!(!shown.signed && shown.bytes > 0 && shown.path.is_file());
}

#[tokio::test]
async fn a_picture_is_not_credited_to_another_style_of_the_same_name() {
    let desk = Desk::new().await;
    let id = made("fox").insert(&desk, &database(&desk.config.data).await).await;
    let style = desk.style().await.id;
    let credited = async || gallery::show(&desk.library, id).await.unwrap().styles.remove(0).style;
    assert_eq!(credited().await, Some(style));
    styles::remove(&desk.library, style).await.unwrap();
    styles::create(&desk.library, "inkwell", "starter").await.unwrap();
    assert_eq!(credited().await, None);
}

#[tokio::test]
async fn what_does_not_exist_is_refused_and_the_rest_left_alone() {
    let desk = Desk::new().await;
    let db = database(&desk.config.data).await;
    let id = made("fox").insert(&desk, &db).await;
    let unknown = GenerationId::try_from(99).unwrap();
    let refused = gallery::rate(&desk.library, &[id, unknown], 3).await.unwrap_err();
    assert!(matches!(
        refused.refusal(),
        Refusal::GenerationUnknown { generation: 99 }
    ));
    let refused = gallery::rate(&desk.library, &[id], 6).await.unwrap_err();
    assert!(matches!(refused.refusal(), Refusal::NumberOutOfRange { .. }));
    assert_eq!(gallery::cards(&desk.library, &[id]).await.unwrap()[0].rating, 0);
    assert!(gallery::remove(&desk.library, &[id, unknown]).await.is_err());
    assert_eq!(found(&desk, GalleryFilter::default()).await, [id]);
}

#[tokio::test]
async fn a_removed_picture_comes_back_with_its_rating_until_it_is_swept() {
    let desk = Desk::new().await;
    let db = database(&desk.config.data).await;
    let id = made("fox").insert(&desk, &db).await;
    let twin = made("owl").insert(&desk, &db).await;
    gallery::rate(&desk.library, &[id], 5).await.unwrap();
    let path = gallery::show(&desk.library, id).await.unwrap().path;
    gallery::remove(&desk.library, &[id]).await.unwrap();
    assert_eq!(found(&desk, GalleryFilter::default()).await, [twin]);
    assert_eq!(found(&desk, text("fox")).await, []);
    let rated = GalleryFilter {
        rating_min: Some(5),
        ..text("fox")
    };
    assert_eq!(found(&desk, rated).await, []);
    let removed = GalleryFilter {
        removed: true,
        ..text("fox")
    };
    assert_eq!(found(&desk, removed).await, [id]);
    assert_eq!(
        gallery::sweep(&desk.library, Utc::now() + TimeDelta::days(29))
            .await
            .unwrap(),
        0
    );
    gallery::restore(&desk.library, &[id]).await.unwrap();
    assert_eq!(gallery::cards(&desk.library, &[id]).await.unwrap()[0].rating, 5);

    let shown = thumbnails::generation(&desk.library, id).await.unwrap();
    let small = Thumbnails::default()
        .file(&desk.library, &shown, Some(Side::Small))
        .await;
    let small = small.unwrap();
    gallery::remove(&desk.library, &[id]).await.unwrap();
    assert_eq!(
        gallery::sweep(&desk.library, Utc::now() + TimeDelta::days(31))
            .await
            .unwrap(),
        1
    );
    assert!(!path.exists() && !small.exists());
    let gone = gallery::restore(&desk.library, &[id]).await.unwrap_err();
    assert!(matches!(gone.refusal(), Refusal::GenerationUnknown { .. }));
    assert_eq!(found(&desk, text("fox")).await, []);
    assert_eq!(found(&desk, text("owl")).await, [twin]);
}

#[tokio::test]
async fn a_file_that_another_picture_shares_survives_the_sweep() {
    let desk = Desk::new().await;
    let db = database(&desk.config.data).await;
    let one = made("fox").insert(&desk, &db).await;
    let same = made("fox").insert(&desk, &db).await;
    gallery::remove(&desk.library, &[one]).await.unwrap();
    gallery::sweep(&desk.library, Utc::now() + TimeDelta::days(31))
        .await
        .unwrap();
    assert!(gallery::show(&desk.library, same).await.unwrap().path.is_file());
}

#[tokio::test]
async fn a_picture_that_cannot_be_taken_away_holds_up_no_other_and_is_tried_again() {
    let desk = Desk::new().await;
    let db = database(&desk.config.data).await;
    let stuck = made("fox").insert(&desk, &db).await;
    let other = Made { seed: 8, ..made("owl") }.insert(&desk, &db).await;
    let path = async |id| gallery::show(&desk.library, id).await.unwrap().path;
    let (stuck_file, other_file) = (path(stuck).await, path(other).await);
    gallery::remove(&desk.library, &[stuck, other]).await.unwrap();
    // A file cannot be taken away where a folder stands.
    std::fs::remove_file(&stuck_file).unwrap();
    std::fs::create_dir(&stuck_file).unwrap();
    let later = Utc::now() + TimeDelta::days(31);
    assert_eq!(gallery::sweep(&desk.library, later).await.unwrap(), 2);
    assert!(!other_file.exists());
    std::fs::remove_dir(&stuck_file).unwrap();
    std::fs::write(&stuck_file, "a picture").unwrap();
    db.close().await;
    drop(desk.library);
    open(&desk.config.data).await;
    assert!(!stuck_file.exists());
}

#[tokio::test]
async fn pictures_made_before_the_gallery_are_found_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let library = folder.path().join("library");
    std::fs::create_dir_all(&library).unwrap();
    let db = SqlitePool::connect(&format!("sqlite:{}?mode=rwc", library.join("library.db").display()))
        .await
        .unwrap();
    let mut old = sqlx::migrate!("../../migrations/library");
    old.migrations.to_mut().retain(|migration| migration.version < 6);
    old.run(&db).await.unwrap();
    sqlx::query("INSERT INTO styles (name) VALUES ('inkwell')")
        .execute(&db)
        .await
        .unwrap();
    let settings = serde_json::to_string(&made("fox").settings()).unwrap();
    sqlx::query(
        "INSERT INTO generations (status, seed, settings, result_url) VALUES ('completed', 1, $1, 'images/ab/c.png')",
    )
    .bind(settings)
    .execute(&db)
    .await
    .unwrap();
    db.close().await;

    let library = open(&library).await;
    let style = styles::find(&library, "inkwell").await.unwrap().id;
    let filter = GalleryFilter {
        style: Some(style),
        ..text("fo")
    };
    assert_eq!(gallery::find(&library, &filter).await.unwrap().len(), 1);
}

#[tokio::test]
async fn an_export_copies_and_never_writes_over() {
    let desk = Desk::new().await;
    let db = database(&desk.config.data).await;
    let id = made("fox").insert(&desk, &db).await;
    let out = desk.desk().join("out");
    let first = gallery::export(&desk.library, &[id], &out, false, &Work::default())
        .await
        .unwrap();
    let second = gallery::export(&desk.library, &[id, id], &out, false, &Work::default())
        .await
        .unwrap();
    let names = |paths: &[std::path::PathBuf]| {
        let name = |path: &std::path::PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
        paths.iter().map(name).collect::<Vec<_>>()
    };
    assert_eq!(names(&first), ["00001-7.png"]);
    assert_eq!(names(&second), ["00001-7 (2).png", "00001-7 (3).png"]);
    let stored = gallery::show(&desk.library, id).await.unwrap().path;
    assert_eq!(std::fs::read(&first[0]).unwrap(), std::fs::read(stored).unwrap());
    let unknown = gallery::export(
        &desk.library,
        &[id, 9.try_into().unwrap()],
        &out,
        false,
        &Work::default(),
    )
    .await;
    assert!(matches!(
        unknown.unwrap_err().refusal(),
        Refusal::GenerationUnknown { generation: 9 }
    ));
    assert_eq!(std::fs::read_dir(&out).unwrap().count(), 3);
}

#[tokio::test]
async fn a_signed_export_has_the_signature_and_a_record_that_says_so() {
    let desk = Desk::new().await;
    let db = database(&desk.config.data).await;
    let id = made("fox").insert(&desk, &db).await;
    let out = desk.desk().join("out");
    let missing = gallery::export(&desk.library, &[id], &out, true, &Work::default())
        .await
        .unwrap_err();
    assert!(matches!(missing.refusal(), Refusal::SignatureMissing {}));
    assert!(!out.exists());

    let ink = RgbaImage::from_pixel(30, 10, Rgba([255, 0, 0, 255]));
    let drawing = encode(&ink.into(), image::ImageFormat::Png);
    signature::set_image(&desk.library, Path::new("drawing"), &drawing).unwrap();
    let wanted = SignatureFacts {
        artist: " Iris ".into(),
        image: true,
        corner: Corner::TopLeft,
        width: 0.25,
        opacity: 1.0,
    };
    let facts = signature::set_facts(&desk.library, &wanted).unwrap();
    assert_eq!((facts.artist.as_str(), facts.corner), ("Iris", Corner::TopLeft));

    let signed = gallery::export(&desk.library, &[id], &out, true, &Work::default())
        .await
        .unwrap()
        .remove(0);
    let read = inspect(&signed).unwrap();
    let record = read.provenance.unwrap();
    assert_eq!(read.pixels_intact, Some(true));
    assert_eq!((record.seed, record.prompt.as_str()), (7, "inkwell, fox"));
    assert_eq!(record.signature.unwrap().corner, Corner::TopLeft);
    assert!(read.parameters.unwrap().to_string().contains("Seed: 7"));
    let pixel = *image::open(&signed).unwrap().into_rgb8().get_pixel(6, 6);
    assert_eq!(pixel.0, [255, 0, 0]);
    let stored = gallery::show(&desk.library, id).await.unwrap();
    assert!(!stored.signed, "the library's own file stays as it is");
}

#[tokio::test]
async fn a_picture_is_signed_once() {
    let desk = Desk::new().await;
    let db = database(&desk.config.data).await;
    let ink = RgbaImage::from_pixel(30, 10, Rgba([0, 0, 255, 255]));
    let drawing = encode(&ink.into(), image::ImageFormat::Png);
    signature::set_image(&desk.library, Path::new("drawing"), &drawing).unwrap();
    let id = made("fox").insert(&desk, &db).await;
    let out = desk.desk().join("out");
    let signed = gallery::export(&desk.library, &[id], &out, true, &Work::default())
        .await
        .unwrap()
        .remove(0);
    // The library's file becomes the signed one, as it is when a style's picture is made.
    let bytes = std::fs::read(&signed).unwrap();
    let url = desk.library.store_picture(&bytes, "png").unwrap();
    sqlx::query("UPDATE generations SET result_url = $1")
        .bind(url)
        .execute(&db)
        .await
        .unwrap();
    assert!(gallery::show(&desk.library, id).await.unwrap().signed);
    let again = gallery::export(&desk.library, &[id], &out, true, &Work::default())
        .await
        .unwrap()
        .remove(0);
    assert_eq!(std::fs::read(&again).unwrap(), bytes);
    signature::clear(&desk.library).unwrap();
    let later = gallery::export(&desk.library, &[id], &out, true, &Work::default())
        .await
        .unwrap()
        .remove(0);
    assert_eq!(std::fs::read(&later).unwrap(), bytes);
}

#[tokio::test]
async fn an_export_that_was_ended_gives_the_copies_that_it_made() {
    let desk = Desk::new().await;
    let db = database(&desk.config.data).await;
    let id = made("fox").insert(&desk, &db).await;
    let out = desk.desk().join("out");
    let work = Work::default();
    work.cancel().cancel();
    let copies = gallery::export(&desk.library, &[id, id], &out, false, &work)
        .await
        .unwrap();
    assert_eq!(copies.len(), 0);
    assert_eq!(std::fs::read_dir(&out).unwrap().count(), 0);
}

#[tokio::test]
async fn before_an_export_it_is_known_what_is_signed_and_what_is_another_artists() {
    let desk = Desk::new().await;
    let db = database(&desk.config.data).await;
    let plain = made("fox").insert(&desk, &db).await;
    let of_nobody = Made {
        styles: &[],
        ..made("fox, sea")
    };
    let of_nobody = of_nobody.insert(&desk, &db).await;
    let ids = [plain, of_nobody];
    let found = gallery::signatures(&desk.library, &ids).await.unwrap();
    assert_eq!(found, Signatures::default());

    let ink = RgbaImage::from_pixel(30, 10, Rgba([0, 0, 255, 255]));
    let drawing = encode(&ink.into(), image::ImageFormat::Png);
    signature::set_image(&desk.library, Path::new("drawing"), &drawing).unwrap();
    let out = desk.desk().join("out");
    let signed = gallery::export(&desk.library, &[plain], &out, true, &Work::default())
        .await
        .unwrap()
        .remove(0);
    let url = desk
        .library
        .store_picture(&std::fs::read(signed).unwrap(), "png")
        .unwrap();
    sqlx::query("UPDATE generations SET result_url = $1 WHERE id = $2")
        .bind(url)
        .bind(plain.get())
        .execute(&db)
        .await
        .unwrap();
    let found = gallery::signatures(&desk.library, &ids).await.unwrap();
    assert_eq!((found.signed, found.imported), (1, 0));
}

#[tokio::test]
async fn what_is_made_with_another_artists_style_bears_no_name_of_ours() {
    let desk = Desk::new().await;
    signature::set_artist(&desk.library, "Iris", None).unwrap();
    std::fs::create_dir_all(desk.library.folder().join("styles")).unwrap();
    for (name, own) in [("neon", false), ("ink", true)] {
        let url = format!("styles/{name}.safetensors");
        std::fs::write(desk.library.path_of(&url), name).unwrap();
        let style = styles::create_trained(&desk.library, name, "starter", &url, own)
            .await
            .unwrap();
        assert_eq!(style.imported, !own);
    }
    let order = Order {
        styles: vec![("neon".into(), 1.0), ("ink".into(), 1.0)],
        count: 1,
        ..Order::default()
    };
    let mut workshop = Workshop::new(&desk.config.programs, None);
    generations::place(&desk.library, &desk.config, &mut workshop, &order)
        .await
        .unwrap();
    let db = database(&desk.config.data).await;
    let settings: String = sqlx::query_scalar("SELECT settings FROM generations")
        .fetch_one(&db)
        .await
        .unwrap();
    let settings: generations::Settings = serde_json::from_str(&settings).unwrap();
    let told: Vec<_> = settings
        .styles
        .iter()
        .map(|style| (style.imported, style.artist.as_deref()))
        .collect();
    assert_eq!(told, [(true, None), (false, Some("Iris"))]);
    // A training of one's own makes the style one's own.
    sqlx::query("UPDATE styles SET model_path = 'styles/trained.safetensors' WHERE name = 'neon'")
        .execute(&db)
        .await
        .unwrap();
    assert!(!styles::find(&desk.library, "neon").await.unwrap().imported);
}
