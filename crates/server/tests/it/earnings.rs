//! What artists earn: pending for seven days, then theirs, then paid out by an operator or given back.

use atelier_contract::{EarningsView, WithdrawalView};
use atelier_server::operators::OperatorError;
use atelier_server::operators::withdrawal::{self, WithdrawalCommand};
use clap::Parser;
use reqwest::Method;
use serde_json::json;

use crate::harness::House;
use crate::money::{balance, books_are_right, execute, number, seller, welcome, welcomed_studio};
use crate::studio::Studio;

async fn earnings(artist: &Studio) -> (i64, i64, i64) {
    let view: EarningsView = artist.get("/earnings").await.is();
    assert_eq!(view.next_settlement_at.is_some(), view.pending.get() > 0);
    (view.pending.get(), view.earned.get(), view.withdrawing.get())
}

async fn operator(house: &House, words: &[&str]) -> Result<Vec<String>, OperatorError> {
    #[derive(Parser)]
    struct Line {
        #[command(subcommand)]
        command: WithdrawalCommand,
    }
    let line = Line::try_parse_from(["withdrawal"].iter().chain(words)).expect("a command");
    withdrawal::run(&house.app, line.command).await
}

async fn decide(house: &House, what: &str, id: i64) -> Result<Vec<String>, OperatorError> {
    operator(
        house,
        &[what, &id.to_string(), "--reason", "looked at", "--operator", "ada"],
    )
    .await
}

/// An artist who earned `tokens` more than seven days ago.
async fn settled(house: &House, tokens: i64) -> Studio {
    let (artist, style) = seller(house, tokens).await;
    let bo = welcomed_studio(house, "bo").await;
    bo.make(style, tokens, &["sea"]).await;
    execute(house, "UPDATE earnings SET earned_at = earned_at - interval '7 days'").await;
    house.sweep().await;
    artist
}

#[tokio::test]
async fn earnings_settle_after_seven_days_and_once() {
    let house = House::new().await;
    let (artist, style) = seller(&house, 10).await;
    let bo = welcomed_studio(&house, "bo").await;
    for _ in 0..4 {
        bo.make(style, 10, &["sea"]).await;
    }
    execute(
        &house,
        "UPDATE earnings SET earned_at = earned_at - interval '6 days 23 hours 59 minutes'",
    )
    .await;
    house.sweep().await;
    assert_eq!(earnings(&artist).await, (40, 0, 0));
    let two = "UPDATE earnings SET earned_at = earned_at - interval '1 minute'
                WHERE transaction_id IN (SELECT transaction_id FROM earnings ORDER BY transaction_id LIMIT 2)";
    assert_eq!(execute(&house, two).await, 2);
    // On as many replicas as there are.
    tokio::join!(house.sweep(), house.sweep(), house.sweep(), house.sweep());
    assert_eq!(earnings(&artist).await, (20, 20, 0));
    house.sweep().await;
    assert_eq!(earnings(&artist).await, (20, 20, 0));
    assert_eq!(
        number(
            &house,
            "SELECT sum(amount)::bigint FROM transactions WHERE kind = 'settlement'"
        )
        .await,
        20
    );
    assert_eq!(balance(&house, artist.user).await, 0, "earned tokens are not to spend");
    books_are_right(&house).await;
}

#[tokio::test]
async fn earned_tokens_are_withdrawn_once_and_no_more_than_there_are() {
    let house = House::new().await;
    let artist = settled(&house, 50).await;
    assert_eq!(earnings(&artist).await, (0, 50, 0));
    let refused = artist.post("/withdrawals", json!({ "tokens": 51 })).await;
    assert_eq!(
        (refused.code(), &refused.body["details"]),
        ("not_enough_earned", &json!({ "earned": 50, "wanted": 51 }))
    );
    for wrong in [json!({ "tokens": 0 }), json!({ "tokens": -1 }), json!({})] {
        assert_eq!(
            artist.post("/withdrawals", &wrong).await.code(),
            "request_invalid",
            "{wrong}"
        );
    }
    let body = json!({ "tokens": 30 });
    let asks = (0..6).map(|_| artist.send_as("w1", Method::POST, "/withdrawals", Some(&body)));
    let mut views = Vec::new();
    for reply in futures_util::future::join_all(asks).await {
        views.push(reply.is::<WithdrawalView>());
    }
    views.dedup();
    assert_eq!(views.len(), 1, "one, however often it is asked for");
    assert_eq!(earnings(&artist).await, (0, 20, 30));
    let many = (0..6).map(|_| artist.post("/withdrawals", json!({ "tokens": 15 })));
    let done = futures_util::future::join_all(many).await;
    assert_eq!(done.iter().filter(|reply| reply.status.is_success()).count(), 1);
    assert_eq!(earnings(&artist).await, (0, 5, 45));
    books_are_right(&house).await;
}

