//! Styles, artworks, uploads and tags.

use atelier_contract::{Page, StyleCard, StylePackage, StyleView, TagView};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::harness::House;
use crate::studio::{Studio, lora, png, sha256};

async fn execute(house: &House, query: &'static str) {
    let query = sqlx::query(query).execute(house.pool());
    query.await.expect("the database answers");
}

#[tokio::test]
async fn a_style_goes_from_its_draft_to_the_list() {
    let house = House::new().await;
    let artist = Studio::new(&house, "ines", "artist", 0).await;
    let other = Studio::new(&house, "bo", "user", 0).await;
    let style = artist.draft("Harbour ink", &["Ink", "night_sky"], 10).await;
    assert_eq!(other.get(&format!("/styles/{style}")).await.code(), "style_unknown");
    assert!(other.get("/styles").await.is::<Page<StyleCard>>().items.is_empty());
    let terms = json!({ "generation_cost_tokens": 0, "license_type": "commercial" });
    let early = artist.put(&format!("/styles/{style}/terms"), &terms).await;
    assert_eq!(early.code(), "style_not_trained");
    artist.train(style).await;
    let view: StyleView = artist.put(&format!("/styles/{style}/terms"), &terms).await.is();
    assert_eq!(view.version.map(|version| version.number), Some(1));
    let listed: Page<StyleCard> = other.get("/styles?tags=ink,Night%20Sky").await.is();
    assert_eq!(listed.items.len(), 1);
    assert_eq!(listed.items[0].artist_name, "ines");
    let tags: Vec<_> = listed.items[0].tags.iter().map(|tag| tag.as_str()).collect();
    assert_eq!(tags, ["ink", "night sky"]);
    let package: StylePackage = other.get(&format!("/styles/{style}/package")).await.is();
    assert_eq!(other.open(&package).await, lora());
    let device = other.elsewhere(&house).await;
    let wrapped = crate::studio::unhex(&package.wrapped_key);
    let stolen = device.unseal(&wrapped, b"atelier style key", package.version.sha256.as_bytes());
    assert_eq!(stolen, None, "another device opens nothing");
}

#[tokio::test]
async fn styles_are_found_by_tags_artist_and_words() {
    let house = House::new().await;
    let ines = Studio::new(&house, "ines", "artist", 0).await;
    let joon = Studio::new(&house, "joon", "artist", 0).await;
    let ink = ines.style("Harbour ink", &["ink", "sea"], 5).await;
    let oil = joon.style("수채화 바다", &["oil", "sea"], 9).await;
    let found = async |query: &str| -> Vec<_> {
        let page: Page<StyleCard> = ines.get(&format!("/styles?{query}")).await.is();
        page.items.into_iter().map(|card| card.id).collect()
    };
    assert_eq!(found("").await, [oil, ink]);
    assert_eq!(found("tags=sea").await, [oil, ink]);
    assert_eq!(found("tags=sea,ink").await, [ink]);
    assert_eq!(found("tags=ink,oil").await, []);
    assert_eq!(found("tags=never%20seen").await, []);
    assert_eq!(found(&format!("artist={}", joon.user)).await, [oil]);
    assert_eq!(found("words=harb%20IN").await, [ink]);
    assert_eq!(found("words=%EC%88%98%EC%B1%84").await, [oil]);
    assert_eq!(found("words=ink%26%7C%21%27").await, [ink]);
    assert_eq!(found("sort=popular&limit=1").await.len(), 1);
    let first: Page<StyleCard> = ines.get("/styles?limit=1").await.is();
    let after = first.next.expect("there is another");
    assert_eq!(found(&format!("limit=1&after={after}")).await, [ink]);
    assert_eq!(ines.get("/styles?after=nonsense").await.code(), "request_invalid");
    ines.patch(&format!("/styles/{ink}"), json!({ "is_active": false }))
        .await
        .is::<StyleView>();
    assert_eq!(found("tags=sea").await, [oil]);
}

