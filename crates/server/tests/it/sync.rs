//! Two studios of one user: pull by cursor, the stream that says there is more, and mutations pushed in order.

use std::collections::BTreeSet;
use std::time::Duration;

use atelier_contract::{CommentView, FeedItem, FeedPage, MutationResult, MutationsPushed};
use futures_util::StreamExt as _;
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{House, cluster};
use crate::money::execute;
use crate::studio::Studio;

const CLIENT: &str = "0194e1d2-0000-7000-8000-000000000001";

async fn pull(studio: &Studio, after: &str) -> FeedPage {
    let after = if after.is_empty() {
        String::new()
    } else {
        format!("?after={after}")
    };
    studio.get(&format!("/feed{after}")).await.is()
}

async fn push(studio: &Studio, mutations: &[Value]) -> MutationsPushed {
    studio
        .post("/mutations", json!({ "client": CLIENT, "mutations": mutations }))
        .await
        .is()
}

#[tokio::test]
async fn a_feed_gives_each_thing_once_as_it_is_now() {
    let house = House::new().await;
    let artist = Studio::new(&house, "ines", "artist", 0).await;
    let user = Studio::new(&house, "bo", "user", 0).await;
    let follow = format!("/users/{}/follow", artist.user);
    user.put(&follow, json!({})).await.is::<Value>();
    let first = pull(&user, "").await;
    assert!(!first.restarted && !first.more);
    assert!(matches!(&first.items[..], [FeedItem::Follow { state }] if state.following));
    assert!(pull(&user, &first.cursor).await.items.is_empty());
    user.delete(&follow).await.is::<Value>();
    user.put(&follow, json!({})).await.is::<Value>();
    user.delete(&follow).await.is::<Value>();
    let then = pull(&user, &first.cursor).await;
    assert!(matches!(&then.items[..], [FeedItem::Follow { state }] if !state.following));
    // Who begins anew gets the same.
    assert_eq!(pull(&user, "").await.items, then.items);
    // Their profile has how many follow them.
    let notified = pull(&artist, "").await;
    assert!(matches!(
        &notified.items[..],
        [FeedItem::Notification { state: Some(_), .. }, FeedItem::Profile {}]
    ));
}

#[tokio::test]
async fn every_kind_of_thing_comes_with_its_state_and_what_is_gone_without() {
    let house = House::new().await;
    let artist = Studio::new(&house, "ines", "artist", 0).await;
    let user = Studio::new(&house, "bo", "user", 50).await;
    let style = artist.style("Harbour ink", &["ink"], 5).await;
    let picture = user.make(style, 5, &["sea"]).await;
    user.publish(picture).await;
    user.put(&format!("/users/{}/follow", artist.user), json!({}))
        .await
        .is::<Value>();
    let like = format!("/generations/{picture}/like");
    artist.put(&like, json!({})).await.is::<Value>();
    let comments = format!("/generations/{picture}/comments");
    let said: CommentView = artist.post(&comments, json!({ "content": "…!" })).await.is();
    let vouchers = json!({ "style": style, "count": 1, "cost_tokens": 5 });
    user.post("/vouchers", vouchers).await.is::<Value>();
    user.post("/purchases", json!({ "tokens": 100 })).await.is::<Value>();
    execute(&house, "UPDATE earnings SET earned_at = earned_at - interval '8 days'").await;
    house.sweep().await;
    artist.post("/withdrawals", json!({ "tokens": 5 })).await.is::<Value>();
    let kinds = async |studio: &Studio| -> BTreeSet<(String, bool)> {
        let page: Value = studio.get("/feed?limit=100").await.is();
        let items = page["items"].as_array().expect("items").iter();
        items
            .map(|item| {
                (
                    item["kind"].as_str().expect("a kind").to_owned(),
                    item["state"].is_object(),
                )
            })
            .collect()
    };
    let with = |kinds: &[&str]| -> BTreeSet<(String, bool)> {
        kinds
            .iter()
            .map(|kind| ((*kind).to_owned(), *kind != "profile"))
            .collect()
    };
    let all = ["balance", "follow", "generation", "notification", "purchase", "voucher"];
    assert_eq!(kinds(&user).await, with(&all));
    let all = [
        "comment",
        "earnings",
        "like",
        "notification",
        "profile",
        "style",
        "withdrawal",
    ];
    assert_eq!(kinds(&artist).await, with(&all));
    artist.delete(&format!("/comments/{}", said.id)).await;
    // Hidden: what the other likes is not theirs to see any more.
    user.patch(&format!("/generations/{picture}"), json!({ "is_public": false }))
        .await
        .is::<Value>();
    let draft: Value = artist
        .patch(&format!("/styles/{style}"), json!({ "is_active": false }))
        .await
        .is();
    assert_eq!(draft["workshop"]["is_active"], false);
    let draft = artist.draft("Another", &["ink"], 0).await;
    artist.delete(&format!("/styles/{draft}")).await;
    let of_artist = pull(&artist, "").await.items;
    let gone = |wanted: fn(&FeedItem) -> bool| of_artist.iter().any(wanted);
    assert!(gone(|item| matches!(item, FeedItem::Comment { state: None, .. })));
    assert!(gone(|item| matches!(item, FeedItem::Like { state: None, .. })));
    assert!(gone(|item| matches!(item, FeedItem::Style { state: None, .. })));
    assert!(gone(|item| matches!(item, FeedItem::Style { state: Some(_), .. })));
}

