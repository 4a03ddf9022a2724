//! Money that is given back: its tokens are taken back, and what was spent of them becomes a debt.

use reqwest::Method;
use serde_json::json;

use crate::harness::{House, send};
use crate::money::{balance, books_are_right, execute, number, seller, until, welcomed_studio};
use crate::shop::{Shop, begin};
use crate::toss::{Mishap, Toss};

#[tokio::test]
async fn money_that_came_after_it_was_given_up_is_given_back() {
    let shop = Shop::new().await;
    let begun = shop.begin(100).await;
    execute(
        &shop.house,
        "UPDATE purchases SET ask_at = now() - interval '1 s', created_at = now() - interval '41 minutes'",
    )
    .await;
    shop.house.sweep().await;
    shop.is(&begun, "failed").await;
    // A confirmation that was under way for very long.
    let key = shop.toss.agree(&begun.order, 10_000);
    shop.toss.set(&key, "DONE", 10_000);
    // It is found, and not given back: asked about until it is, whoever found it.
    for mishap in [Mishap::FailsBefore, Mishap::NeverArrives, Mishap::Processing] {
        shop.toss.next(&[Mishap::Nothing, mishap]);
        let asked = shop.operator(&["ask", &begun.view.id.to_string()]).await;
        assert!(asked.is_err(), "{mishap:?}: it is still to be given back");
        assert_eq!(shop.toss.takings()[&begun.order], 10_000, "{mishap:?}");
    }
    let named = atelier_server::reconcile::reconcile(shop.house.pool())
        .await
        .expect("asked");
    assert_eq!(named.len(), 1, "{named:?}");
    shop.sweep().await;
    assert!(shop.toss.takings().is_empty(), "no webhook came, and it is given back");
    books_are_right(&shop.house).await;
    // Another, of which a webhook tells.
    shop.toss.set(&key, "DONE", 10_000);
    shop.toss.forgets();
    shop.toss.next(&[Mishap::FailsBefore]);
    shop.webhook("t0", &shop.toss.webhook(&key, "DONE")).await;
    shop.sweep().await;
    shop.sweep().await;
    assert!(shop.toss.takings().is_empty(), "nobody pays for nothing");
    shop.is(&begun, "failed").await;
    assert_eq!((shop.balance().await, shop.credited().await), (100, 0));
    books_are_right(&shop.house).await;
}

#[tokio::test]
async fn amounts_and_currencies_that_differ_credit_nothing_and_are_named_until_given_back() {
    let shop = Shop::new().await;
    for (total, currency) in [(1_000, "KRW"), (10_000, "USD"), (100_000, "KRW")] {
        let begun = shop.begin(100).await;
        let key = shop.toss.agree(&begun.order, 10_000);
        shop.toss.set(&key, "DONE", 10_000);
        shop.toss.contradict(&key, total, currency);
        shop.back(&begun, &key, 10_000).await;
        shop.sweep().await;
        assert_eq!((shop.balance().await, shop.credited().await), (100, 0));
        let named = atelier_server::reconcile::reconcile(shop.house.pool())
            .await
            .expect("asked");
        assert_eq!(named.len(), 1, "{named:?}");
        assert!(
            named[0].contains(&begun.order) && named[0].contains(currency),
            "{named:?}"
        );
        // An operator gives it back on the provider's page.
        shop.toss.set(&key, "CANCELED", 0);
        shop.operator(&["ask", &begun.view.id.to_string()])
            .await
            .expect("asked");
        shop.is(&begun, "failed").await;
        books_are_right(&shop.house).await;
    }
}

