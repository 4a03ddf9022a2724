//! Uploads that come twice at once, and objects that go with their rows.

use std::path::Path;

use atelier_contract::StyleView;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::harness::House;
use crate::studio::{Studio, png};

async fn number(house: &House, query: &'static str) -> i64 {
    sqlx::query_scalar(query)
        .fetch_one(house.pool())
        .await
        .expect("a number")
}

async fn execute(house: &House, query: &'static str) {
    let query = sqlx::query(query).execute(house.pool());
    query.await.expect("the database answers");
}

/// Lets every object that was discarded be due, and sweeps on two servers at once. Gives the objects that are left.
async fn swept(house: &House) -> usize {
    house.sweep().await;
    execute(house, "UPDATE discarded_objects SET due_at = now()").await;
    tokio::join!(house.sweep(), house.sweep());
    assert_eq!(number(house, "SELECT count(*) FROM discarded_objects").await, 0);
    files(&house.app.config.data_folder.join("objects"))
}

fn files(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path());
    entries.map(|path| if path.is_dir() { files(&path) } else { 1 }).sum()
}

/// Another server on the same database and the same files.
async fn beside(house: &House) -> House {
    let config = &house.app.config;
    House::with(|other| {
        other.data_folder.clone_from(&config.data_folder);
        other.database_url.clone_from(&config.database_url);
    })
    .await
}

#[tokio::test]
async fn who_brings_the_same_upload_twice_at_once_gets_the_answer_of_a_repeat() {
    let house = House::new().await;
    let other = beside(&house).await;
    let here = Studio::new(&house, "ines", "artist", 0).await;
    let there = here.elsewhere(&other).await;
    for shade in 0..8 {
        let file = png(shade);
        let upload = here.declare("artwork", &file).await;
        let replies = tokio::join!(
            here.bring(upload, &file),
            here.bring(upload, &file),
            there.bring(upload, &file)
        );
        for reply in [replies.0, replies.1, replies.2] {
            assert_eq!(reply.is::<Value>()["status"], "verified");
        }
    }
    assert_eq!(
        number(&house, "SELECT count(*) FROM uploads WHERE status = 'verified'").await,
        8
    );
    assert_eq!(swept(&house).await, 8, "one object each");
}

#[tokio::test]
async fn objects_go_with_the_rows_that_name_them() {
    let house = House::new().await;
    let artist = Studio::new(&house, "ines", "artist", 0).await;
    let style = artist.style("Ink", &["ink"], 5).await;
    assert_eq!(swept(&house).await, 11, "ten artworks and what was trained on them");
    for shade in 0..2 {
        let thumbnail = artist.upload("thumbnail", &png(shade)).await;
        let change = json!({ "thumbnail": thumbnail });
        artist
            .patch(&format!("/styles/{style}"), change)
            .await
            .is::<StyleView>();
        let image = artist.upload("profile_image", &png(shade)).await;
        artist
            .patch("/users/me", json!({ "profile_image": image }))
            .await
            .is::<Value>();
    }
    assert_eq!(swept(&house).await, 13, "what was replaced is gone");
    let artworks: Value = artist.get(&format!("/styles/{style}/artworks")).await.is();
    let first = &artworks["items"][0]["id"];
    assert!(artist.delete(&format!("/artworks/{first}")).await.status.is_success());
    assert_eq!(swept(&house).await, 12);
    assert!(artist.delete(&format!("/styles/{style}")).await.status.is_success());
    assert_eq!(swept(&house).await, 1);
    let me: Value = artist.get("/users/me").await.is();
    let picture = me["profile_image"].as_str().expect("an address");
    assert!(
        artist.bytes(picture).await.starts_with(b"\x89PNG"),
        "what is named stays"
    );
}