#[tokio::test]
async fn pages_follow_each_other_while_others_write() {
    let house = House::new().await;
    let user = Studio::new(&house, "bo", "user", 0).await;
    let mut people = Vec::new();
    for i in 0..30 {
        people.push(Studio::new(&house, &format!("p{i}"), "user", 0).await);
    }
    let writing = join_all(people.iter().map(async |person| {
        user.put(&format!("/users/{}/follow", person.user), json!({}))
            .await
            .is::<Value>();
    }));
    let reading = async {
        let mut seen = Vec::new();
        let mut cursor = String::new();
        while seen.len() < 30 {
            let after = if cursor.is_empty() {
                String::new()
            } else {
                format!("&after={cursor}")
            };
            let page: FeedPage = user.get(&format!("/feed?limit=4{after}")).await.is();
            seen.extend(page.items);
            cursor = page.cursor;
        }
        seen
    };
    let (_, seen) = tokio::join!(writing, tokio::time::timeout(Duration::from_secs(60), reading));
    let mut followed: Vec<_> = seen
        .expect("all of it arrives")
        .into_iter()
        .map(|item| match item {
            FeedItem::Follow { state } => state.user,
            other => panic!("{other:?}"),
        })
        .collect();
    followed.sort();
    followed.dedup();
    assert_eq!(followed.len(), 30, "none is skipped, none comes twice");
}

#[tokio::test]
async fn a_cursor_of_before_a_restored_backup_begins_anew() {
    let house = House::new().await;
    let artist = Studio::new(&house, "ines", "artist", 0).await;
    let user = Studio::new(&house, "bo", "user", 0).await;
    let follow = format!("/users/{}/follow", artist.user);
    user.put(&follow, json!({})).await.is::<Value>();
    user.delete(&follow).await.is::<Value>();
    let known = pull(&user, "").await;
    // As if the last change had never been made.
    sqlx::query("UPDATE user_feed SET seq = seq - 1 WHERE user_id = $1")
        .bind(user.user)
        .execute(house.pool())
        .await
        .expect("the database answers");
    let page = pull(&user, &known.cursor).await;
    assert!(page.restarted);
    assert_eq!(page.items.len(), 1);
}