#[tokio::test]
async fn a_cancellation_takes_tokens_back_and_what_was_spent_becomes_a_debt_that_freezes_spending() {
    let toss = Toss::new().await;
    let house = House::with(|config| toss.configure(config)).await;
    let (_, style) = seller(&house, 60).await;
    let studio = welcomed_studio(&house, "bo").await;
    let buyer = studio.person.clone();
    let (id, begun) = (studio.user, begin(&buyer, 100).await);
    let key = toss.agree(&begun.order, 10_000);
    let agreed = format!("/checkout/{}/agreed?paymentKey={key}&amount=10000", begun.order);
    assert_eq!(house.nobody().get(&agreed).await.status, 200);
    let first = studio.reserve(style, 60).await.generation;
    studio.reserve(style, 60).await;
    studio.reserve(style, 60).await;
    assert_eq!(balance(&house, id).await, 20);

    toss.set(&key, "CANCELED", 0);
    let hint = toss.webhook(&key, "CANCELED");
    for name in ["a", "b", "a"] {
        let request = house.nobody().request(Method::POST, "/payments/webhook");
        send(request.header("tosspayments-webhook-transmission-id", name).json(&hint))
            .await
            .is(200);
    }
    let shown = until(&buyer, "/balance", |view| view["debt"] == 80).await;
    assert_eq!(shown, json!({ "balance": 0, "escrow": 180, "debt": 80 }));
    books_are_right(&house).await;
    let order = crate::studio::Studio::order(style, 60, &["sea"]);
    buyer.get("/purchases").await.is(200);
    let frozen = studio.post("/generations", &order).await;
    assert_eq!(
        (frozen.code(), frozen.body["details"]["debt"].as_i64()),
        ("spending_frozen", Some(80))
    );
    let vouchers = json!({ "style": style, "count": 1, "cost_tokens": 60 });
    assert_eq!(studio.post("/vouchers", vouchers).await.code(), "spending_frozen");

    // A refund covers it first, then the next purchase.
    assert!(
        studio
            .post(&format!("/generations/{first}/void"), json!({}))
            .await
            .status
            .is_success()
    );
    assert_eq!(
        buyer.get("/balance").await.is(200),
        json!({ "balance": 0, "escrow": 120, "debt": 20 })
    );
    let again = begin(&buyer, 100).await;
    let key = toss.agree(&again.order, 10_000);
    let agreed = format!("/checkout/{}/agreed?paymentKey={key}&amount=10000", again.order);
    assert_eq!(house.nobody().get(&agreed).await.status, 200);
    assert_eq!(
        buyer.get("/balance").await.is(200),
        json!({ "balance": 80, "escrow": 120, "debt": 0 })
    );
    studio.reserve(style, 60).await;
    assert_eq!(number(&house, "SELECT count(*) FROM debts").await, 0);
    books_are_right(&house).await;
}

#[tokio::test]
async fn a_cancellation_of_which_no_word_comes_is_found_by_asking() {
    let shop = Shop::new().await;
    let (_, key) = shop.buy(100).await;
    assert_eq!(shop.balance().await, 200);
    shop.toss.set(&key, "CANCELED", 0);
    shop.house.sweep().await;
    assert_eq!(shop.balance().await, 200, "it is not time to ask");
    for (age, asked_again) in [("2 hours", true), ("46 days", false)] {
        sqlx::query("UPDATE purchases SET created_at = now() - $1::interval, ask_at = now() - interval '1 s'")
            .bind(age)
            .execute(shop.house.pool())
            .await
            .expect("the database answers");
        shop.house.sweep().await;
        assert_eq!(shop.balance().await, 100);
        let again: bool =
            sqlx::query_scalar("SELECT ask_at BETWEEN now() AND now() + interval '3 hours' FROM purchases")
                .fetch_one(shop.house.pool())
                .await
                .expect("one");
        assert_eq!(again, asked_again, "{age}");
    }
    books_are_right(&shop.house).await;
}