#[tokio::test]
async fn an_artist_has_one_style_and_its_name_is_theirs() {
    let house = House::new().await;
    let artist = Studio::new(&house, "ines", "artist", 0).await;
    let user = Studio::new(&house, "bo", "user", 0).await;
    assert_eq!(
        user.post("/styles", json!({ "name": "mine" })).await.code(),
        "artist_only"
    );
    let style = artist.draft("Ink", &[], 0).await;
    assert_eq!(
        artist.post("/styles", json!({ "name": "Oil" })).await.code(),
        "style_limit_reached"
    );
    artist
        .patch(&format!("/styles/{style}"), json!({ "is_active": false }))
        .await
        .is::<StyleView>();
    assert_eq!(
        artist.post("/styles", json!({ "name": "Ink" })).await.code(),
        "style_name_taken"
    );
    artist.post("/styles", json!({ "name": "Oil" })).await.is::<StyleView>();
    let back = artist
        .patch(&format!("/styles/{style}"), json!({ "is_active": true }))
        .await;
    assert_eq!(back.code(), "style_limit_reached");
    assert_eq!(
        user.patch(&format!("/styles/{style}"), json!({ "name": "x" }))
            .await
            .code(),
        "style_unknown"
    );
    assert_eq!(
        artist.delete(&format!("/styles/{style}")).await.status,
        StatusCode::NO_CONTENT
    );
}

#[tokio::test]
async fn many_drafts_at_once_make_one() {
    let house = House::new().await;
    let artist = Studio::new(&house, "ines", "artist", 0).await;
    let tries = (0..8).map(|n| {
        let artist = artist.clone();
        tokio::spawn(async move {
            artist
                .post("/styles", json!({ "name": format!("style {n}") }))
                .await
                .status
        })
    });
    let mut made = 0;
    for answer in tries.collect::<Vec<_>>() {
        made += u32::from(answer.await.expect("no panic") == StatusCode::CREATED);
    }
    assert_eq!(made, 1);
}

#[tokio::test]
async fn a_style_is_trained_on_ten_to_a_hundred_valid_artworks() {
    let house = House::new().await;
    let artist = Studio::new(&house, "ines", "artist", 0).await;
    let style = artist.draft("Ink", &[], 10).await;
    let training = format!("/styles/{style}/training");
    let artworks: Page<Value> = artist.get(&format!("/styles/{style}/artworks")).await.is();
    let first = artworks.items[0]["id"].as_i64().expect("it is there");
    let spoil = json!({ "is_valid": false, "validation_reason": "blurred" });
    artist.patch(&format!("/artworks/{first}"), spoil).await.is::<Value>();
    let nine = artist.put(&training, json!({ "status": "training" })).await;
    assert_eq!(nine.code(), "style_too_few_artworks");
    assert_eq!(nine.body["details"]["valid"], 9);
    sqlx::query("INSERT INTO artworks (style_id, image_url) SELECT $1, 'x' FROM generate_series(1, 90)")
        .bind(style)
        .execute(house.pool())
        .await
        .expect("the database answers");
    let upload = artist.upload("artwork", &png(200)).await;
    let more = artist
        .post(&format!("/styles/{style}/artworks"), json!({ "upload": upload }))
        .await;
    assert_eq!(more.code(), "style_too_many_artworks");
    artist
        .put(&training, json!({ "status": "training" }))
        .await
        .is::<StyleView>();
    assert_eq!(
        artist.delete(&format!("/artworks/{first}")).await.code(),
        "style_in_training"
    );
}

#[tokio::test]
async fn a_training_moves_only_as_its_status_allows() {
    let house = House::new().await;
    let artist = Studio::new(&house, "ines", "artist", 0).await;
    let style = artist.draft("Ink", &[], 10).await;
    let training = format!("/styles/{style}/training");
    assert_eq!(
        artist.put(&training, json!({ "status": "completed" })).await.code(),
        "training_move_refused"
    );
    let progress = json!({ "current_epoch": 50, "total_epochs": 100, "progress_percent": 50,
        "estimated_seconds": 900, "last_updated": "2025-01-15T12:00:00Z" });
    let view: StyleView = artist
        .put(&training, json!({ "status": "training", "progress": progress }))
        .await
        .is();
    assert_eq!(
        view.workshop
            .expect("it is there")
            .training_progress
            .map(|progress| progress.current_epoch),
        Some(50)
    );
    assert_eq!(
        artist.put(&training, json!({ "status": "completed" })).await.code(),
        "style_not_trained"
    );
    let view: StyleView = artist.put(&training, json!({ "status": "failed" })).await.is();
    assert_eq!(view.workshop.expect("it is there").training_progress, None);
    artist.train(style).await;
    let told: Vec<String> = sqlx::query_scalar("SELECT type FROM notifications WHERE recipient_id = $1 ORDER BY id")
        .bind(artist.user)
        .fetch_all(house.pool())
        .await
        .expect("the database answers");
    assert_eq!(told, ["style_training_failed", "style_training_complete"]);
}

