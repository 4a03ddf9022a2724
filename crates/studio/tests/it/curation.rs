//! Styles, tags, crops and readiness.

use atelier_studio::artworks::{self, Crop};
use atelier_studio::contract::{ArtworkId, Refusal, parse_tags};
use atelier_studio::styles;
use atelier_studio::styles::exchange::{self, Naming, Wanted};
use atelier_studio::tags::{self, TagEdit};
use atelier_studio::worker::Workshop;

use crate::made::database;
use crate::pictures::{Desk, png};

/// A desk with this many valid artworks.
async fn desk_of(count: u32) -> Desk {
    let desk = Desk::new().await;
    for seed in 0..count {
        desk.put(&format!("{seed:03}.png"), png(seed));
    }
    desk.put("none.json", "");
    desk.import(&desk.desk()).await;
    desk
}

async fn ids(desk: &Desk) -> Vec<ArtworkId> {
    desk.artworks().await.iter().map(|artwork| artwork.id).collect()
}

#[tokio::test]
async fn a_style_is_named_by_a_tag_and_once() {
    let desk = Desk::new().await;
    let taken = styles::create(&desk.library, " Inkwell ", "starter").await.unwrap_err();
    assert!(matches!(taken.refusal(), Refusal::StyleNameTaken { style } if style == "inkwell"));
    let korean = styles::create(&desk.library, "수묵", "starter").await.unwrap_err();
    assert!(matches!(korean.refusal(), Refusal::StyleNameNotATag { .. }));
    let unknown = styles::find(&desk.library, "oil").await.unwrap_err();
    assert!(matches!(unknown.refusal(), Refusal::StyleUnknown { .. }));
    assert_eq!(
        tags::of_style(&desk.library, desk.style().await.id).await.unwrap(),
        ["inkwell"]
    );
}

#[tokio::test]
async fn a_style_of_a_lora_is_there_with_its_lora_or_not_at_all() {
    let desk = Desk::new().await;
    let db = database(&desk.config.data).await;
    sqlx::query("CREATE TRIGGER full BEFORE UPDATE OF model_path ON styles BEGIN SELECT RAISE(ABORT, 'no room'); END")
        .execute(&db)
        .await
        .unwrap();
    let failed = styles::create_trained(&desk.library, "neon", "starter", "styles/neon.safetensors", false).await;
    assert!(failed.is_err());
    let unknown = styles::find(&desk.library, "neon").await.unwrap_err();
    assert!(matches!(unknown.refusal(), Refusal::StyleUnknown { .. }));
}

#[tokio::test]
async fn a_lora_under_a_name_that_is_no_styles_is_refused_before_a_worker_looks_at_it() {
    let desk = Desk::new().await;
    let mut workshop = Workshop::new(&desk.desk().join("no programs"), None);
    let import = async |workshop: &mut Workshop, name: &str| {
        let wanted = Wanted {
            file: desk.put("neon.safetensors", "weights"),
            name: Some(name.to_owned()),
            model: "starter".into(),
            own: false,
        };
        let refused = exchange::import(&desk.library, &desk.config, workshop, &wanted).await;
        refused.unwrap_err().refusal()
    };
    let korean = import(&mut workshop, "수묵").await;
    assert!(matches!(korean, Refusal::StyleNameNotATag { .. }), "{korean:?}");
    let taken = import(&mut workshop, "Inkwell").await;
    assert!(matches!(taken, Refusal::StyleNameTaken { .. }), "{taken:?}");
}

#[tokio::test]
async fn a_style_is_written_over_nothing_but_what_a_person_wants_replaced() {
    let desk = Desk::new().await;
    let lora = [&2_u64.to_le_bytes()[..], b"{}"].concat();
    std::fs::write(desk.library.path_of("neon.safetensors"), lora).unwrap();
    styles::create_trained(&desk.library, "neon", "starter", "neon.safetensors", true)
        .await
        .unwrap();
    let own = ["out.safetensors.part", "out.safetensors.0.part"].map(|name| desk.put(name, "a download"));
    let out = desk.desk().join("out.safetensors");
    let export = |replace| exchange::export(&desk.library, "neon", Naming::Peft, &out, replace);
    export(false).await.unwrap();
    let refused = export(false).await.unwrap_err().refusal();
    assert!(matches!(refused, Refusal::FileExists { .. }), "{refused:?}");
    export(true).await.unwrap();
    for file in &own {
        assert_eq!(std::fs::read(file).unwrap(), b"a download");
    }
    assert_eq!(
        std::fs::read_dir(desk.desk()).unwrap().count(),
        3,
        "nothing else is left"
    );
}