#[tokio::test]
async fn part_of_a_purchase_is_taken_back_in_whole_tokens_and_never_more_than_was_bought() {
    let shop = Shop::new().await;
    let (begun, key) = shop.buy(500).await;
    assert_eq!(shop.balance().await, 600);
    // 90 won a token: 1000 won are eleven and a bit.
    for (name, balance_left, status, tokens) in [
        ("1", 44_000, "PARTIAL_CANCELED", 12),
        ("2", 44_000, "PARTIAL_CANCELED", 12),
        ("3", 9_000, "PARTIAL_CANCELED", 400),
        ("4", 44_000, "PARTIAL_CANCELED", 400),
        ("5", 0, "CANCELED", 500),
        ("6", 0, "CANCELED", 500),
    ] {
        shop.toss.set(&key, status, balance_left);
        shop.webhook(name, &shop.toss.webhook(&key, status)).await;
        shop.sweep().await;
        let shown = until(&shop.buyer, &begun.path, |view| view["cancelled_tokens"] == tokens).await;
        assert_eq!(shown["status"], "paid", "how much was cancelled is a number");
        assert_eq!(shop.balance().await, 600 - tokens);
        books_are_right(&shop.house).await;
    }
}

#[tokio::test]
async fn one_given_back_before_it_was_credited_is_never_credited() {
    let shop = Shop::new().await;
    let begun = shop.begin(100).await;
    let key = shop.toss.agree(&begun.order, 10_000);
    shop.toss.set(&key, "CANCELED", 0);
    shop.back(&begun, &key, 10_000).await;
    shop.sweep().await;
    shop.is(&begun, "failed").await;
    let half = shop.begin(100).await;
    let key = shop.toss.agree(&half.order, 10_000);
    shop.toss.set(&key, "PARTIAL_CANCELED", 4_000);
    shop.back(&half, &key, 10_000).await;
    assert_eq!(shop.balance().await, 140);
    books_are_right(&shop.house).await;
}

#[tokio::test]
async fn an_operator_gives_money_back_once_and_leaves_a_trace() {
    let shop = Shop::new().await;
    let (begun, _) = shop.buy(500).await;
    let id = begun.view.id.to_string();
    shop.operator(&["purchase", &id, "--tokens", "100"])
        .await
        .expect("given back");
    assert_eq!((shop.balance().await, shop.toss.takings()[&begun.order]), (500, 36_000));
    assert!(shop.operator(&["purchase", &id, "--tokens", "401"]).await.is_err());
    // The answer is lost twice: what the provider did is taken over, and done once.
    shop.toss.next(&[Mishap::AnswerLost]);
    assert!(shop.operator(&["purchase", &id, "--tokens", "50"]).await.is_err());
    shop.toss.next(&[Mishap::FailsAfter]);
    assert!(shop.operator(&["purchase", &id, "--tokens", "50"]).await.is_err());
    shop.operator(&["ask", &id]).await.expect("asked");
    assert_eq!((shop.balance().await, shop.toss.takings()[&begun.order]), (450, 31_500));
    shop.operator(&["purchase", &id]).await.expect("the rest");
    assert!(shop.operator(&["purchase", &id]).await.is_err());
    assert_eq!((shop.balance().await, shop.toss.takings().len()), (100, 0));
    let noted = "SELECT count(*) FROM operator_actions WHERE action = 'refund purchase' AND operator = 'ada'";
    assert_eq!(number(&shop.house, noted).await, 4);
    books_are_right(&shop.house).await;
}

#[tokio::test]
async fn an_operator_corrects_a_balance_and_takes_no_more_than_there_is() {
    let shop = Shop::new().await;
    let id = shop.buyer.id().to_string();
    shop.operator(&["give", &id, "40"]).await.expect("given");
    shop.operator(&["take", &id, "15"]).await.expect("taken");
    assert!(shop.operator(&["take", &id, "126"]).await.is_err());
    assert!(shop.operator(&["give", "999999", "1"]).await.is_err());
    assert_eq!(shop.balance().await, 125);
    let noted = "SELECT count(*) FROM operator_actions WHERE action IN ('refund give', 'refund take')";
    assert_eq!(number(&shop.house, noted).await, 2);
    books_are_right(&shop.house).await;
}