/// The address of a database that a dump of this house's was restored into.
async fn restored(house: &House, name: &str) -> String {
    let of: String = sqlx::query_scalar("SELECT current_database()::text")
        .fetch_one(house.pool())
        .await
        .expect("its name");
    let dump = cluster().data().parent().expect("a folder").join(name);
    cluster().make_database(name).expect("made");
    let (of, to) = (cluster().url(&of), cluster().url(name));
    let mut dumping = cluster().program("pg_dump");
    dumping.args(["--format=custom", "--dbname", &of, "--file"]).arg(&dump);
    let mut restoring = cluster().program("pg_restore");
    restoring.args(["--exit-on-error", "--dbname", &to]).arg(&dump);
    for program in [&mut dumping, &mut restoring] {
        let answer = program.output().expect("it starts");
        assert!(answer.status.success(), "{}", String::from_utf8_lossy(&answer.stderr));
    }
    to
}

#[tokio::test]
async fn a_restored_dump_is_another_history_whatever_happened_afterwards() {
    let key = "07".repeat(32);
    let house = House::with(|config| config.signing_key = Some(key.clone().into())).await;
    let user = house.user("bo").await;
    let mut follows = Vec::new();
    for name in ["a1", "b2", "c3", "d4"] {
        follows.push(format!("/users/{}/follow", house.user(name).await.id()));
    }
    user.put(&follows[0], &json!({})).await.is(200);
    let url = restored(&house, "restored_feed").await;
    user.put(&follows[1], &json!({})).await.is(200);
    let known: FeedPage = user.get("/feed").await.gives(200);
    // More happens in the restored one than had happened in the other.
    let other = House::with(|config| {
        config.database_url = Some(url.into());
        config.signing_key = Some(key.into());
    })
    .await;
    let user = other.nobody().with_token(user.token());
    for path in &follows[2..] {
        user.put(path, &json!({})).await.is(200);
    }
    let page: FeedPage = user.get(&format!("/feed?after={}", known.cursor)).await.gives(200);
    assert!(page.restarted);
    assert_eq!(page.items.len(), 3, "{page:?}");
    let again: FeedPage = user.get(&format!("/feed?after={}", page.cursor)).await.gives(200);
    assert!(!again.restarted && again.items.is_empty());
}

#[tokio::test]
async fn what_is_gone_is_told_for_ninety_days_and_then_an_older_cursor_begins_anew() {
    let house = House::new().await;
    let user = Studio::new(&house, "bo", "user", 0).await;
    let mut follows = Vec::new();
    for name in ["a1", "b2", "c3"] {
        let other = Studio::new(&house, name, "user", 0).await;
        follows.push(format!("/users/{}/follow", other.user));
    }
    for path in &follows[..2] {
        user.put(path, json!({})).await.is::<Value>();
    }
    let known = pull(&user, "").await;
    user.delete(&follows[0]).await.is::<Value>();
    house.sweep().await;
    let told = pull(&user, &known.cursor).await;
    assert!(matches!(&told.items[..], [FeedItem::Follow { state }] if !state.following));
    let age = "UPDATE feed_entries SET changed_at = changed_at - interval '46 days'";
    execute(&house, age).await;
    house.sweep().await;
    assert_eq!(pull(&user, &known.cursor).await, told);
    execute(&house, age).await;
    tokio::join!(house.sweep(), house.sweep(), house.sweep());
    let page = pull(&user, &known.cursor).await;
    assert!(page.restarted);
    assert!(matches!(&page.items[..], [FeedItem::Follow { state }] if state.following));
    // Who had read it, and who begins now, page by page, goes on.
    user.put(&follows[2], json!({})).await.is::<Value>();
    let up_to_date = pull(&user, &told.cursor).await;
    assert!(!up_to_date.restarted && up_to_date.items.len() == 1);
    let first: FeedPage = user.get("/feed?limit=1").await.is();
    assert!(first.more && first.items.len() == 1);
    let second = pull(&user, &first.cursor).await;
    assert!(!second.restarted && second.items.len() == 1);
    // What comes back is there as if it had never been gone.
    user.put(&follows[0], json!({})).await.is::<Value>();
    execute(&house, age).await;
    execute(&house, age).await;
    house.sweep().await;
    assert_eq!(pull(&user, "").await.items.len(), 3);
}