#[tokio::test]
async fn an_operator_pays_or_rejects_each_withdrawal_once() {
    let house = House::new().await;
    let artist = settled(&house, 50).await;
    let ask = async |tokens: i64| -> i64 {
        let view: WithdrawalView = artist.post("/withdrawals", json!({ "tokens": tokens })).await.is();
        assert_eq!(view.status.as_str(), "requested");
        view.id.get()
    };
    let (paid, rejected) = (ask(20).await, ask(10).await);
    assert_eq!(operator(&house, &["list"]).await.expect("listed").len(), 2);
    decide(&house, "pay", paid).await.expect("paid");
    decide(&house, "reject", rejected).await.expect("rejected");
    for (what, id) in [
        ("pay", paid),
        ("reject", paid),
        ("pay", rejected),
        ("reject", rejected),
        ("pay", 99),
    ] {
        assert!(decide(&house, what, id).await.is_err(), "{what} {id}");
    }
    assert_eq!(earnings(&artist).await, (0, 30, 0));
    let shown = artist.get("/withdrawals").await.body;
    let states: Vec<_> = shown["items"]
        .as_array()
        .expect("items")
        .iter()
        .map(|item| &item["status"])
        .collect();
    assert_eq!(states, ["rejected", "paid"]);
    assert_eq!(shown["items"][0]["note"], "looked at");
    assert!(operator(&house, &["list"]).await.expect("listed").is_empty());
    let noted = "SELECT count(*) FROM operator_actions WHERE action IN ('withdrawal pay', 'withdrawal reject')";
    assert_eq!(number(&house, noted).await, 2);
    books_are_right(&house).await;
    // Both at once: one of them.
    let both = ask(5).await;
    let (pay, reject) = tokio::join!(decide(&house, "pay", both), decide(&house, "reject", both));
    assert!(pay.is_ok() != reject.is_ok());
    books_are_right(&house).await;
}

#[tokio::test]
async fn earnings_are_for_artists_only_and_frozen_while_tokens_are_owed() {
    let house = House::new().await;
    let artist = settled(&house, 50).await;
    let eve = house.user("eve").await;
    for path in ["/earnings", "/withdrawals"] {
        eve.get(path).await.refused(403, "artist_only");
        house.nobody().get(path).await.refused(401, "not_signed_in");
    }
    eve.post("/withdrawals", &json!({ "tokens": 1 }))
        .await
        .refused(403, "artist_only");
    welcome(&house, artist.user).await;
    let begun: serde_json::Value = artist.post("/purchases", json!({ "tokens": 100 })).await.is();
    let order = begun["checkout_url"]
        .as_str()
        .and_then(|url| url.rsplit('/').next())
        .expect("an order")
        .to_owned();
    let agreed = format!("/checkout/{order}/agreed?paymentKey={order}&amount=10000");
    assert_eq!(house.nobody().get(&agreed).await.status, 200);
    let mut tx = house.pool().begin().await.expect("begins");
    let purchase = begun["id"].as_i64().expect("a number").try_into().expect("an id");
    let spent = 150.try_into().expect("not negative");
    atelier_server::ledger::correct(&mut tx, artist.user, spent, true, "spent")
        .await
        .expect("taken");
    let all = 100.try_into().expect("not negative");
    atelier_server::ledger::reverse_purchase(&mut tx, purchase, all)
        .await
        .expect("taken back");
    tx.commit().await.expect("commits");
    assert_eq!(artist.get("/balance").await.body["debt"], 50);
    let frozen = artist.post("/withdrawals", json!({ "tokens": 1 })).await;
    assert_eq!(
        (frozen.code(), &frozen.body["details"]["debt"]),
        ("spending_frozen", &json!(50))
    );
    books_are_right(&house).await;
}
