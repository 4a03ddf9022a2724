//! The rules of tokens: paid before a picture is made, to the artist once it is there, back in full when it is not, and each once.

use atelier_contract::{Attempt, TicketView, UserId};
use atelier_server::ledger;
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::harness::House;
use crate::money::{balance, books_are_right, execute, number, seller, welcome, welcomed_studio};
use crate::studio::Studio;

#[tokio::test]
async fn a_new_account_gets_a_hundred_tokens_once() {
    let house = House::new().await;
    let bo = house.user("bo").await;
    futures_util::future::join_all((0..8).map(|_| welcome(&house, bo.id()))).await;
    assert_eq!(balance(&house, bo.id()).await, 100);
    let row = "SELECT count(*) FROM transactions
                 JOIN users ON users.id = sender_id
                WHERE provider = 'platform' AND kind = 'welcome' AND receiver_id IS NOT NULL AND related_generation_id IS NULL
                  AND amount = 100 AND status = 'completed'";
    assert_eq!(number(&house, row).await, 1, "the plan tells a welcome bonus so");
    // Deactivated and back again: no second one.
    execute(&house, "UPDATE users SET is_active = FALSE WHERE username = 'bo'").await;
    execute(&house, "UPDATE users SET is_active = TRUE WHERE username = 'bo'").await;
    welcome(&house, bo.id()).await;
    assert_eq!(balance(&house, bo.id()).await, 100);
    books_are_right(&house).await;
}

#[tokio::test]
async fn a_picture_is_paid_before_it_is_made_and_the_artist_once_it_is_there() {
    let house = House::new().await;
    let (artist, style) = seller(&house, 30).await;
    let bo = welcomed_studio(&house, "bo").await;
    let id = bo.reserve(style, 30).await.generation;
    assert_eq!(balance(&house, bo.user).await, 70);
    let row = "SELECT count(*) FROM transactions
                WHERE kind = 'generation' AND status = 'pending' AND amount = 30 AND NOT refunded
                  AND receiver_id IS NOT NULL AND related_generation_id IS NOT NULL AND related_style_id IS NOT NULL";
    assert_eq!(
        number(&house, row).await,
        1,
        "the plan tells the payment of a picture so"
    );
    bo.begin(id, 1).await.is::<Attempt>();
    assert_eq!(artist.get("/earnings").await.body["pending"], 0);
    let first: TicketView = bo.commit(id, 1).await.is();
    let again: TicketView = bo.commit(id, 1).await.is();
    assert_eq!(first, again);
    bo.complete(id).await.is::<TicketView>();
    bo.complete(id).await.is::<TicketView>();
    let earned = artist.get("/earnings").await.body;
    assert_eq!(
        (earned["pending"].as_i64(), earned["earned"].as_i64()),
        (Some(30), Some(0))
    );
    assert_eq!(balance(&house, bo.user).await, 70);
    assert_eq!(number(&house, "SELECT consumed_tokens FROM generations").await, 30);
    books_are_right(&house).await;
}

#[tokio::test]
async fn a_refused_reservation_leaves_the_balance_alone() {
    let house = House::new().await;
    let (artist, style) = seller(&house, 60).await;
    welcome(&house, artist.user).await;
    let bo = welcomed_studio(&house, "bo").await;
    bo.reserve(style, 60).await;
    let refused = bo.post("/generations", Studio::order(style, 60, &["sea"])).await;
    assert_eq!(refused.status, StatusCode::PAYMENT_REQUIRED);
    assert_eq!(refused.body["details"], json!({ "balance": 40, "cost": 60 }));
    let other_price = bo.post("/generations", Studio::order(style, 40, &["sea"])).await;
    assert_eq!(other_price.code(), "price_differs");
    let own = artist.post("/generations", Studio::order(style, 60, &["sea"])).await;
    assert_eq!(own.code(), "request_invalid", "nobody pays themselves");
    let vouchers = json!({ "style": style, "count": 1, "cost_tokens": 60 });
    assert_eq!(artist.post("/vouchers", &vouchers).await.code(), "request_invalid");
    assert_eq!(bo.post("/vouchers", &vouchers).await.code(), "not_enough_tokens");
    assert_eq!(
        (balance(&house, bo.user).await, balance(&house, artist.user).await),
        (40, 100)
    );
    assert_eq!(number(&house, "SELECT count(*) FROM generations").await, 1);
    // A key that was refused is free again.
    let order = Studio::order(style, 60, &["sea"]);
    let poor = bo.send_as("k", Method::POST, "/generations", Some(&order)).await;
    assert_eq!(poor.code(), "not_enough_tokens");
    welcome_more(&house, bo.user, 20).await;
    let rich = bo.send_as("k", Method::POST, "/generations", Some(&order)).await;
    assert_eq!(rich.status, StatusCode::CREATED);
    books_are_right(&house).await;
}

/// By an operator's correction.
async fn welcome_more(house: &House, user: UserId, tokens: i64) {
    let mut tx = house.pool().begin().await.expect("begins");
    let tokens = tokens.try_into().expect("not negative");
    ledger::correct(&mut tx, user, tokens, false, "more")
        .await
        .expect("given");
    tx.commit().await.expect("commits");
}

