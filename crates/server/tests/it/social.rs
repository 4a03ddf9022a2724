//! Following, liking and commenting: the plan's rules, and counts that are exact however many come at once.

use atelier_contract::{CommentView, FollowView, GenerationId, GenerationView, LikeView, Page, PersonCard};
use futures_util::future::join_all;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::crowds::deadlocks;
use crate::harness::House;
use crate::studio::Studio;

/// An artist, a user, and a picture of the user's that everybody sees.
async fn gallery() -> (House, Studio, Studio, GenerationId) {
    let house = House::new().await;
    let artist = Studio::new(&house, "ines", "artist", 0).await;
    let user = Studio::new(&house, "bo", "user", 50).await;
    let style = artist.style("Harbour ink", &["ink"], 5).await;
    let picture = user.make(style, 5, &["sea"]).await;
    user.publish(picture).await;
    (house, artist, user, picture)
}

async fn number(house: &House, query: &'static str) -> i64 {
    sqlx::query_scalar(query)
        .fetch_one(house.pool())
        .await
        .expect("a number")
}

async fn crowd(house: &House, people: usize) -> Vec<Studio> {
    let mut crowd = Vec::new();
    for i in 0..people {
        crowd.push(Studio::new(house, &format!("fan{i}"), "user", 0).await);
    }
    crowd
}

#[tokio::test]
async fn nobody_follows_themselves_or_twice_and_unfollowing_removes_the_row() {
    let (house, artist, user, _) = gallery().await;
    let path = format!("/users/{}/follow", artist.user);
    assert_eq!(artist.put(&path, json!({})).await.code(), "request_invalid");
    for _ in 0..2 {
        let view: FollowView = user.put(&path, json!({})).await.is();
        assert!(view.following);
    }
    assert_eq!(number(&house, "SELECT count(*) FROM follows").await, 1);
    assert_eq!(number(&house, "SELECT follower_count::bigint FROM artists").await, 1);
    let followers: Page<PersonCard> = user.get(&format!("/users/{}/followers", artist.user)).await.is();
    assert_eq!(followers.items[0].username, "bo");
    let following: Page<PersonCard> = artist.get(&format!("/users/{}/following", user.user)).await.is();
    assert_eq!(following.items[0].artist_name.as_deref(), Some("ines"));
    for _ in 0..2 {
        let view: FollowView = user.delete(&path).await.is();
        assert!(!view.following);
    }
    assert_eq!(number(&house, "SELECT count(*) FROM follows").await, 0);
    assert_eq!(number(&house, "SELECT follower_count::bigint FROM artists").await, 0);
    assert_eq!(user.put("/users/999999/follow", json!({})).await.code(), "user_unknown");
    // The platform is nobody to follow.
    let platform = number(&house, "SELECT platform_user()").await;
    assert_eq!(
        user.put(&format!("/users/{platform}/follow"), json!({})).await.code(),
        "user_unknown"
    );
}

#[tokio::test]
async fn followers_who_came_before_the_artist_was_one_are_counted() {
    let (house, _, user, _) = gallery().await;
    let fans = crowd(&house, 8).await;
    let path = format!("/users/{}/follow", user.user);
    let joining = sqlx::query("INSERT INTO artists (user_id, artist_name) VALUES ($1, 'bo')")
        .bind(user.user)
        .execute(house.pool());
    let (became, follows) = tokio::join!(joining, join_all(fans.iter().map(|fan| fan.put(&path, json!({})))));
    became.expect("an artist");
    assert!(follows.iter().all(|reply| reply.status.is_success()));
    let counted: i32 = sqlx::query_scalar("SELECT follower_count FROM artists WHERE user_id = $1")
        .bind(user.user)
        .fetch_one(house.pool())
        .await
        .expect("a number");
    assert_eq!(counted, 8);
}

#[tokio::test]
async fn a_like_counts_once_and_only_for_who_sees_the_picture() {
    let (house, artist, user, picture) = gallery().await;
    let path = format!("/generations/{picture}/like");
    for _ in 0..2 {
        let view: LikeView = artist.put(&path, json!({})).await.is();
        assert_eq!((view.liked, view.like_count), (true, 1));
    }
    let people: Page<PersonCard> = user.get(&format!("/generations/{picture}/likes")).await.is();
    assert_eq!(people.items.len(), 1);
    for _ in 0..2 {
        let view: LikeView = artist.delete(&path).await.is();
        assert_eq!((view.liked, view.like_count), (false, 0));
    }
    user.patch(&format!("/generations/{picture}"), json!({ "is_public": false }))
        .await
        .is::<Value>();
    assert_eq!(artist.put(&path, json!({})).await.code(), "generation_unknown");
    assert_eq!(
        artist.get(&format!("/generations/{picture}/likes")).await.code(),
        "generation_unknown"
    );
    assert!(
        user.put(&path, json!({})).await.status.is_success(),
        "one's own is seen"
    );
    assert_eq!(number(&house, "SELECT count(*) FROM likes").await, 1);
    let stranger = artist.delete(&path).await;
    assert_eq!(stranger.code(), "generation_unknown", "it was liked no longer before");
}