#[tokio::test]
async fn a_used_style_is_never_deleted() {
    let house = House::new().await;
    let artist = Studio::new(&house, "ines", "artist", 0).await;
    let user = Studio::new(&house, "bo", "user", 100).await;
    let style = artist.style("Ink", &["ink"], 5).await;
    user.make(style, 5, &["sea"]).await;
    assert_eq!(artist.delete(&format!("/styles/{style}")).await.code(), "style_in_use");
    assert_eq!(
        artist
            .get(&format!("/styles/{style}/artworks"))
            .await
            .is::<Page<Value>>()
            .items
            .len(),
        10
    );
}

#[tokio::test]
async fn a_style_counts_its_completed_pictures() {
    let house = House::new().await;
    let ines = Studio::new(&house, "ines", "artist", 0).await;
    let joon = Studio::new(&house, "joon", "artist", 0).await;
    let user = Studio::new(&house, "bo", "user", 100).await;
    let ink = ines.style("Harbour ink", &["ink"], 5).await;
    let oil = joon.style("Oil", &["oil"], 5).await;
    for style in [ink, oil, ink] {
        user.make(style, 5, &["sea"]).await;
    }
    // Under way, so not counted.
    user.reserve(oil, 5).await;
    house.sweep().await;
    let popular: Page<StyleCard> = user.get("/styles?sort=popular").await.is();
    let counts: Vec<_> = popular.items.iter().map(|card| (card.id, card.usage_count)).collect();
    assert_eq!(counts, [(ink, 2), (oil, 1)]);
}

#[tokio::test]
async fn only_what_can_be_used_now_is_offered() {
    let house = House::new().await;
    let artist = Studio::new(&house, "ines", "artist", 0).await;
    let user = Studio::new(&house, "bo", "user", 100).await;
    let style = artist.style("Ink", &["ink"], 5).await;
    let offered = async || {
        let mut found = Vec::new();
        for query in ["", "?tags=ink", "?words=ink", "?sort=popular"] {
            let page: Page<StyleCard> = user.get(&format!("/styles{query}")).await.is();
            found.push(page.items.len());
        }
        assert!(found.iter().all(|count| *count == found[0]), "{found:?}");
        found[0] == 1
    };
    let code = async || {
        let order = Studio::order(style, 5, &[]);
        user.post("/generations", order).await.code().to_owned()
    };
    let terms = async |days: Value| {
        let mut terms = json!({ "generation_cost_tokens": 5, "license_type": "personal" });
        terms
            .as_object_mut()
            .expect("an object")
            .extend(days.as_object().expect("days").clone());
        artist.put(&format!("/styles/{style}/terms"), terms).await
    };
    let day = |days| (chrono::Utc::now().date_naive() + chrono::Duration::days(days)).to_string();
    for days in [
        json!({ "valid_from": day(1) }),
        json!({ "valid_from": day(-9), "valid_to": day(-1) }),
    ] {
        terms(days).await.is::<StyleView>();
        assert!(!offered().await);
        assert_eq!(code().await, "style_unavailable");
    }
    let backwards = json!({ "valid_from": day(1), "valid_to": day(0) });
    assert_eq!(terms(backwards).await.code(), "request_invalid");
    terms(json!({ "valid_from": day(-1), "valid_to": day(1) }))
        .await
        .is::<StyleView>();
    assert!(offered().await);
    let training = format!("/styles/{style}/training");
    for status in ["training", "failed"] {
        artist
            .put(&training, json!({ "status": status }))
            .await
            .is::<StyleView>();
        assert!(!offered().await, "{status}");
        assert_eq!(code().await, "style_unavailable");
    }
    assert_eq!(user.balance(&house).await, 100);
    artist.train(style).await;
    assert!(offered().await);
    user.reserve(style, 5).await;
    execute(&house, "UPDATE users SET is_active = FALSE WHERE username = 'ines'").await;
    assert!(!offered().await);
    assert_eq!(code().await, "style_unavailable");
}

