//! Many who buy at once: they wait for themselves only, never in a circle, never for a popular artist.

use std::time::{Duration, Instant};

use atelier_contract::{GenerationId, UserId};
use atelier_server::ledger::{self, Hold};
use serde_json::{Value, json};
use sqlx::{Connection as _, PgConnection};

use crate::harness::House;
use crate::moderation::operator;
use crate::money::{balance, books_are_right, seller, welcome, welcomed_studio};
use crate::studio::Studio;

#[tokio::test]
async fn two_artists_who_buy_from_each_other_do_not_wait_in_a_circle() {
    let house = House::with(|config| config.connections_max = 32).await;
    let mut artists = Vec::new();
    for name in ["ines", "jo"] {
        let artist = Studio::new(&house, name, "artist", 0).await;
        let style = artist.style("Ink", &["ink"], 1).await;
        welcome(&house, artist.user).await;
        artists.push((artist, style));
    }
    let sales = (0..40).map(|n| {
        let ((buyer, _), (_, style)) = (&artists[n % 2], &artists[(n + 1) % 2]);
        buyer.make(*style, 1, &["sea"])
    });
    futures_util::future::join_all(sales).await;
    for (artist, _) in &artists {
        assert_eq!(balance(&house, artist.user).await, 80);
        assert_eq!(artist.get("/earnings").await.body["pending"], 20);
    }
    books_are_right(&house).await;
    assert_eq!(deadlocks(&house).await, 0);
}

/// Deadlocks that there were. Ends the server's connections to the database: each tells what it counted when it ends.
pub(crate) async fn deadlocks(house: &House) -> i64 {
    let options = house.pool().connect_options();
    house.pool().close().await;
    let mut watcher = PgConnection::connect_with(&options).await.expect("connects");
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let others: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        .fetch_one(&mut watcher)
        .await
        .expect("the database answers");
        if others == 0 {
            break;
        }
        assert!(Instant::now() < deadline, "{others} connections do not end");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    sqlx::query_scalar("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        .fetch_one(&mut watcher)
        .await
        .expect("the database answers")
}

#[tokio::test]
async fn a_circle_is_counted() {
    let house = House::new().await;
    let (one, other) = (house.user("one").await.id().get(), house.user("other").await.id().get());
    let (mut first, mut second) = (
        house.pool().begin().await.expect("begins"),
        house.pool().begin().await.expect("begins"),
    );
    let lock = "SELECT id FROM users WHERE id = $1 FOR UPDATE";
    sqlx::query(lock).bind(one).execute(&mut *first).await.expect("free");
    sqlx::query(lock).bind(other).execute(&mut *second).await.expect("free");
    let waits = tokio::spawn(async move {
        let locked = sqlx::query(lock).bind(other).execute(&mut *first).await;
        first.rollback().await.map(|()| locked.is_ok())
    });
    let locked = sqlx::query(lock).bind(one).execute(&mut *second).await.is_ok();
    drop(second);
    let waited = waits.await.expect("it does not panic").expect("rolls back");
    assert!(locked != waited, "one of the two is given up");
    assert_eq!(deadlocks(&house).await, 1);
}

/// A sale that is under way and not committed: what it locks stays locked.
async fn open_sale(
    house: &House,
    buyer: UserId,
    (artist, style): (UserId, atelier_contract::StyleId),
) -> sqlx::Transaction<'static, sqlx::Postgres> {
    let mut tx = house.pool().begin().await.expect("begins");
    let generation: GenerationId = sqlx::query_scalar(
        "INSERT INTO generations (user_id, style_id, consumed_tokens, status) VALUES ($1, $2, 5, 'processing') RETURNING id",
    )
    .bind(buyer.get())
    .bind(style.get())
    .fetch_one(&mut *tx)
    .await
    .expect("a generation");
    let hold = Hold {
        buyer,
        artist,
        style,
        generation,
        amount: 5.try_into().expect("not negative"),
    };
    ledger::hold(&mut tx, hold).await.expect("held");
    ledger::capture(&mut tx, generation).await.expect("captured");
    tx
}

