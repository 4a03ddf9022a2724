//! What users are told: all seven types, read once, and forgotten after thirty days.

use atelier_contract::{FeedItem, FeedPage, NotificationType, NotificationView, Page, Unread};
use serde_json::{Value, json};

use crate::harness::House;
use crate::studio::Studio;

async fn told(studio: &Studio) -> Vec<NotificationView> {
    studio.get("/notifications").await.is::<Page<NotificationView>>().items
}

#[tokio::test]
async fn people_are_told_of_all_that_concerns_them_and_of_nothing_they_did_themselves() {
    let house = House::new().await;
    let artist = Studio::new(&house, "ines", "artist", 0).await;
    let user = Studio::new(&house, "bo", "user", 50).await;
    // Ends a training well; the failure is tested with the styles.
    let style = artist.style("Harbour ink", &["ink"], 5).await;
    let picture = user.make(style, 5, &["sea"]).await;
    user.publish(picture).await;
    let failed = user.reserve(style, 5).await;
    for fence in 1..=3 {
        user.begin(failed.generation, fence).await.is::<Value>();
        user.fail(failed.generation, fence).await.is::<Value>();
    }
    artist
        .put(&format!("/users/{}/follow", user.user), json!({}))
        .await
        .is::<Value>();
    artist
        .put(&format!("/generations/{picture}/like"), json!({}))
        .await
        .is::<Value>();
    user.put(&format!("/generations/{picture}/like"), json!({}))
        .await
        .is::<Value>();
    let comments = format!("/generations/{picture}/comments");
    let said: Value = artist.post(&comments, json!({ "content": "fine lines" })).await.is();
    user.post(&comments, json!({ "content": "thank you", "parent": said["id"] }))
        .await
        .is::<Value>();
    let kinds: Vec<_> = told(&user).await.iter().rev().map(|notice| notice.kind).collect();
    assert_eq!(
        kinds,
        [
            NotificationType::GenerationComplete,
            NotificationType::GenerationFailed,
            NotificationType::Follow,
            NotificationType::Like,
            NotificationType::Comment,
        ]
    );
    let of_user = told(&user).await;
    let comment = &of_user[0];
    assert_eq!(comment.actor_name.as_deref(), Some("ines"));
    let more = comment.metadata.as_ref().expect("a preview");
    assert_eq!(more["preview"], "fine lines");
    assert_eq!(more["generation"], json!(picture));
    assert_eq!(of_user.last().expect("the first").actor, None, "the system speaks");
    let of_artist: Vec<_> = told(&artist).await.iter().map(|notice| notice.kind).collect();
    assert_eq!(
        of_artist,
        [NotificationType::Comment, NotificationType::StyleTrainingComplete]
    );
}

#[tokio::test]
async fn the_same_like_or_follow_is_told_once() {
    let house = House::new().await;
    let artist = Studio::new(&house, "ines", "artist", 0).await;
    let user = Studio::new(&house, "bo", "user", 0).await;
    let path = format!("/users/{}/follow", artist.user);
    for _ in 0..3 {
        user.put(&path, json!({})).await.is::<Value>();
        user.delete(&path).await.is::<Value>();
    }
    assert_eq!(told(&artist).await.len(), 1);
}

#[tokio::test]
async fn what_is_read_is_counted_marked_and_forgotten_after_thirty_days() {
    let house = House::new().await;
    let artist = Studio::new(&house, "ines", "artist", 0).await;
    for name in ["a1", "b2", "c3"] {
        let fan = Studio::new(&house, name, "user", 0).await;
        fan.put(&format!("/users/{}/follow", artist.user), json!({}))
            .await
            .is::<Value>();
    }
    let unread = async || artist.get("/notifications/unread").await.is::<Unread>().unread;
    assert_eq!(unread().await, 3);
    let all = told(&artist).await;
    let path = format!("/notifications/{}", all[0].id);
    let other = Studio::new(&house, "dee", "user", 0).await;
    assert_eq!(
        other.patch(&path, json!({ "is_read": true })).await.code(),
        "notification_unknown"
    );
    assert_eq!(other.get(&path).await.code(), "notification_unknown");
    let view: NotificationView = artist.patch(&path, json!({ "is_read": true })).await.is();
    assert!(view.is_read);
    assert_eq!(unread().await, 2);
    artist.patch(&path, json!({ "is_read": false })).await.is::<Value>();
    let left: Unread = artist
        .post("/notifications/read", json!({ "until": all[1].id }))
        .await
        .is();
    assert_eq!(left.unread, 1);
    let unread_ones: Page<NotificationView> = artist.get("/notifications?is_read=false").await.is();
    assert_eq!(
        unread_ones.items.iter().map(|notice| notice.id).collect::<Vec<_>>(),
        [all[0].id]
    );
    // Two are read; one of them and the one that is not are old.
    sqlx::query("UPDATE notifications SET created_at = now() - interval '31 days' WHERE id <> $1")
        .bind(all[1].id)
        .execute(house.pool())
        .await
        .expect("the database answers");
    house.sweep().await;
    let kept: Vec<_> = told(&artist).await.iter().map(|notice| notice.id).collect();
    assert_eq!(kept, [all[0].id, all[1].id]);
    let feed: FeedPage = artist.get("/feed").await.is();
    let in_feed = |item: &FeedItem| match item {
        FeedItem::Notification { id, state } => Some((*id, state.is_some())),
        _ => None,
    };
    let mut named: Vec<_> = feed.items.iter().filter_map(in_feed).collect();
    named.sort_unstable();
    // A studio that was away all the time learns that it is gone.
    assert_eq!(named, [(all[2].id, false), (all[1].id, true), (all[0].id, true)]);
}

#[tokio::test]
async fn however_many_are_marked_as_read_no_transaction_is_long() {
    let house = House::new().await;
    let ada = Studio::new(&house, "ada", "user", 0).await;
    let told = async || -> i64 {
        sqlx::query("INSERT INTO notifications (recipient_id, type) SELECT $1, 'like' FROM generate_series(1, 2500)")
            .bind(ada.user)
            .execute(house.pool())
            .await
            .expect("told");
        sqlx::query_scalar("SELECT max(id) FROM notifications")
            .fetch_one(house.pool())
            .await
            .expect("a number")
    };
    // Each transaction leaves its number in the rows that it marked.
    let transactions = async |after: i64| -> i64 {
        sqlx::query_scalar("SELECT count(DISTINCT xmin::text) FROM notifications WHERE is_read AND id > $1")
            .bind(after)
            .fetch_one(house.pool())
            .await
            .expect("a number")
    };
    let until = told().await;
    let left: Unread = ada.post("/notifications/read", json!({ "until": until })).await.is();
    assert_eq!((left.unread, transactions(0).await), (0, 3));
    let more = told().await;
    let push = json!({
        "client": "0194e1d2-0000-7000-8000-000000000001",
        "mutations": [
            { "id": 1, "mutation": { "kind": "notifications_read", "until": more } },
            { "id": 2, "mutation": { "kind": "notification_read", "notification": until, "is_read": false } },
        ]
    });
    let first: Value = ada.post("/mutations", &push).await.is();
    assert_eq!(first["last_mutation_id"], 2);
    assert_eq!(transactions(until).await, 3);
    let again: Value = ada.post("/mutations", &push).await.is();
    assert_eq!(again, first);
    let unread: Unread = ada.get("/notifications/unread").await.is();
    assert_eq!(unread.unread, 1, "the last word holds");
}