#[tokio::test]
async fn what_nobody_takes_leaves_nothing_and_what_is_taken_leaves_its_object() {
    let house = House::new().await;
    let artist = Studio::new(&house, "ines", "artist", 0).await;
    let style = artist.draft("Ink", &[], 1).await;
    artist.upload("artwork", &png(7)).await;
    artist.declare("artwork", &png(8)).await;
    // As a kill leaves it: written, but not named yet.
    let objects = &house.app.objects;
    objects.put("pictures/half.png", "half".into()).await.expect("put");
    execute(
        &house,
        "INSERT INTO discarded_objects (object_key) VALUES ('pictures/half.png')",
    )
    .await;
    assert_eq!(swept(&house).await, 2, "one that is taken, one that may still be");
    execute(&house, "UPDATE uploads SET expires_at = now() - interval '2 hours'").await;
    house.sweep().await;
    let folder = house.app.config.data_folder.join("objects");
    assert_eq!(files(&folder), 1, "what nobody took is gone at once");
    assert_eq!(swept(&house).await, 1);
    assert_eq!(number(&house, "SELECT count(*) FROM uploads").await, 0);
    let artworks: Value = artist.get(&format!("/styles/{style}/artworks")).await.is();
    let picture = artworks["items"][0]["image_url"].as_str().expect("an address");
    assert!(artist.bytes(picture).await.starts_with(b"\x89PNG"));
}

#[tokio::test]
async fn what_a_row_let_go_of_stays_for_a_week() {
    let house = House::new().await;
    let artist = Studio::new(&house, "ines", "artist", 0).await;
    let key = async || -> String {
        sqlx::query_scalar("SELECT profile_image FROM users WHERE username = 'ines'")
            .fetch_one(house.pool())
            .await
            .expect("it is set")
    };
    let mut keys = Vec::new();
    for shade in 0..2 {
        let image = artist.upload("profile_image", &png(shade)).await;
        let change = json!({ "profile_image": image });
        artist.patch("/users/me", change).await.is::<Value>();
        keys.push(key().await);
    }
    house.sweep().await;
    house.app.objects.get(&keys[0]).await.expect("as a backup names it");
    execute(
        &house,
        "UPDATE discarded_objects SET due_at = due_at - interval '6 days 23 hours'",
    )
    .await;
    house.sweep().await;
    house.app.objects.get(&keys[0]).await.expect("it is not yet due");
    execute(
        &house,
        "UPDATE discarded_objects SET due_at = due_at - interval '2 hours'",
    )
    .await;
    house.sweep().await;
    let gone = house.app.objects.get(&keys[0]).await;
    assert!(
        matches!(gone, Err(object_store::Error::NotFound { .. })),
        "nothing stays for ever"
    );
    house.app.objects.get(&keys[1]).await.expect("it is named");
}

#[tokio::test]
async fn a_store_that_is_away_is_to_be_asked_again_and_an_object_that_is_missing_is_a_defect() {
    let house = House::new().await;
    let artist = Studio::new(&house, "ines", "artist", 0).await;
    let image = artist.upload("profile_image", &png(1)).await;
    let me: Value = artist.patch("/users/me", json!({ "profile_image": image })).await.is();
    let picture = me["profile_image"].as_str().expect("an address");
    let upload = artist.declare("picture", &png(2)).await;
    let folder = house.app.config.data_folder.join("objects");
    std::fs::remove_dir_all(folder.join("pictures")).expect("lost");
    let reply = artist.get(picture).await;
    assert_eq!(reply.status, StatusCode::INTERNAL_SERVER_ERROR);
    let reason = reply.body["details"]["reason"].as_str().expect("a reason");
    assert!(reason.starts_with("request "), "{reason}");
    // No folder any more, and no way to make one.
    std::fs::remove_dir_all(&folder).expect("removed");
    std::fs::write(&folder, "").expect("in its way");
    for reply in [artist.bring(upload, &png(2)).await, artist.get(picture).await] {
        assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE, "{}", reply.body);
        assert_eq!(reply.body["code"], "server_busy");
    }
}