#[tokio::test]
async fn a_stream_says_that_there_is_more_and_goes_on_where_it_was() {
    let house = House::new().await;
    let artist = Studio::new(&house, "ines", "artist", 0).await;
    let user = house.user("bo").await;
    let follow = format!("/users/{}/follow", artist.user);
    let listen = async |last: Option<&str>| {
        let mut request = user.request(Method::GET, "/feed/events");
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let response = request.send().await.expect("answers");
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        response.bytes_stream()
    };
    let first_event =
        async |mut stream: std::pin::Pin<Box<dyn futures_util::Stream<Item = reqwest::Result<bytes::Bytes>>>>| {
            let event = tokio::time::timeout(Duration::from_secs(10), stream.next())
                .await
                .expect("in time");
            let event = String::from_utf8(event.expect("one").expect("whole").to_vec()).expect("text");
            assert!(event.contains("event: more"), "{event}");
            let id = event.lines().find_map(|line| line.strip_prefix("id: ")).expect("an id");
            id.to_owned()
        };
    let stream = Box::pin(listen(None).await);
    user.put(&follow, &json!({})).await.is(200);
    let cursor = first_event(stream).await;
    let page: FeedPage = user.get(&format!("/feed?after={cursor}")).await.gives(200);
    assert!(
        page.items.is_empty() && !page.restarted,
        "the id is the cursor of what there is"
    );
    // What happened in between is told at once.
    user.delete(&follow).await.is(200);
    let next = first_event(Box::pin(listen(Some(&cursor)).await)).await;
    let page: FeedPage = user.get(&format!("/feed?after={cursor}")).await.gives(200);
    assert_eq!((page.items.len(), page.cursor), (1, next));
    // A server that stops lets nobody hang.
    let mut stream = Box::pin(listen(None).await);
    house.app.closing.cancel();
    let end = tokio::time::timeout(Duration::from_secs(10), async {
        while stream.next().await.is_some() {}
    });
    end.await.expect("it ends");
}

#[tokio::test]
async fn mutations_are_applied_in_order_and_a_bad_one_holds_nobody_up() {
    let house = House::new().await;
    let artist = Studio::new(&house, "ines", "artist", 0).await;
    let user = Studio::new(&house, "bo", "user", 0).await;
    let mutations = [
        json!({ "id": 1, "mutation": { "kind": "follow", "user": artist.user, "following": true } }),
        json!({ "id": 2, "mutation": { "kind": "like", "generation": 999_999, "liked": true } }),
        json!({ "id": 3, "mutation": { "kind": "of_a_newer\u{0}studio" } }),
        json!({ "id": 4, "mutation": { "kind": "follow", "user": artist.user, "following": false } }),
    ];
    let gap = user
        .post("/mutations", json!({ "client": CLIENT, "mutations": &mutations[1..] }))
        .await;
    assert_eq!(gap.code(), "mutation_gap");
    let pushed = push(&user, &mutations).await;
    assert_eq!(pushed.last_mutation_id, 4);
    let rejected = |outcome: &MutationResult, wanted: &str| matches!(outcome, MutationResult::Rejected { code, .. } if code == wanted);
    assert!(matches!(pushed.outcomes[0].result, MutationResult::Applied { .. }));
    assert!(rejected(&pushed.outcomes[1].result, "generation_unknown"));
    assert!(rejected(&pushed.outcomes[2].result, "request_invalid"));
    assert!(matches!(pushed.outcomes[3].result, MutationResult::Applied { .. }));
    assert_eq!(
        push(&user, &mutations).await,
        pushed,
        "a repeat is answered as the first"
    );
    let holes = user
        .post(
            "/mutations",
            json!({ "client": CLIENT, "mutations": [mutations[0], mutations[2]] }),
        )
        .await;
    assert_eq!(holes.code(), "request_invalid");
}