#[tokio::test]
async fn what_failed_is_paid_back_in_full_and_once() {
    let house = House::new().await;
    let (artist, style) = seller(&house, 25).await;
    let bo = welcomed_studio(&house, "bo").await;
    let id = bo.reserve(style, 25).await.generation;
    for fence in 1..=3 {
        bo.begin(id, fence).await.is::<Attempt>();
        bo.fail(id, fence).await.is::<TicketView>();
    }
    assert_eq!(balance(&house, bo.user).await, 100);
    let never_begun = bo.reserve(style, 25).await.generation;
    let path = format!("/generations/{never_begun}/void");
    let voids = (0..8).map(|_| bo.post(&path, json!({})));
    for reply in futures_util::future::join_all(voids).await {
        assert!(reply.status.is_success(), "{}", reply.body);
    }
    let expired = bo.reserve(style, 25).await.generation;
    execute(
        &house,
        "UPDATE tickets SET expires_at = now() - interval '1 s' WHERE state = 'reserved'",
    )
    .await;
    let path = format!("/generations/{expired}/void");
    let (one, ()) = tokio::join!(bo.post(&path, json!({})), house.sweep());
    assert!(one.status.is_success(), "{}", one.body);
    assert_eq!(balance(&house, bo.user).await, 100);
    let both = "SELECT count(*) FROM transactions AS paid
                  JOIN transactions AS back ON back.reverses_id = paid.id
                 WHERE paid.status = 'failed' AND paid.refunded AND back.amount = paid.amount AND back.receiver_id = paid.sender_id";
    assert_eq!(number(&house, both).await, 3);
    assert_eq!(
        number(&house, "SELECT count(*) FROM transactions WHERE kind = 'refund'").await,
        3
    );
    assert_eq!(artist.get("/earnings").await.body["pending"], 0);
    books_are_right(&house).await;
}

#[tokio::test]
async fn nobody_spends_more_than_they_have_however_many_requests_come_at_once() {
    let house = House::new().await;
    let (_, style) = seller(&house, 7).await;
    let bo = welcomed_studio(&house, "bo").await;
    let orders = (0..30).map(|n| {
        let bo = bo.clone();
        async move {
            let order = Studio::order(style, 7, &["sea"]);
            if n % 5 == 0 {
                let vouchers = json!({ "style": style, "count": 2, "cost_tokens": 7 });
                let reply = bo.post("/vouchers", vouchers).await;
                return if reply.status.is_success() { 2 } else { 0 };
            }
            // Each comes twice, as after a lost answer, and is done once.
            let key = format!("order-{n}");
            let (one, two) = tokio::join!(
                bo.send_as(&key, Method::POST, "/generations", Some(&order)),
                bo.send_as(&key, Method::POST, "/generations", Some(&order)),
            );
            for reply in [&one, &two] {
                assert!(matches!(reply.status.as_u16(), 201 | 402), "{}", reply.body);
            }
            if one.status.is_success() && two.status.is_success() {
                assert_eq!(one.body, two.body);
            }
            i64::from(one.status.is_success() || two.status.is_success())
        }
    });
    let bought: i64 = futures_util::future::join_all(orders).await.into_iter().sum();
    let left = balance(&house, bo.user).await;
    assert_eq!(left, 100 - 7 * bought);
    assert!((0..14).contains(&left), "all that could be bought was");
    books_are_right(&house).await;
}

#[tokio::test]
async fn what_is_written_stays_and_nothing_is_written_twice_or_lopsided() {
    let house = House::new().await;
    let (_, style) = seller(&house, 10).await;
    let bo = welcomed_studio(&house, "bo").await;
    let id = bo.reserve(style, 10).await.generation;
    bo.post(&format!("/generations/{id}/void"), json!({}))
        .await
        .is::<TicketView>();
    bo.make(style, 10, &["sea"]).await;
    for statement in [
        "UPDATE ledger_entries SET amount = amount + 1",
        "DELETE FROM ledger_entries",
        "TRUNCATE ledger_entries CASCADE",
        "UPDATE transactions SET amount = amount + 1",
        "UPDATE transactions SET receiver_id = sender_id",
        "DELETE FROM transactions",
        "DELETE FROM users WHERE username = 'bo'",
        "UPDATE users SET token_balance = -1",
        "UPDATE artists SET earned_token_balance = -1",
        "INSERT INTO ledger_entries (transaction_id, user_id, account, amount) SELECT min(id), 1, 'balance', 5 FROM transactions",
        "INSERT INTO ledger_entries (transaction_id, user_id, account, amount) SELECT transaction_id, user_id, account, amount
           FROM ledger_entries",
        "INSERT INTO transactions (sender_id, receiver_id, amount, kind, reverses_id)
         SELECT receiver_id, sender_id, amount, 'refund', id FROM transactions WHERE refunded",
        "INSERT INTO transactions (sender_id, receiver_id, amount, kind) SELECT sender_id, receiver_id, 100, 'welcome'
           FROM transactions WHERE kind = 'welcome'",
        "INSERT INTO transactions (sender_id, receiver_id, amount) SELECT sender_id, receiver_id, 0 FROM transactions LIMIT 1",
    ] {
        let refused = sqlx::query(statement).execute(house.pool()).await;
        assert!(refused.is_err(), "{statement}");
    }
    books_are_right(&house).await;
}