#[tokio::test]
async fn nine_artworks_are_too_few_and_ten_are_enough() {
    let desk = desk_of(10).await;
    assert_eq!(desk.style().await.readiness().missing, None);
    let first = ids(&desk).await[0];
    artworks::remove(&desk.library, &[first]).await.unwrap();
    let refused = desk.style().await.require_ready().unwrap_err();
    assert!(matches!(
        refused.refusal(),
        Refusal::StyleTooFewArtworks {
            valid: 9,
            valid_min: 10,
            ..
        }
    ));
    artworks::restore(&desk.library, &[first]).await.unwrap();
    assert!(desk.style().await.require_ready().is_ok());
}

#[tokio::test]
async fn a_removed_artwork_comes_back_with_its_tags_when_it_is_imported_again() {
    let desk = desk_of(2).await;
    let all = ids(&desk).await;
    tags::edit(&desk.library, &all, &TagEdit::Set(parse_tags("fox").unwrap()))
        .await
        .unwrap();
    artworks::remove(&desk.library, &all[..1]).await.unwrap();
    assert_eq!(ids(&desk).await, all[1..]);
    desk.import(&desk.desk()).await;
    let back = desk.artworks().await;
    assert_eq!((back[0].id, back[0].tags.join(",").as_str()), (all[0], "fox"));
}

#[tokio::test]
async fn tags_keep_their_order_through_edits_of_many() {
    let desk = desk_of(3).await;
    let all = ids(&desk).await;
    let edits = [
        TagEdit::Set(parse_tags("Sea, gull, boat").unwrap()),
        TagEdit::Add(parse_tags("dusk, gull").unwrap()),
        TagEdit::Remove(parse_tags("sea").unwrap()),
        TagEdit::Replace {
            old: parse_tags("boat").unwrap().remove(0),
            new: parse_tags("ship").unwrap().remove(0),
        },
    ];
    for edit in &edits {
        tags::edit(&desk.library, &all, edit).await.unwrap();
    }
    for artwork in desk.artworks().await {
        assert_eq!(artwork.tags, ["gull", "ship", "dusk"]);
    }
}

#[tokio::test]
async fn an_edit_that_names_an_unknown_artwork_changes_none() {
    let desk = desk_of(1).await;
    let known = ids(&desk).await[0];
    let unknown = ArtworkId::try_from(99).unwrap();
    let edit = TagEdit::Set(parse_tags("fox").unwrap());
    let error = tags::edit(&desk.library, &[known, unknown], &edit).await.unwrap_err();
    assert!(matches!(error.refusal(), Refusal::ArtworkUnknown { artwork: 99 }));
    assert!(desk.artworks().await[0].tags.is_empty());
}

#[tokio::test]
async fn many_artworks_are_removed_restored_and_turned_together_or_not_at_all() {
    let desk = desk_of(4).await;
    let all = ids(&desk).await;
    let unknown = [all[0], ArtworkId::try_from(99).unwrap()];
    let gone = Refusal::ArtworkUnknown { artwork: 99 };
    assert_eq!(
        artworks::remove(&desk.library, &unknown).await.unwrap_err().refusal(),
        gone
    );
    assert_eq!(
        artworks::turn(&desk.library, &unknown, 1).await.unwrap_err().refusal(),
        gone
    );
    assert_eq!(ids(&desk).await, all);
    artworks::turn(&desk.library, &all[1..], 3).await.unwrap();
    artworks::turn(&desk.library, &all[1..2], 2).await.unwrap();
    let turns: Vec<_> = desk
        .artworks()
        .await
        .iter()
        .map(|artwork| artwork.quarter_turns)
        .collect();
    assert_eq!(turns, [0, 1, 3, 3]);
    artworks::remove(&desk.library, &all[..3]).await.unwrap();
    assert_eq!(
        (ids(&desk).await, desk.style().await.valid_artworks),
        (all[3..].to_vec(), 1)
    );
    artworks::restore(&desk.library, &all).await.unwrap();
    assert_eq!((ids(&desk).await, desk.style().await.valid_artworks), (all, 4));
}