#[tokio::test]
async fn who_liked_what_was_hidden_since_may_take_it_back() {
    let (house, artist, user, picture) = gallery().await;
    let path = format!("/generations/{picture}/like");
    artist.put(&path, json!({})).await.is::<Value>();
    user.patch(&format!("/generations/{picture}"), json!({ "is_public": false }))
        .await
        .is::<Value>();
    let view: LikeView = artist.delete(&path).await.is();
    assert_eq!((view.liked, view.like_count), (false, 0));
    assert_eq!(number(&house, "SELECT count(*) FROM likes").await, 0);
    assert_eq!(
        number(&house, "SELECT sum(like_count)::bigint FROM generations").await,
        0
    );
    assert_eq!(artist.delete(&path).await.code(), "generation_unknown");
}

#[tokio::test]
async fn likes_are_rolled_up_while_a_picture_is_taken_back() {
    let (house, artist, _, picture) = gallery().await;
    artist
        .put(&format!("/generations/{picture}/like"), json!({}))
        .await
        .is::<LikeView>();
    // As when its maker takes it back: the publication first, its tags after.
    let mut back = house.pool().begin().await.expect("a transaction");
    sqlx::query("SELECT FROM publications WHERE generation_id = $1 FOR UPDATE")
        .bind(picture)
        .execute(&mut *back)
        .await
        .expect("the database answers");
    let app = house.app.clone();
    let rolled_up = tokio::spawn(async move { atelier_server::sweeps::run_all(&app).await });
    house.somebody_waits().await;
    sqlx::query("DELETE FROM publications WHERE generation_id = $1")
        .bind(picture)
        .execute(&mut *back)
        .await
        .expect("nobody waits in a circle");
    back.commit().await.expect("the database answers");
    rolled_up.await.expect("no panic").expect("nobody waits in a circle");
}

#[tokio::test]
async fn a_comment_has_one_level_of_replies_and_takes_them_with_it() {
    let (house, artist, user, picture) = gallery().await;
    let comments = format!("/generations/{picture}/comments");
    let first: CommentView = artist.post(&comments, json!({ "content": "  fine lines " })).await.is();
    assert_eq!(first.content, "fine lines");
    let reply: CommentView = user
        .post(&comments, json!({ "content": "고마워요", "parent": first.id }))
        .await
        .is();
    assert_eq!(reply.parent, Some(first.id));
    let deeper = artist
        .post(&comments, json!({ "content": "…", "parent": reply.id }))
        .await;
    assert_eq!(deeper.code(), "reply_too_deep");
    assert_eq!(
        artist.post(&comments, json!({ "content": " " })).await.code(),
        "number_out_of_range"
    );
    let long = "x".repeat(2001);
    assert_eq!(
        artist.post(&comments, json!({ "content": long })).await.code(),
        "number_out_of_range"
    );
    let elsewhere = artist
        .post(&comments, json!({ "content": "…", "parent": 999_999 }))
        .await;
    assert_eq!(elsewhere.code(), "comment_unknown");
    let view: GenerationView = user.get(&format!("/generations/{picture}")).await.is();
    assert_eq!(view.comment_count, 2, "what was refused is not counted");
    let listed: Page<CommentView> = user.get(&comments).await.is();
    assert_eq!(listed.items.len(), 1);
    assert_eq!((listed.items[0].reply_count, listed.items[0].like_count), (1, 0));
    let replies: Page<CommentView> = artist.get(&format!("/comments/{}/replies", first.id)).await.is();
    assert_eq!(replies.items, std::slice::from_ref(&reply));
    let gone = artist.delete(&format!("/comments/{}", first.id)).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    assert_eq!(number(&house, "SELECT count(*) FROM comments").await, 0);
    assert_eq!(number(&house, "SELECT comment_count::bigint FROM generations").await, 0);
    assert_eq!(
        user.get(&format!("/comments/{}", reply.id)).await.code(),
        "comment_unknown"
    );
}

#[tokio::test]
async fn a_comment_is_edited_by_its_author_and_removed_by_them_or_whose_picture_it_is() {
    let (house, artist, user, picture) = gallery().await;
    let other = Studio::new(&house, "cy", "user", 0).await;
    let comments = format!("/generations/{picture}/comments");
    let said: CommentView = artist.post(&comments, json!({ "content": "one" })).await.is();
    let path = format!("/comments/{}", said.id);
    for stranger in [&user, &other] {
        assert_eq!(
            stranger.patch(&path, json!({ "content": "two" })).await.code(),
            "comment_unknown"
        );
    }
    let edited: CommentView = artist.patch(&path, json!({ "content": "two" })).await.is();
    assert_eq!(edited.content, "two");
    assert!(edited.updated_at > said.updated_at);
    assert_eq!(other.delete(&path).await.code(), "comment_unknown");
    assert_eq!(
        user.delete(&path).await.status,
        StatusCode::NO_CONTENT,
        "it is on their picture"
    );
    assert_eq!(user.delete(&path).await.code(), "comment_unknown");
}

