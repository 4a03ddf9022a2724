//! The history of tokens: whose it is, of which kind, in which order, page by page.

use std::collections::BTreeSet;

use atelier_contract::{Page, TicketView, TransactionView};
use serde_json::json;

use crate::harness::House;
use crate::money::{execute, seller, welcomed, welcomed_studio};
use crate::studio::Studio;

async fn history(studio: &Studio, query: &str) -> Page<TransactionView> {
    studio.person.get(&format!("/transactions{query}")).await.gives(200)
}

async fn kinds(studio: &Studio, query: &str) -> Vec<(&'static str, i64)> {
    let page = history(studio, query).await;
    page.items
        .iter()
        .map(|item| (item.kind.as_str(), item.amount.get()))
        .collect()
}

#[tokio::test]
async fn the_history_shows_what_was_sent_and_received_newest_first_and_is_filtered_by_kind() {
    let house = House::new().await;
    let (artist, style) = seller(&house, 10).await;
    let bo = welcomed_studio(&house, "bo").await;
    welcomed(&house, "eve").await;
    bo.make(style, 10, &["sea"]).await;
    let back = bo.reserve(style, 10).await.generation;
    bo.post(&format!("/generations/{back}/void"), json!({}))
        .await
        .is::<TicketView>();
    let begun: serde_json::Value = bo.post("/purchases", json!({ "tokens": 500 })).await.is();
    let order = begun["checkout_url"]
        .as_str()
        .and_then(|url| url.rsplit('/').next())
        .expect("an order")
        .to_owned();
    let agreed = format!("/checkout/{order}/agreed?paymentKey={order}&amount=45000");
    assert_eq!(house.nobody().get(&agreed).await.status, 200);
    execute(&house, "UPDATE earnings SET earned_at = earned_at - interval '8 days'").await;
    house.sweep().await;

    let all = [
        ("purchase", 500),
        ("refund", 10),
        ("generation", 10),
        ("generation", 10),
        ("welcome", 100),
    ];
    assert_eq!(kinds(&bo, "").await, all);
    for kind in ["purchase", "refund", "generation", "welcome", "settlement", "debt"] {
        let wanted: Vec<_> = all.into_iter().filter(|(other, _)| *other == kind).collect();
        assert_eq!(kinds(&bo, &format!("?kind={kind}")).await, wanted);
    }
    assert_eq!(
        kinds(&artist, "").await,
        [
            ("settlement", 10),
            ("refund", 10),
            ("generation", 10),
            ("generation", 10)
        ]
    );
    bo.person
        .get("/transactions?kind=gift")
        .await
        .refused(400, "request_invalid");
    bo.person
        .get("/transactions?after=zzz")
        .await
        .refused(400, "request_invalid");
    house.nobody().get("/transactions").await.refused(401, "not_signed_in");

    let bought = &history(&bo, "?kind=purchase").await.items[0];
    assert_eq!(
        (bought.sender, bought.receiver),
        (bo.user, None),
        "nobody receives: so the plan tells a purchase"
    );
    assert_eq!(
        (bought.price.as_deref(), bought.currency.as_deref()),
        (Some("45000"), Some("KRW"))
    );
    let refund = &history(&bo, "?kind=refund").await.items[0];
    assert_eq!((refund.receiver, refund.generation), (Some(bo.user), Some(back)));
    let paid = history(&bo, "?kind=generation").await;
    let reversed = paid.items.iter().find(|item| item.refunded).expect("one came back");
    assert_eq!(
        (refund.reverses, reversed.status.as_str()),
        (Some(reversed.id), "failed")
    );
    assert_eq!(reversed.style, Some(style));
}

#[tokio::test]
async fn pages_show_everything_once_also_of_one_moment() {
    let house = House::new().await;
    let (artist, style) = seller(&house, 1).await;
    let bo = welcomed_studio(&house, "bo").await;
    bo.post("/vouchers", json!({ "style": style, "count": 10, "cost_tokens": 1 }))
        .await
        .is::<serde_json::Value>();
    for _ in 0..3 {
        let id = bo.reserve(style, 1).await.generation;
        bo.post(&format!("/generations/{id}/void"), json!({}))
            .await
            .is::<TicketView>();
    }
    execute(
        &house,
        "UPDATE transactions SET created_at = '2026-01-02T03:04:05Z' WHERE id % 3 > 0",
    )
    .await;
    for (studio, query, count) in [
        (&bo, "", 17),
        (&bo, "&kind=generation", 13),
        (&bo, "&kind=refund", 3),
        (&artist, "", 16),
    ] {
        let (mut seen, mut times, mut after) = (BTreeSet::new(), Vec::new(), String::new());
        loop {
            let page = history(studio, &format!("?limit=4{query}{after}")).await;
            for item in &page.items {
                assert!(seen.insert(item.id), "twice");
                times.push((item.created_at, item.id));
            }
            let Some(next) = page.next else { break };
            after = format!("&after={next}");
        }
        assert_eq!(seen.len(), count, "{query}");
        assert!(times.is_sorted_by(|one, other| one > other), "newest first");
    }
}

#[tokio::test]
async fn the_balance_says_what_is_set_aside() {
    let house = House::new().await;
    let (_, style) = seller(&house, 10).await;
    let bo = welcomed_studio(&house, "bo").await;
    bo.make(style, 10, &["sea"]).await;
    bo.reserve(style, 10).await;
    bo.post("/vouchers", json!({ "style": style, "count": 2, "cost_tokens": 10 }))
        .await
        .is::<serde_json::Value>();
    assert_eq!(
        bo.person.get("/balance").await.is(200),
        json!({ "balance": 60, "escrow": 30, "debt": 0 })
    );
    house.nobody().get("/balance").await.refused(401, "not_signed_in");
}