#[tokio::test]
async fn each_artwork_gets_back_the_tags_it_had_or_none_does() {
    let desk = desk_of(2).await;
    let all = ids(&desk).await;
    let tags = |text: &str| parse_tags(text).unwrap();
    let own = vec![(all[0], tags("gull, sea")), (all[1], tags("fox"))];
    tags::set_each(&desk.library, own).await.unwrap();
    let unknown = ArtworkId::try_from(99).unwrap();
    let wrong = vec![(all[0], Vec::new()), (unknown, tags("fox"))];
    let refused = tags::set_each(&desk.library, wrong).await.unwrap_err();
    assert!(matches!(refused.refusal(), Refusal::ArtworkUnknown { artwork: 99 }));
    let there: Vec<_> = desk
        .artworks()
        .await
        .iter()
        .map(|artwork| artwork.tags.join(","))
        .collect();
    assert_eq!(there, ["gull,sea", "fox"]);
}

#[tokio::test]
async fn a_style_has_its_name_first_and_then_what_its_artworks_have_most() {
    let desk = desk_of(3).await;
    let all = ids(&desk).await;
    tags::edit(
        &desk.library,
        &all[..1],
        &TagEdit::Set(parse_tags("gull, sea").unwrap()),
    )
    .await
    .unwrap();
    tags::edit(
        &desk.library,
        &all[1..],
        &TagEdit::Set(parse_tags("sea, inkwell").unwrap()),
    )
    .await
    .unwrap();
    assert_eq!(
        tags::of_style(&desk.library, desk.style().await.id).await.unwrap(),
        ["inkwell", "sea", "gull"]
    );
}

#[tokio::test]
async fn completion_offers_the_most_used_first_and_none_that_is_unused() {
    let desk = desk_of(3).await;
    let all = ids(&desk).await;
    tags::edit(
        &desk.library,
        &all[..1],
        &TagEdit::Set(parse_tags("seagull, old").unwrap()),
    )
    .await
    .unwrap();
    tags::edit(&desk.library, &all, &TagEdit::Add(parse_tags("sea").unwrap()))
        .await
        .unwrap();
    tags::edit(&desk.library, &all, &TagEdit::Remove(parse_tags("old").unwrap()))
        .await
        .unwrap();
    let names = |uses: Vec<tags::TagUse>| uses.into_iter().map(|tag| tag.name).collect::<Vec<_>>();
    assert_eq!(
        names(tags::complete(&desk.library, &desk.config, "SE").await.unwrap()),
        ["sea", "seagull"]
    );
    assert!(
        tags::complete(&desk.library, &desk.config, "ol")
            .await
            .unwrap()
            .is_empty()
    );
    assert!(
        tags::complete(&desk.library, &desk.config, "_")
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn a_crop_stays_inside_and_leaves_the_file_alone() {
    let desk = desk_of(1).await;
    let artwork = desk.artworks().await.remove(0);
    let before = std::fs::read(&artwork.path).unwrap();
    let crop = |left_px, width_px| {
        Some(Crop {
            left_px,
            top_px: 0,
            width_px,
            height_px: 160,
        })
    };
    for wrong in [crop(10, 151), crop(0, 0), crop(u32::MAX, 2)] {
        let error = artworks::set_crop(&desk.library, artwork.id, wrong, 0)
            .await
            .unwrap_err();
        assert!(matches!(error.refusal(), Refusal::CropOutside { .. }));
    }
    artworks::set_crop(&desk.library, artwork.id, crop(10, 150), 5)
        .await
        .unwrap();
    let cropped = desk.artworks().await.remove(0);
    assert_eq!(
        (cropped.crop, cropped.quarter_turns, cropped.is_valid),
        (crop(10, 150), 1, true)
    );
    assert_eq!(std::fs::read(&cropped.path).unwrap(), before);
    artworks::set_crop(&desk.library, artwork.id, crop(0, 100), 0)
        .await
        .unwrap();
    assert!(
        !desk.artworks().await[0].is_valid,
        "the part that training sees is too small"
    );
}

#[tokio::test]
async fn a_list_is_read_page_by_page() {
    let desk = desk_of(7).await;
    let style = desk.style().await.id;
    let mut seen = Vec::new();
    loop {
        let page = artworks::list(&desk.library, style, seen.last().copied(), 3, false)
            .await
            .unwrap();
        if page.is_empty() {
            break;
        }
        assert!(page.len() <= 3);
        seen.extend(page.iter().map(|artwork| artwork.id));
    }
    assert_eq!(seen, ids(&desk).await);
}