#[tokio::test]
async fn who_left_is_not_shown_and_comes_back_as_they_were() {
    let (house, artist, user, picture) = gallery().await;
    let other = Studio::new(&house, "cy", "user", 0).await;
    let comments = format!("/generations/{picture}/comments");
    let said: CommentView = other.post(&comments, json!({ "content": "one" })).await.is();
    let reply = json!({ "content": "two", "parent": said.id });
    let reply: CommentView = artist.post(&comments, reply).await.is();
    for whom in [artist.user, user.user] {
        other
            .put(&format!("/users/{whom}/follow"), json!({}))
            .await
            .is::<FollowView>();
    }
    artist
        .put(&format!("/users/{}/follow", other.user), json!({}))
        .await
        .is::<FollowView>();
    let lists = ["followers", "following"].map(|list| format!("/users/{}/{list}", other.user));
    let seen = async |by: &Studio| by.get(&comments).await.is::<Page<CommentView>>().items.len();
    let active = async |active: bool| {
        sqlx::query("UPDATE users SET is_active = $2 WHERE id = $1")
            .bind(other.user)
            .bind(active)
            .execute(house.pool())
            .await
            .expect("the database answers");
    };
    active(false).await;
    assert_eq!(seen(&user).await, 0);
    for path in [
        format!("/comments/{}", said.id),
        format!("/comments/{}/replies", said.id),
        format!("/comments/{}", reply.id),
    ] {
        assert_eq!(user.get(&path).await.code(), "comment_unknown", "{path}");
    }
    artist.get(&format!("/comments/{}", reply.id)).await.is::<CommentView>();
    for path in &lists {
        assert_eq!(user.get(path).await.code(), "user_unknown", "{path}");
    }
    let view: GenerationView = user.get(&format!("/generations/{picture}")).await.is();
    assert_eq!(view.comment_count, 2, "it is kept");
    active(true).await;
    assert_eq!(seen(&user).await, 1);
    let counts = [1, 2];
    for (path, count) in lists.iter().zip(counts) {
        assert_eq!(
            user.get(path).await.is::<Page<PersonCard>>().items.len(),
            count,
            "{path}"
        );
    }
    assert_eq!(user.get("/users/999999/followers").await.code(), "user_unknown");
}

#[tokio::test]
async fn a_comment_that_is_gone_is_quoted_nowhere() {
    let (_, artist, user, picture) = gallery().await;
    let comments = format!("/generations/{picture}/comments");
    let said: CommentView = artist.post(&comments, json!({ "content": "fine lines" })).await.is();
    let reply = json!({ "content": "coarse lines", "parent": said.id });
    user.post(&comments, reply).await.is::<CommentView>();
    let quoted = async |by: &Studio| {
        by.get("/notifications")
            .await
            .is::<Value>()
            .to_string()
            .contains("lines")
    };
    assert!(quoted(&user).await && quoted(&artist).await);
    let feed: Value = user.get("/feed?limit=100").await.is();
    let cursor = feed["cursor"].as_str().expect("a cursor");
    artist.delete(&format!("/comments/{}", said.id)).await;
    assert!(!quoted(&user).await && !quoted(&artist).await);
    let feed: Value = user.get(&format!("/feed?after={cursor}")).await.is();
    assert!(feed.to_string().contains("notification"), "a copy learns of it: {feed}");
}

#[tokio::test]
async fn words_that_were_changed_and_those_of_who_left_are_quoted_nowhere() {
    let (house, artist, user, picture) = gallery().await;
    let comments = format!("/generations/{picture}/comments");
    let said: CommentView = artist.post(&comments, json!({ "content": "coarse lines" })).await.is();
    let told = async || -> Value {
        let page: Value = user.get("/notifications").await.is();
        page["items"][0].clone()
    };
    let feed: Value = user.get("/feed?limit=100").await.is();
    let cursor = feed["cursor"].as_str().expect("a cursor");
    let other = json!({ "content": "fine lines" });
    artist
        .patch(&format!("/comments/{}", said.id), other)
        .await
        .is::<Value>();
    assert_eq!(told().await["metadata"]["preview"], "fine lines");
    let feed: Value = user.get(&format!("/feed?after={cursor}")).await.is();
    let copied = feed.to_string();
    assert!(
        copied.contains("notification") && copied.contains("fine lines"),
        "a copy learns of it: {feed}"
    );
    for (active, name, preview) in [
        (false, Value::Null, Value::Null),
        (true, json!("ines"), json!("fine lines")),
    ] {
        sqlx::query("UPDATE users SET is_active = $2 WHERE id = $1")
            .bind(artist.user)
            .bind(active)
            .execute(house.pool())
            .await
            .expect("the database answers");
        let told = told().await;
        assert_eq!(told["type"], "comment", "{told}");
        assert_eq!((&told["actor_name"], &told["metadata"]["preview"]), (&name, &preview));
        assert_eq!(told["metadata"]["generation"], json!(picture));
    }
}

