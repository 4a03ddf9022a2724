//! Bringing pictures in: what is taken, what is refused, and what is said about it.

use atelier_studio::artworks::{self, ARTWORK_BYTES_MAX};
use atelier_studio::contract::Refusal;
use image::ImageFormat;
use tokio_util::sync::CancellationToken;

use crate::pictures::{Desk, encode, jpeg_with_exif, picture, png, png_header};

/// The only refusal of importing this content alone.
async fn refusal_of(name: &str, content: &[u8]) -> Refusal {
    let desk = Desk::new().await;
    let file = desk.put(name, content);
    let mut report = desk.import(&file).await;
    assert!(report.imported.is_empty() && desk.artworks().await.is_empty());
    assert_eq!(report.refused.len(), 1);
    report.refused.pop().unwrap()
}

#[tokio::test]
async fn a_truncated_picture_of_any_format_is_refused() {
    for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP] {
        let whole = encode(&picture(1, 200, 200), format);
        for length in [whole.len() * 9 / 10, whole.len() / 2, 40] {
            let refusal = refusal_of("cut.png", &whole[..length]).await;
            assert!(
                matches!(refusal, Refusal::ArtworkDamaged { .. }),
                "{format:?} {length}: {refusal:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_header_of_60000_by_60000_pixels_is_refused_before_anything_is_decoded() {
    let refusal = refusal_of("huge.png", &png_header(60_000, 60_000)).await;
    assert!(
        matches!(
            refusal,
            Refusal::ArtworkTooManyPixels {
                width_px: 60_000,
                height_px: 60_000,
                ..
            }
        ),
        "{refusal:?}"
    );
}

#[tokio::test]
async fn text_with_the_name_of_a_picture_is_refused() {
    let refusal = refusal_of("notes.jpg", b"dear diary, this is no picture at all").await;
    assert!(matches!(refusal, Refusal::ArtworkFormatUnknown { .. }), "{refusal:?}");
}

#[tokio::test]
async fn a_file_over_ten_megabytes_is_refused_unread() {
    let refusal = refusal_of("big.png", &vec![0; 1 + usize::try_from(ARTWORK_BYTES_MAX).unwrap()]).await;
    assert!(matches!(refusal, Refusal::ArtworkTooLarge { .. }), "{refusal:?}");
}

#[tokio::test]
async fn a_path_that_is_not_there_is_named() {
    let desk = Desk::new().await;
    let report = desk.import(&desk.desk().join("nowhere")).await;
    assert!(matches!(&report.refused[..], [Refusal::PathMissing { path }] if path.ends_with("nowhere")));
}

#[tokio::test]
async fn content_decides_about_the_format_and_bad_files_do_not_stop_good_ones() {
    let desk = Desk::new().await;
    desk.put("a/one.jpg", png(1));
    desk.put("a/two", encode(&picture(2, 150, 170), ImageFormat::WebP));
    desk.put("a/three.jpeg", "no picture");
    desk.put("a/readme.md", "hello");
    let report = desk.import(&desk.desk()).await;
    assert_eq!(
        (report.imported.len(), report.refused.len(), report.passed_over.len()),
        (2, 1, 1)
    );
    assert!(!report.nsfw_checked);
    let artworks = desk.artworks().await;
    assert!(
        artworks
            .iter()
            .all(|artwork| artwork.is_valid && artwork.path.is_file())
    );
    assert_eq!(artworks[0].path.extension().unwrap(), "png");
}

#[tokio::test]
async fn importing_again_changes_nothing() {
    let desk = Desk::new().await;
    for seed in 0..5 {
        desk.put(&format!("{seed}.png"), png(seed));
    }
    desk.put("copy-of-0.png", png(0));
    let first = desk.import(&desk.desk()).await;
    let before = desk.artworks().await;
    let again = desk.import(&desk.desk()).await;
    assert_eq!((first.imported.len(), first.already_there.len()), (5, 1));
    assert_eq!((again.imported.len(), again.already_there.len()), (0, 6));
    assert_eq!(desk.artworks().await, before);
}

#[tokio::test]
async fn a_small_artwork_is_kept_with_the_reason_why_it_is_not_valid() {
    let desk = Desk::with_base_model("some-sd15").await;
    let file = desk.put("small.png", encode(&picture(1, 600, 511), ImageFormat::Png));
    let report = desk.import(&file).await;
    let artworks = desk.artworks().await;
    assert!(!artworks[0].is_valid);
    assert_eq!(artworks[0].validation_reason, report.imported[0].reason);
    assert!(matches!(
        artworks[0].validation_reason,
        Some(Refusal::ArtworkTooSmall {
            width_px: 600,
            height_px: 511,
            side_px_min: 512,
            ..
        })
    ));
    let style = desk.style().await;
    assert_eq!((style.valid_artworks, style.invalid_artworks), (0, 1));
}

#[tokio::test]
async fn the_starter_model_takes_artworks_of_its_own_size() {
    let desk = Desk::new().await;
    desk.put("a.png", encode(&picture(1, 128, 128), ImageFormat::Png));
    desk.put("b.png", encode(&picture(2, 127, 128), ImageFormat::Png));
    desk.import(&desk.desk()).await;
    let valid: Vec<_> = desk.artworks().await.iter().map(|artwork| artwork.is_valid).collect();
    assert_eq!(valid, [true, false]);
}

#[tokio::test]
async fn a_copy_in_another_size_and_format_is_a_near_duplicate_and_another_picture_is_not() {
    let desk = Desk::new().await;
    let original = picture(1, 400, 300);
    desk.put("1.png", encode(&original, ImageFormat::Png));
    let copy = original.resize_exact(260, 195, image::imageops::FilterType::Triangle);
    desk.put("2.jpg", encode(&copy, ImageFormat::Jpeg));
    desk.put("3.png", encode(&picture(2, 400, 300), ImageFormat::Png));
    desk.import(&desk.desk()).await;
    let artworks = desk.artworks().await;
    assert_eq!(
        artworks.iter().map(|artwork| artwork.is_valid).collect::<Vec<_>>(),
        [true, false, true]
    );
    assert!(matches!(
        &artworks[1].validation_reason,
        Some(Refusal::ArtworkNearDuplicate { other_file, .. }) if other_file == "1.png"
    ));

    artworks::remove(&desk.library, &[artworks[0].id]).await.unwrap();
    let left = desk.artworks().await;
    assert!(
        left.len() == 2 && left[0].is_valid,
        "the copy is valid when it is alone"
    );
}

#[tokio::test]
async fn a_copy_that_comes_together_with_a_removed_original_is_a_near_duplicate_also_in_the_report() {
    for copy in ["0-copy.jpg", "2-copy.jpg"] {
        let desk = Desk::new().await;
        let original = picture(1, 400, 300);
        let file = desk.put("1.png", encode(&original, ImageFormat::Png));
        desk.import(&file).await;
        artworks::remove(&desk.library, &[desk.artworks().await[0].id])
            .await
            .unwrap();
        desk.put(copy, encode(&original, ImageFormat::Jpeg));
        let report = desk.import(&desk.desk()).await;
        let reason = &report.imported[0].reason;
        assert!(
            matches!(reason, Some(Refusal::ArtworkNearDuplicate { .. })),
            "{report:?}"
        );
        assert_eq!(&desk.artworks().await[1].validation_reason, reason);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_whose_original_is_removed_while_it_comes_in_is_valid() {
    let desk = Desk::new().await;
    let original = picture(1, 400, 300);
    let file = desk.put("0.png", encode(&original, ImageFormat::Png));
    desk.import(&file).await;
    let first = [desk.artworks().await[0].id];
    desk.put("1.png", png(2));
    desk.put("2.jpg", encode(&original, ImageFormat::Jpeg));
    let remove = |done, _| {
        if done == 1 {
            let removed = artworks::remove(&desk.library, &first);
            tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(removed)).unwrap();
        }
    };
    let paths = ["1.png", "2.jpg"].map(|name| desk.desk().join(name));
    let (style, cancel) = (desk.style().await, CancellationToken::new());
    let report = artworks::import(&desk.library, &style, &paths, &cancel, remove)
        .await
        .unwrap();
    assert_eq!((report.imported.len(), &report.imported[1].reason), (2, &None));
    assert!(desk.artworks().await.iter().all(|artwork| artwork.is_valid));
}

#[tokio::test]
async fn orientation_is_applied_and_the_place_is_dropped() {
    let desk = Desk::new().await;
    let original = picture(7, 300, 200);
    let turned = desk.put("turned.jpg", jpeg_with_exif(&original, 6));
    let upright = desk.put("upright.jpg", jpeg_with_exif(&picture(8, 300, 200), 1));
    for (file, size) in [(turned, (200, 300)), (upright, (300, 200))] {
        let source = std::fs::read(&file).unwrap();
        assert!(source.windows(4).any(|bytes| bytes == b"Exif"));
        desk.import(&file).await;
        let artwork = desk.artworks().await.pop().unwrap();
        let stored = std::fs::read(&artwork.path).unwrap();
        assert_eq!((artwork.width_px, artwork.height_px), size);
        assert!(!stored.windows(4).any(|bytes| bytes == b"Exif"));
        let mut expected = image::load_from_memory(&source).unwrap();
        if size == (200, 300) {
            expected = expected.rotate90();
        }
        assert_eq!(
            image::load_from_memory(&stored).unwrap().to_rgb8(),
            expected.to_rgb8(),
            "not one pixel changes"
        );
        assert_eq!(
            std::fs::read(&file).unwrap(),
            source,
            "the person's own file is left alone"
        );
    }
}

#[tokio::test]
async fn text_in_a_png_is_dropped() {
    let desk = Desk::new().await;
    let plain = png(3);
    let text = [&9_u32.to_be_bytes()[..], b"tEXtAuthor\0me", &[0; 4]].concat();
    let file = desk.put("a.png", [&plain[..33], &text, &plain[33..]].concat());
    // The checksum is wrong, which decoders forgive in parts that they do not need.
    let report = desk.import(&file).await;
    assert_eq!(report.imported.len(), 1, "{report:?}");
    assert_eq!(std::fs::read(&desk.artworks().await[0].path).unwrap(), plain);
}

#[tokio::test]
async fn a_kohya_folder_gives_captions_and_says_which_folder_gives_nothing() {
    let desk = Desk::new().await;
    desk.put("set/10_misty harbour/a.png", png(1));
    desk.put(
        "set/10_misty harbour/a.txt",
        "Boat, calm_water, \u{bc14}\u{b2e4}\nsecond line, ignored\n",
    );
    desk.put("set/10_misty harbour/b.png", png(2));
    desk.put("set/10_misty harbour/b.caption", "inkwell, gull");
    desk.put("set/10_misty harbour/c.png", png(3));
    desk.put("set/20_lost/notes.txt", "nothing here");
    let report = desk.import(&desk.desk().join("set")).await;
    let tags: Vec<_> = desk
        .artworks()
        .await
        .into_iter()
        .map(|artwork| artwork.tags.join("|"))
        .collect();
    assert_eq!(tags, ["boat|calm water", "inkwell|gull", "misty harbour"]);
    assert!(matches!(&report.tags_refused[0].refusal, Refusal::TagNotEnglish { tag } if tag == "바다"));
    assert!(
        matches!(&report.refused[..], [Refusal::FolderWithoutArtworks { folder }] if folder.ends_with("20_lost")),
        "{:?}",
        report.refused
    );
}

#[tokio::test]
async fn an_import_that_was_ended_says_what_it_did_not_look_at() {
    let desk = Desk::new().await;
    for seed in 0..60 {
        desk.put(&format!("{seed}.png"), png(seed));
    }
    let cancel = CancellationToken::new();
    let tell = |_, _| cancel.cancel();
    let report = artworks::import(&desk.library, &desk.style().await, &[desk.desk()], &cancel, tell)
        .await
        .unwrap();
    assert!(!report.imported.is_empty(), "what was begun is taken in");
    assert_eq!(report.imported.len() + report.not_reached, 60);
    assert_eq!(desk.artworks().await.len(), report.imported.len());
    let again = desk.import(&desk.desk()).await;
    assert_eq!(again.imported.len(), report.not_reached);
}

#[tokio::test]
async fn a_data_set_that_was_exported_comes_back_with_the_same_tags() {
    let desk = Desk::new().await;
    for i in 1..=4 {
        desk.put(&format!("in/{i}.png"), encode(&picture(i, 200, 160), ImageFormat::Png));
    }
    desk.put("in/1.txt", "sea, old lighthouse");
    desk.put("in/2.txt", "harbour");
    desk.put("in/3.txt", "");
    desk.import(&desk.desk().join("in")).await;
    let before = desk.artworks().await;
    let (cropped, turned) = (before[0].id, before[1].id);
    let crop = artworks::Crop {
        left_px: 20,
        top_px: 10,
        width_px: 140,
        height_px: 130,
    };
    artworks::set_crop(&desk.library, cropped, Some(crop), 1).await.unwrap();
    artworks::set_crop(&desk.library, turned, None, 2).await.unwrap();
    artworks::remove(&desk.library, &[before[3].id]).await.unwrap();

    let out = desk.desk().join("out");
    let exported = artworks::export(&desk.library, &desk.style().await, 12, &out)
        .await
        .unwrap();
    assert_eq!(
        (exported.folder.clone(), exported.artworks),
        (out.join("12_inkwell"), 3)
    );
    let open = |name: &str| image::open(exported.folder.join(name)).unwrap().into_rgb8();
    let original = |i: u32| picture(i, 200, 160);
    assert_eq!(
        open("00001.png"),
        original(1).crop_imm(20, 10, 140, 130).rotate90().into_rgb8()
    );
    assert_eq!(open("00002.png"), original(2).rotate180().into_rgb8());
    assert_eq!(
        std::fs::read(exported.folder.join("00003.png")).unwrap(),
        std::fs::read(&before[2].path).unwrap()
    );

    let again = artworks::export(&desk.library, &desk.style().await, 12, &out)
        .await
        .unwrap_err();
    assert!(matches!(again.refusal(), Refusal::FileExists { .. }));
    let names = std::fs::read_dir(&out).unwrap().count();
    assert_eq!(names, 1, "nothing half is left");

    let other = Desk::new().await;
    let report = other.import(&out).await;
    assert!(report.refused.is_empty() && report.passed_over.is_empty(), "{report:?}");
    let tags: Vec<_> = other.artworks().await.into_iter().map(|artwork| artwork.tags).collect();
    assert_eq!(tags, [vec!["sea", "old lighthouse"], vec!["harbour"], vec![]]);
}

#[tokio::test]
async fn what_is_transparent_is_exported_on_paper() {
    let desk = Desk::new().await;
    let mut clear = picture(5, 200, 160).into_rgba8();
    clear.get_pixel_mut(3, 4).0[3] = 0;
    desk.import(&desk.put("clear.png", encode(&clear.into(), ImageFormat::Png)))
        .await;
    let out = desk.desk().join("out");
    let exported = artworks::export(&desk.library, &desk.style().await, 1, &out)
        .await
        .unwrap();
    let written = image::open(exported.folder.join("00001.png")).unwrap();
    assert!(!written.color().has_alpha());
    assert_eq!(written.into_rgb8().get_pixel(3, 4).0, [255; 3]);
}

#[tokio::test]
async fn a_style_without_artworks_is_not_exported() {
    let desk = Desk::new().await;
    let out = desk.desk().join("out");
    let refused = artworks::export(&desk.library, &desk.style().await, 10, &out)
        .await
        .unwrap_err();
    assert!(matches!(refused.refusal(), Refusal::StyleTooFewArtworks { .. }));
    assert!(!out.exists());
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_name_that_is_no_unicode_is_reported_as_far_as_it_can_be_read() {
    use std::os::unix::ffi::OsStrExt;
    let desk = Desk::new().await;
    let name = std::ffi::OsStr::from_bytes(b"\xb1\xd7\xb8\xb2");
    for (ending, content) in [("png", png(1)), ("doc", b"notes".to_vec())] {
        let mut name = name.to_owned();
        name.push(format!(".{ending}"));
        std::fs::create_dir_all(desk.desk()).unwrap();
        std::fs::write(desk.desk().join(name), content).unwrap();
    }
    let report = desk.import(&desk.desk()).await;
    assert_eq!((report.imported.len(), report.passed_over.len()), (1, 1));
    let told = serde_json::to_value(&report).unwrap();
    assert!(
        told["imported"][0]["path"].as_str().unwrap().ends_with(".png"),
        "{told}"
    );
}