#[tokio::test]
async fn a_thumbnail_is_seen_by_who_sees_its_style() {
    let house = House::new().await;
    let artist = Studio::new(&house, "ines", "artist", 0).await;
    let user = Studio::new(&house, "bo", "user", 0).await;
    let style = artist.style("Ink", &["ink"], 5).await;
    let thumbnail = artist.upload("thumbnail", &png(7)).await;
    let change = json!({ "thumbnail": thumbnail });
    artist
        .patch(&format!("/styles/{style}"), change)
        .await
        .is::<StyleView>();
    let path = format!("/styles/{style}/thumbnail");
    assert!(user.bytes(&path).await.starts_with(b"\x89PNG"));
    execute(&house, "UPDATE styles SET is_flagged = TRUE").await;
    assert_eq!(user.get(&path).await.code(), "style_unknown");
    assert!(artist.bytes(&path).await.starts_with(b"\x89PNG"), "one's own is seen");
    execute(&house, "UPDATE styles SET is_flagged = FALSE").await;
    execute(&house, "UPDATE users SET is_active = FALSE WHERE username = 'ines'").await;
    assert_eq!(user.get(&path).await.code(), "style_unknown");
}

#[tokio::test]
async fn what_no_column_takes_is_refused() {
    let house = House::new().await;
    let artist = Studio::new(&house, "ines", "artist", 0).await;
    let style = artist.draft("Ink", &[], 10).await;
    let training = format!("/styles/{style}/training");
    let nul = json!({ "status": "pending", "metric": { "a": "\0" } });
    assert_eq!(artist.put(&training, nul).await.code(), "request_invalid");
    let within = json!({ "status": "pending", "metric": { "a": { "b\0": ["c"] } } });
    assert_eq!(artist.put(&training, within).await.code(), "request_invalid");
    let quoted = json!({ "status": "pending", "metric": { "a": "\\u0000" } });
    artist.put(&training, quoted).await.is::<StyleView>();
    assert_eq!(artist.get("/tags?beginning=%00").await.status, StatusCode::OK);
    for path in ["/styles?words=%00", "/styles?words=a%00b"] {
        assert_eq!(artist.get(path).await.status, StatusCode::OK, "{path}");
    }
    let cursor = |key: Value| URL_SAFE_NO_PAD.encode(key.to_string());
    let early = "-200000-01-01T00:00:00Z";
    for path in [
        format!("/generations/mine?after={}", cursor(json!([early, 1]))),
        format!("/styles?after={}", cursor(json!({ "Recent": [early, 1] }))),
    ] {
        assert_eq!(artist.get(&path).await.code(), "request_invalid", "{path}");
    }
    artist.train(style).await;
    let terms = json!({ "generation_cost_tokens": 0, "license_type": "personal", "valid_from": "-200000-01-01" });
    assert_eq!(
        artist.put(&format!("/styles/{style}/terms"), terms).await.code(),
        "request_invalid"
    );
}

#[tokio::test]
async fn an_upload_is_what_was_declared() {
    let house = House::new().await;
    let artist = Studio::new(&house, "ines", "artist", 0).await;
    let other = Studio::new(&house, "bo", "artist", 0).await;
    let file = png(1);
    let upload = artist.declare("artwork", &file).await;
    assert_eq!(other.bring(upload, &file).await.code(), "upload_unknown");
    assert_eq!(artist.bring(upload, &file[1..]).await.code(), "upload_refused");
    let mut forged = file.clone();
    *forged.last_mut().expect("it is there") ^= 1;
    assert_eq!(artist.bring(upload, &forged).await.code(), "upload_refused");
    assert_eq!(
        artist.bring(upload, &[file.as_slice(), b"more"].concat()).await.code(),
        "upload_refused"
    );
    assert!(
        artist.bring(upload, &file).await.status.is_success(),
        "a broken try spoils nothing"
    );
    assert!(
        artist.bring(upload, &file).await.status.is_success(),
        "a repeat changes nothing"
    );
    let text = b"#!/bin/sh\necho not a picture\n";
    let bad = artist.declare("artwork", text).await;
    assert_eq!(artist.bring(bad, text).await.code(), "upload_refused");
    let pickle = b"\x80\x04\x95 not a safetensors file at all";
    let bad = artist.declare("lora", pickle).await;
    assert_eq!(artist.bring(bad, pickle).await.code(), "upload_refused");
    let huge = json!({ "purpose": "artwork", "bytes": 1_u64 << 40, "sha256": sha256(b"") });
    assert_eq!(artist.post("/uploads", huge).await.code(), "number_out_of_range");
    let style = artist.draft("Ink", &[], 0).await;
    let artworks = format!("/styles/{style}/artworks");
    assert_eq!(
        artist.post(&artworks, json!({ "upload": bad })).await.code(),
        "upload_unknown"
    );
    assert_eq!(
        artist.post(&artworks, json!({ "upload": upload })).await.status,
        StatusCode::CREATED
    );
    assert_eq!(
        artist.post(&artworks, json!({ "upload": upload })).await.code(),
        "upload_unknown"
    );
    let lying: i64 = sqlx::query_scalar("SELECT count(*) FROM uploads WHERE status = 'used'")
        .fetch_one(house.pool())
        .await
        .expect("the database answers");
    assert_eq!(lying, 1);
}