#[tokio::test]
async fn pushes_of_one_studio_at_once_apply_everything_once() {
    let house = House::new().await;
    let artist = Studio::new(&house, "ines", "artist", 0).await;
    let user = Studio::new(&house, "bo", "user", 50).await;
    let style = artist.style("Harbour ink", &["ink"], 5).await;
    let picture = user.make(style, 5, &["sea"]).await;
    user.publish(picture).await;
    let mutations: Vec<_> = (1..=10)
        .map(|id| json!({ "id": id, "mutation": { "kind": "comment_add", "generation": picture, "content": id.to_string() } }))
        .collect();
    let elsewhere = user.elsewhere(&house).await;
    let all = join_all((0..6).map(|i| push(if i % 2 == 0 { &user } else { &elsewhere }, &mutations))).await;
    for pushed in &all {
        assert_eq!(pushed, &all[0]);
    }
    let said: Vec<String> = sqlx::query_scalar("SELECT content FROM comments ORDER BY id")
        .fetch_all(house.pool())
        .await
        .expect("the database answers");
    assert_eq!(said, (1..=10).map(|id| id.to_string()).collect::<Vec<_>>());
    // The other studio sees them all.
    let feed = pull(&elsewhere, "").await;
    let comments = feed
        .items
        .iter()
        .filter(|item| matches!(item, FeedItem::Comment { state: Some(_), .. }));
    assert_eq!(comments.count(), 10);
}

#[tokio::test]
async fn every_kind_of_mutation_does_what_its_route_does() {
    let house = House::new().await;
    let artist = Studio::new(&house, "ines", "artist", 0).await;
    let user = Studio::new(&house, "bo", "user", 50).await;
    let style = artist.style("Harbour ink", &["ink"], 5).await;
    let picture = user.make(style, 5, &["sea"]).await;
    user.publish(picture).await;
    let said: CommentView = artist
        .post(&format!("/generations/{picture}/comments"), json!({ "content": "…" }))
        .await
        .is();
    let told: i64 = sqlx::query_scalar("SELECT max(id) FROM notifications WHERE recipient_id = $1")
        .bind(user.user)
        .fetch_one(house.pool())
        .await
        .expect("a number");
    let pushed = push(
        &user,
        &[
            json!({ "id": 1, "mutation": { "kind": "like", "generation": picture, "liked": true } }),
            json!({ "id": 2, "mutation": { "kind": "comment_add", "generation": picture, "parent": said.id, "content": "a" } }),
            json!({ "id": 3, "mutation": { "kind": "generation", "generation": picture, "description": "dusk" } }),
            json!({ "id": 4, "mutation": { "kind": "notification_read", "notification": told, "is_read": true } }),
            json!({ "id": 5, "mutation": { "kind": "notifications_read", "until": told } }),
        ],
    )
    .await;
    let MutationResult::Applied { comment: Some(reply) } = pushed.outcomes[1].result else {
        panic!("{pushed:?}");
    };
    let pushed = push(
        &user,
        &[
            json!({ "id": 6, "mutation": { "kind": "comment_edit", "comment": reply, "content": "b" } }),
            json!({ "id": 7, "mutation": { "kind": "comment_remove", "comment": said.id } }),
        ],
    )
    .await;
    assert!(
        pushed
            .outcomes
            .iter()
            .all(|outcome| matches!(outcome.result, MutationResult::Applied { .. }))
    );
    let row: (i32, i32, Option<String>) =
        sqlx::query_as("SELECT like_count, comment_count, description FROM generations")
            .fetch_one(house.pool())
            .await
            .expect("a row");
    assert_eq!(row, (1, 0, Some("dusk".to_owned())));
    let unread: Value = user.get("/notifications/unread").await.is();
    assert_eq!(unread["unread"], 0);
}
