//! What is new in the gallery, by transaction: nothing is skipped, whoever commits late.

use std::time::{Duration, Instant};

use atelier_contract::{GenerationId, GenerationView, NewsPage};
use serde_json::{Value, json};

use crate::harness::House;
use crate::money::seller;
use crate::studio::Studio;

/// An artist with pictures that nobody else sees yet.
async fn painter(house: &House, pictures: usize) -> (Studio, Vec<GenerationId>) {
    let (artist, style) = seller(house, 0).await;
    let mut made = Vec::new();
    for seed in 0..pictures {
        let report = json!({ "style": style, "tags": ["sea"], "seed": seed.to_string() });
        made.push(artist.post("/generations/made", report).await.is::<GenerationView>().id);
    }
    (artist, made)
}

async fn news(house: &House, after: &str) -> NewsPage {
    house
        .nobody()
        .get(&format!("/generations/news{after}"))
        .await
        .gives(200)
}

async fn since(house: &House, page: &NewsPage) -> NewsPage {
    news(house, &format!("?after={}", page.cursor)).await
}

/// Asks until `all` of what was wanted is told: a transaction of another test holds back what came after it.
async fn until(house: &House, page: &NewsPage, all: impl Fn(&NewsPage) -> bool) -> NewsPage {
    let deadline = Instant::now() + Duration::from_secs(60);
    let mut told = NewsPage {
        items: Vec::new(),
        ..page.clone()
    };
    loop {
        let page = since(house, &told).await;
        told.items.extend(page.items);
        told.cursor = page.cursor;
        if all(&told) {
            return told;
        }
        assert!(Instant::now() < deadline, "only {:?} are told", shown(&told));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// What is in the gallery, and what is not, of what is told.
fn shown(page: &NewsPage) -> Vec<(GenerationId, bool)> {
    page.items.iter().map(|item| (item.id, item.state.is_some())).collect()
}

#[tokio::test]
async fn what_comes_changes_and_goes_is_told_once_and_likes_are_not() {
    let house = House::new().await;
    let (artist, made) = painter(&house, 3).await;
    let begin = news(&house, "").await;
    artist.publish(made[2]).await;
    artist.publish(made[1]).await;
    assert!(news(&house, "").await.items.is_empty(), "what there is is in the lists");
    let first = until(&house, &begin, |page| page.items.len() > 1).await;
    assert_eq!(shown(&first), [(made[2], true), (made[1], true)]);
    artist
        .put(&format!("/generations/{}/like", made[2]), json!({}))
        .await
        .is::<Value>();
    house.sweep().await;
    artist.publish(made[0]).await;
    let changes = [
        (made[0], json!({ "description": "dusk" })),
        (made[1], json!({ "is_public": false })),
        (made[0], json!({ "description": "dawn" })),
    ];
    for (id, change) in changes {
        artist.patch(&format!("/generations/{id}"), change).await.is::<Value>();
    }
    let dawn = |page: &NewsPage| {
        let last = page.items.last().and_then(|item| item.state.as_ref());
        last.is_some_and(|state| state.description.as_deref() == Some("dawn"))
    };
    let then = until(&house, &first, dawn).await;
    assert_eq!(shown(&then), [(made[1], false), (made[0], true)]);
    let state = then.items[1].state.as_ref().expect("it is there");
    assert_eq!(state.seed, None, "that is its maker's");
    // Also its maker is told that it is not in the gallery.
    let own: NewsPage = artist
        .get(&format!("/generations/news?after={}", first.cursor))
        .await
        .is();
    assert_eq!(shown(&own), shown(&then));
    // Page by page it is the same.
    let (mut pages, mut cursor) = (Vec::new(), begin.cursor);
    loop {
        let page = news(&house, &format!("?limit=1&after={cursor}")).await;
        pages.extend(shown(&page));
        cursor = page.cursor;
        if !page.more {
            break;
        }
    }
    assert_eq!(pages, [(made[2], true), (made[1], false), (made[0], true)]);
    // Who leaves takes all of it away.
    artist.post("/users/me/deactivate", json!({})).await;
    let page = until(&house, &then, |page| page.items.len() > 1).await;
    assert_eq!(shown(&page), [(made[0], false), (made[2], false)]);
}

#[tokio::test]
async fn one_that_commits_after_a_newer_one_was_read_is_not_skipped() {
    let house = House::new().await;
    let (artist, made) = painter(&house, 2).await;
    let begin = news(&house, "").await;
    for id in &made {
        artist.publish(*id).await;
    }
    let mut page = until(&house, &begin, |page| page.items.len() > 1).await;
    let change = async |description: &str| {
        let mut late = house.pool().begin().await.expect("begins");
        sqlx::query("UPDATE generations SET description = $2 WHERE id = $1")
            .bind(made[0])
            .bind(description)
            .execute(&mut *late)
            .await
            .expect("changed");
        late
    };
    let late = change("dusk").await;
    artist
        .patch(&format!("/generations/{}", made[1]), json!({ "description": "dawn" }))
        .await
        .is::<Value>();
    for _ in 0..3 {
        page = since(&house, &page).await;
        assert!(
            page.items.is_empty(),
            "what comes after one that is under way waits for it"
        );
    }
    late.commit().await.expect("commits");
    let both = until(&house, &page, |page| page.items.len() > 1).await;
    assert_eq!(shown(&both), [(made[0], true), (made[1], true)]);
    // A cursor that is given while one is under way comes before it.
    let late = change("night").await;
    let begin = news(&house, "").await;
    late.commit().await.expect("commits");
    let night = |page: &NewsPage| {
        let mut states = page.items.iter().filter_map(|item| item.state.as_ref());
        states.any(|state| state.description.as_deref() == Some("night"))
    };
    until(&house, &begin, night).await;
}

#[tokio::test]
async fn a_cursor_of_another_history_begins_anew_and_one_that_is_none_is_refused() {
    let house = House::new().await;
    let (artist, made) = painter(&house, 1).await;
    let cursor = news(&House::new().await, "").await.cursor;
    artist.publish(made[0]).await;
    let page = news(&house, &format!("?after={cursor}")).await;
    assert!(page.restarted && page.items.is_empty());
    assert!(!since(&house, &page).await.restarted);
    house
        .nobody()
        .get("/generations/news?after=abc")
        .await
        .refused(400, "request_invalid");
}