#[tokio::test]
async fn two_hundred_buy_from_one_artist_at_once_and_wait_for_nobody() {
    let house = House::with(|config| {
        config.connections_max = 48;
        config.statement_ms_max = 60_000;
    })
    .await;
    let (artist, style) = seller(&house, 5).await;
    let mut buyers = Vec::new();
    for n in 0..201 {
        buyers.push(welcomed_studio(&house, &format!("buyer{n}")).await);
    }
    // The tags are there: who brings a new one waits for another who brings the same.
    let first = buyers.pop().expect("201");
    first.make(style, 5, &["sea"]).await;
    let open = open_sale(&house, first.user, (artist.user, style)).await;
    let options = house.pool().connect_options();
    let mut watcher = PgConnection::connect_with(&options).await.expect("connects");

    let sales = buyers.iter().map(|buyer| {
        let buyer = buyer.clone();
        tokio::spawn(async move { buyer.make(style, 5, &["sea"]).await })
    });
    let sales = sales.collect::<Vec<_>>();
    let (mut most, mut waits) = (0, Vec::new());
    while sales.iter().any(|sale| !sale.is_finished()) {
        let (under_way, waiting): (i64, Vec<String>) = sqlx::query_as(
            "SELECT (SELECT count(*) FROM pg_stat_activity
                      WHERE datname = current_database() AND xact_start IS NOT NULL AND pid <> pg_backend_pid()),
                    ARRAY(SELECT locktype || ' ' || coalesce(relation::regclass::text, '') || ' ' || mode
                            FROM pg_locks
                            JOIN pg_stat_activity USING (pid)
                           WHERE NOT granted AND datname = current_database()
                             AND locktype IN ('transactionid', 'tuple', 'object', 'advisory'))",
        )
        .fetch_one(&mut watcher)
        .await
        .expect("the database answers");
        most = most.max(under_way);
        waits.extend(waiting);
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    for sale in sales {
        sale.await.expect("no refusal, none that ran out of time");
    }
    open.rollback().await.expect("rolls back");
    assert_eq!(waits, Vec::<String>::new(), "nobody waits for another's row");
    assert!(
        most > 2,
        "they go on beside the one that is open and beside each other: {most}"
    );
    assert_eq!(artist.get("/earnings").await.body["pending"], 201 * 5);
    for buyer in &buyers {
        assert_eq!(balance(&house, buyer.user).await, 95);
    }
    books_are_right(&house).await;
    drop(watcher);
    assert_eq!(deadlocks(&house).await, 0);
}

#[tokio::test]
async fn whoever_changes_a_style_or_a_picture_waits_for_nobody_who_only_refers_to_it() {
    let house = House::with(|config| config.statement_ms_max = 3_000).await;
    let (artist, style) = seller(&house, 5).await;
    let buyer = welcomed_studio(&house, "bo").await;
    let picture = buyer.make(style, 5, &["sea"]).await;
    let mut sale = open_sale(&house, buyer.user, (artist.user, style)).await;
    sqlx::query("INSERT INTO generation_tags (generation_id, tag_id, sequence) SELECT $1, min(id), 9 FROM tags WHERE name = 'ink'")
        .bind(picture.get())
        .execute(&mut *sale)
        .await
        .expect("it refers to the picture");
    let terms = json!({ "generation_cost_tokens": 6, "license_type": "commercial" });
    artist.put(&format!("/styles/{style}/terms"), terms).await.is::<Value>();
    // The buyer's own feed is not held by the sale that is open.
    let change = json!({ "description": "The harbour." });
    buyer
        .patch(&format!("/generations/{picture}"), change)
        .await
        .is::<Value>();
    for words in [
        ["style", "flag", &style.to_string()],
        ["generation", "hide", &picture.to_string()],
    ] {
        operator(&house, &words).await.expect("done at once");
    }
    sale.rollback().await.expect("rolls back");
    assert_eq!(deadlocks(&house).await, 0);
}