#[tokio::test]
async fn a_repeated_comment_is_made_once() {
    let (house, artist, _, picture) = gallery().await;
    let path = format!("/generations/{picture}/comments");
    let body = json!({ "content": "once" });
    let all = join_all((0..8).map(|_| artist.send_as("the-same", reqwest::Method::POST, &path, Some(&body)))).await;
    assert!(all.iter().all(|reply| reply.status == StatusCode::CREATED));
    assert_eq!(number(&house, "SELECT count(*) FROM comments").await, 1);
}

#[tokio::test]
async fn a_repeat_is_answered_as_at_first_even_if_the_thing_is_gone() {
    let (house, artist, user, picture) = gallery().await;
    let (comments, post) = (format!("/generations/{picture}/comments"), reqwest::Method::POST);
    let body = json!({ "content": "fine lines" });
    let said = artist.send_as("a-comment", post.clone(), &comments, Some(&body)).await;
    let id = said.body["id"].as_i64().expect("a number");
    user.delete(&format!("/comments/{id}")).await;
    let again = artist.send_as("a-comment", post.clone(), &comments, Some(&body)).await;
    assert_eq!((again.status, again.body), (said.status, said.body));
    let joon = Studio::new(&house, "joon", "artist", 0).await;
    let body = json!({ "name": "Oil" });
    let begun = joon.send_as("a-style", post.clone(), "/styles", Some(&body)).await;
    let id = begun.body["id"].as_i64().expect("a number");
    joon.delete(&format!("/styles/{id}")).await;
    let again = joon.send_as("a-style", post, "/styles", Some(&body)).await;
    assert_eq!((again.status, again.body), (begun.status, begun.body));
}

#[tokio::test]
async fn counts_are_exact_however_many_come_at_once() {
    let (house, artist, user, picture) = gallery().await;
    let fans = crowd(&house, 200).await;
    let like = format!("/generations/{picture}/like");
    let comments = format!("/generations/{picture}/comments");
    let follow = format!("/users/{}/follow", artist.user);
    let first: CommentView = user.post(&comments, json!({ "content": "first" })).await.is();
    let acts = fans.iter().enumerate().map(async |(i, fan)| {
        let mut replies = vec![fan.put(&like, json!({})).await, fan.put(&follow, json!({})).await];
        if i % 2 == 0 {
            replies.push(fan.delete(&like).await);
            replies.push(fan.delete(&follow).await);
        }
        let said = fan
            .post(&comments, json!({ "content": "hm", "parent": first.id }))
            .await;
        if i % 4 == 0 && said.status.is_success() {
            let id = said.body["id"].as_i64().expect("a number");
            replies.push(fan.delete(&format!("/comments/{id}")).await);
        }
        // What is replied to may be gone by then.
        assert!(
            said.status.is_success() || said.code() == "comment_unknown",
            "{}",
            said.body
        );
        replies
    });
    let removal = async {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        user.delete(&format!("/comments/{}", first.id)).await
    };
    let (replies, removed) = tokio::join!(join_all(acts), removal);
    assert!(removed.status.is_success());
    for reply in replies.into_iter().flatten() {
        assert!(
            reply.status.is_success() || reply.code() == "comment_unknown",
            "{}",
            reply.body
        );
    }
    let rows: (i64, i64, i64) = sqlx::query_as(
        "SELECT (SELECT count(*) FROM likes), (SELECT count(*) FROM comments), (SELECT count(*) FROM follows)",
    )
    .fetch_one(house.pool())
    .await
    .expect("counts");
    let counted: (i32, i32, i32) =
        sqlx::query_as("SELECT like_count, comment_count, (SELECT follower_count FROM artists) FROM generations")
            .fetch_one(house.pool())
            .await
            .expect("counts");
    assert_eq!((counted.0.into(), counted.1.into(), counted.2.into()), rows);
    assert_eq!((rows.0, rows.2), (100, 100));
    let replies = "SELECT count(*) FROM comments WHERE parent_id IS NOT NULL";
    assert_eq!(
        number(&house, "SELECT coalesce(sum(reply_count), 0) FROM comments").await,
        number(&house, replies).await
    );
    assert_eq!(deadlocks(&house).await, 0);
}