#[tokio::test]
async fn only_the_artist_sees_the_artworks() {
    let house = House::new().await;
    let artist = Studio::new(&house, "ines", "artist", 0).await;
    let other = Studio::new(&house, "bo", "user", 0).await;
    let style = artist.draft("Ink", &[], 1).await;
    let page: Page<Value> = artist.get(&format!("/styles/{style}/artworks")).await.is();
    let path = page.items[0]["image_url"].as_str().expect("it is there").to_owned();
    assert!(artist.bytes(&path).await.starts_with(b"\x89PNG"));
    assert_eq!(other.get(&path).await.code(), "artwork_unknown");
    assert_eq!(
        other.get(&format!("/styles/{style}/artworks")).await.code(),
        "style_unknown"
    );
}

#[tokio::test]
async fn tags_are_english_lower_case_and_counted() {
    let house = House::new().await;
    let artist = Studio::new(&house, "ines", "artist", 0).await;
    let korean = artist.post("/styles", json!({ "name": "Ink", "tags": ["바다"] })).await;
    assert!(korean.status.is_client_error(), "{}", korean.body);
    let style = artist.draft("Ink", &["Night_Sky", "night  sky", "Ink"], 0).await;
    sqlx::query("UPDATE tags SET is_active = FALSE WHERE name = 'ink'")
        .execute(house.pool())
        .await
        .expect("the database answers");
    let banned = artist
        .patch(&format!("/styles/{style}"), json!({ "tags": ["sea", "ink"] }))
        .await;
    assert_eq!(banned.code(), "tag_banned");
    atelier_server::sweeps::run_all(&house.app).await.expect("sweeps");
    let tags: Page<TagView> = artist.get("/tags?beginning=Night").await.is();
    assert_eq!(tags.items.len(), 1);
    assert_eq!(tags.items[0].name.as_str(), "night sky");
    assert_eq!(tags.items[0].usage_count, 1);
    artist
        .patch(&format!("/styles/{style}"), json!({ "tags": ["sea"] }))
        .await
        .is::<StyleView>();
    artist.delete(&format!("/styles/{style}")).await;
    atelier_server::sweeps::run_all(&house.app).await.expect("sweeps");
    let counts: Vec<(String, i32)> = sqlx::query_as("SELECT name, usage_count FROM tags ORDER BY name")
        .fetch_all(house.pool())
        .await
        .expect("the database answers");
    assert_eq!(
        counts,
        [
            ("ink".to_owned(), 0),
            ("night sky".to_owned(), 0),
            ("sea".to_owned(), 0)
        ]
    );
    assert_eq!(
        artist
            .get("/tags?beginning=100%25_")
            .await
            .is::<Page<TagView>>()
            .items
            .len(),
        0
    );
}

#[tokio::test]
async fn a_version_is_fetched_by_who_sees_the_style_or_paid_for_it() {
    let house = House::new().await;
    let artist = Studio::new(&house, "ines", "artist", 0).await;
    let [by_ticket, by_voucher, other] = [
        Studio::new(&house, "bo", "user", 50).await,
        Studio::new(&house, "cy", "user", 50).await,
        Studio::new(&house, "dee", "user", 50).await,
    ];
    let style = artist.style("Ink", &["ink"], 5).await;
    let version = format!("/styles/{style}/versions/1");
    let fetched = async |who: &Studio| who.get(&version).await.status;
    by_ticket.reserve(style, 5).await;
    let vouchers = json!({ "style": style, "count": 1, "cost_tokens": 5 });
    by_voucher.post("/vouchers", vouchers).await.is::<Value>();
    assert_eq!(fetched(&other).await, StatusCode::OK, "everybody sees the style");
    for hidden in [
        "UPDATE styles SET is_flagged = TRUE",
        "UPDATE styles SET is_flagged = FALSE, is_active = FALSE",
        "UPDATE styles SET is_active = TRUE, published_at = NULL",
    ] {
        execute(&house, hidden).await;
        assert_eq!(other.get(&version).await.code(), "style_unknown", "{hidden}");
        for who in [&artist, &by_ticket, &by_voucher] {
            assert_eq!(fetched(who).await, StatusCode::OK, "{hidden}");
        }
    }
}
