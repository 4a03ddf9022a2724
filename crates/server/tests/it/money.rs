//! What tests of money have in common: people whose every token has an entry, and a look at the books afterwards.

use std::time::{Duration, Instant};

use atelier_contract::UserId;
use atelier_server::feed::{self, Change};
use atelier_server::ledger;
use atelier_server::reconcile::reconcile;
use serde_json::Value;

use crate::harness::{House, Person};
use crate::studio::Studio;

/// Somebody with the hundred tokens that everybody begins with.
pub(crate) async fn welcomed(house: &House, name: &str) -> Person {
    let person = house.user(name).await;
    welcome(house, person.id()).await;
    person
}

/// Somebody on a device with the hundred tokens that everybody begins with.
pub(crate) async fn welcomed_studio(house: &House, name: &str) -> Studio {
    let studio = Studio::new(house, name, "user", 0).await;
    welcome(house, studio.user).await;
    studio
}

pub(crate) async fn welcome(house: &House, user: UserId) {
    let mut tx = house.pool().begin().await.expect("begins");
    ledger::welcome(&mut tx, user).await.expect("welcomed");
    feed::append(&mut tx, user, Change::Balance).await.expect("told");
    tx.commit().await.expect("commits");
}

/// An artist, and a style of theirs at `cost`.
pub(crate) async fn seller(house: &House, cost: i64) -> (Studio, atelier_contract::StyleId) {
    let artist = Studio::new(house, "ines", "artist", 0).await;
    let style = artist.style("Ink", &["ink"], cost).await;
    (artist, style)
}

/// One number.
pub(crate) async fn number(house: &House, query: &'static str) -> i64 {
    sqlx::query_scalar(query)
        .fetch_one(house.pool())
        .await
        .expect("a number")
}

pub(crate) async fn execute(house: &House, statement: &'static str) -> u64 {
    let done = sqlx::query(statement).execute(house.pool()).await.expect("done");
    done.rows_affected()
}

pub(crate) async fn balance(house: &House, user: UserId) -> i64 {
    sqlx::query_scalar("SELECT token_balance FROM users WHERE id = $1")
        .bind(user.get())
        .fetch_one(house.pool())
        .await
        .expect("the user is there")
}

/// The books are right.
#[track_caller]
pub(crate) fn right(differences: sqlx::Result<Vec<String>>) {
    let differences = differences.expect("the database answers");
    assert!(differences.is_empty(), "{differences:#?}");
}

/// The books are right.
pub(crate) async fn books_are_right(house: &House) {
    right(reconcile(house.pool()).await);
}

/// Waits until `path` shows this person what `wanted` accepts.
pub(crate) async fn until(person: &Person, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let seen: Value = person.get(path).await.is(200);
        if wanted(&seen) {
            return seen;
        }
        assert!(Instant::now() < deadline, "{path} stays {seen}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
