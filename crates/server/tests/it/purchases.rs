//! Tokens for money: what is credited was paid, once; what is given back is taken back. The provider is the double in `toss`.

use std::future::Future;

use atelier_contract::{Package, PurchaseView};
use atelier_server::config::Mode;
use atelier_server::operators::refund::{self, RefundCommand};
use clap::Parser;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{House, Person, send};
use crate::money::{balance, books_are_right, execute, number, seller, until, welcomed, welcomed_studio};
use crate::toss::{Mishap, Toss};

/// A server, its provider, and somebody with a hundred tokens.
struct Shop {
    house: House,
    toss: Toss,
    buyer: Person,
}

/// A purchase that is under way.
struct Begun {
    path: String,
    order: String,
    view: PurchaseView,
}

impl Shop {
    async fn new() -> Self {
        let toss = Toss::new().await;
        let house = House::with(|config| toss.configure(config)).await;
        let buyer = welcomed(&house, "bo").await;
        Self { house, toss, buyer }
    }

    async fn begin(&self, tokens: i64) -> Begun {
        begin(&self.buyer, tokens).await
    }

    /// The browser comes back from the provider's window.
    async fn back(&self, begun: &Begun, key: &str, amount: i64) -> u16 {
        let path = format!(
            "/checkout/{}/agreed?paymentType=NORMAL&orderId={}&paymentKey={key}&amount={amount}",
            begun.order, begun.order
        );
        self.house.nobody().get(&path).await.status
    }

    /// From the beginning to the end.
    async fn buy(&self, tokens: i64) -> (Begun, String) {
        let begun = self.begin(tokens).await;
        let price: i64 = begun.view.price.parse().expect("whole won");
        let key = self.toss.agree(&begun.order, price);
        assert_eq!(self.back(&begun, &key, price).await, 200);
        self.is(&begun, "paid").await;
        (begun, key)
    }

    async fn is(&self, begun: &Begun, status: &str) {
        let view: PurchaseView = self.buyer.get(&begun.path).await.gives(200);
        assert_eq!(view.status.as_str(), status);
    }

    async fn balance(&self) -> i64 {
        balance(&self.house, self.buyer.id()).await
    }

    /// A webhook under this name, sent by whoever.
    async fn webhook(&self, name: &str, body: &Value) {
        let request = self
            .house
            .nobody()
            .request(Method::POST, "/payments/webhook")
            .header("tosspayments-webhook-transmission-id", name)
            .json(body);
        assert_eq!(send(request).await.status, 200);
    }

    /// Lets the clock pass the time at which the purchase is asked about.
    async fn sweep(&self) {
        execute(&self.house, "UPDATE purchases SET ask_at = now() - interval '1 s'").await;
        execute(&self.house, "UPDATE payment_events SET ask_at = now() - interval '1 s'").await;
        self.house.sweep().await;
    }

    async fn credited(&self) -> i64 {
        number(&self.house, "SELECT count(*) FROM transactions WHERE kind = 'purchase'").await
    }

    async fn operator(&self, words: &[&str]) -> Result<Vec<String>, atelier_server::operators::OperatorError> {
        #[derive(Parser)]
        struct Line {
            #[command(subcommand)]
            command: RefundCommand,
        }
        let line = ["refund"].into_iter().chain(words.iter().copied());
        let act = if words[0] == "ask" {
            [].as_slice()
        } else {
            &["--reason", "asked for", "--operator", "ada"]
        };
        let line = Line::try_parse_from(line.chain(act.iter().copied())).expect("a command");
        refund::run(&self.house.app, line.command).await
    }
}

async fn begin(buyer: &Person, tokens: i64) -> Begun {
    let view: PurchaseView = buyer.post("/purchases", &json!({ "tokens": tokens })).await.gives(201);
    let url = view.checkout_url.clone().expect("a page to pay on");
    Begun {
        path: format!("/purchases/{}", view.id),
        order: url.rsplit('/').next().expect("an order").to_owned(),
        view,
    }
}

/// All at the same time.
async fn at_once<T>(times: usize, each: impl Fn() -> T)
where
    T: Future,
{
    futures_util::future::join_all((0..times).map(|_| each())).await;
}

#[tokio::test]
async fn the_packages_are_those_of_the_plan() {
    let shop = Shop::new().await;
    let packages: Vec<Package> = shop.house.nobody().get("/packages").await.gives(200);
    let sold: Vec<_> = packages
        .iter()
        .map(|package| (package.tokens.get(), package.price.as_str(), package.currency.as_str()))
        .collect();
    assert_eq!(
        sold,
        [(100, "10000", "KRW"), (500, "45000", "KRW"), (1000, "80000", "KRW")]
    );
    let details = shop
        .buyer
        .post("/purchases", &json!({ "tokens": 7 }))
        .await
        .refused(422, "package_unknown");
    assert_eq!(details["known"], json!([100, 500, 1000]));
    for (tokens, price) in [(100, "10000"), (500, "45000"), (1000, "80000")] {
        let begun = shop.begin(tokens).await;
        assert_eq!(
            (begun.view.price.as_str(), begun.view.status.as_str()),
            (price, "pending")
        );
    }
    let shown = "SELECT total_price::bigint FROM purchases WHERE amount_tokens = 500";
    assert_eq!(number(&shop.house, shown).await, 45_000, "the plan's generated column");
}

#[tokio::test]
async fn a_purchase_is_credited_once_however_often_the_buyer_comes_back() {
    let shop = Shop::new().await;
    let begun = shop.begin(500).await;
    let key = shop.toss.agree(&begun.order, 45_000);
    at_once(8, || shop.back(&begun, &key, 45_000)).await;
    assert_eq!(shop.back(&begun, &key, 45_000).await, 200);
    shop.sweep().await;
    let view: PurchaseView = shop.buyer.get(&begun.path).await.gives(200);
    assert_eq!(view.status.as_str(), "paid");
    assert!(view.approved_at.is_some() && view.receipt_url.is_some() && view.checkout_url.is_none());
    assert_eq!(
        (shop.balance().await, shop.credited().await, shop.toss.confirmed()),
        (600, 1, 1)
    );
    let kept = "SELECT count(*) FROM purchases
                 WHERE provider = 'toss' AND provider_payment_key LIKE 'tviva%' AND card_detail ->> 'issuerCode' = '11'
                   AND provider_total_amount = 45000";
    assert_eq!(number(&shop.house, kept).await, 1);
    books_are_right(&shop.house).await;
}

#[tokio::test]
async fn a_purchase_is_begun_once_under_its_key_and_seen_by_its_buyer_only() {
    let shop = Shop::new().await;
    let body = json!({ "tokens": 100 });
    let first: PurchaseView = shop.buyer.post_once("k1", "/purchases", &body).await.gives(201);
    let again: PurchaseView = shop.buyer.post_once("k1", "/purchases", &body).await.gives(201);
    assert_eq!(first, again);
    shop.buyer
        .post_once("k1", "/purchases", &json!({ "tokens": 500 }))
        .await
        .refused(409, "idempotency_key_reused");
    let other = shop.house.user("eve").await;
    other.post_once("k1", "/purchases", &body).await.is(201);
    let path = format!("/purchases/{}", first.id);
    other.get(&path).await.refused(404, "purchase_unknown");
    shop.house.nobody().get(&path).await.refused(401, "not_signed_in");
    shop.house
        .nobody()
        .post("/purchases", &body)
        .await
        .refused(401, "not_signed_in");
    for _ in 0..19 {
        shop.begin(100).await;
    }
    shop.buyer
        .post("/purchases", &body)
        .await
        .refused(409, "too_many_purchases");
    let mut seen = 0;
    let mut path = "/purchases?limit=7".to_owned();
    loop {
        let page = shop.buyer.get(&path).await.is(200);
        seen += page["items"].as_array().expect("items").len();
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/purchases?limit=7&after={next}");
    }
    assert_eq!(seen, 20);
}

#[tokio::test]
async fn the_page_to_pay_on_shows_the_public_key_only_and_allows_no_other_script() {
    let shop = Shop::new().await;
    let begun = shop.begin(100).await;
    let url = format!("http://{}/checkout/{}", shop.house.address, begun.order);
    let answer = reqwest::get(url).await.expect("answers");
    let policy = answer.headers()["content-security-policy"]
        .to_str()
        .expect("text")
        .to_owned();
    let html = answer.text().await.expect("a page");
    let nonce = policy
        .split("'nonce-")
        .nth(1)
        .and_then(|rest| rest.split('\'').next())
        .expect("a nonce");
    assert!(html.contains(&format!("nonce=\"{nonce}\"")) && policy.contains("default-src 'none'"));
    assert!(html.contains(crate::toss::CLIENT_KEY) && html.contains("10000") && html.contains(&begun.order));
    assert!(!html.contains(crate::toss::SECRET_KEY) && !html.contains("{amount}"));
    let nobody = shop.house.nobody();
    nobody.get("/checkout/atelier-00").await.refused(404, "route_unknown");
    nobody
        .get("/checkout/..%2f..%2fetc")
        .await
        .refused(404, "route_unknown");
    assert_eq!(
        nobody.get(&format!("/checkout/{}/given-up", begun.order)).await.status,
        200
    );
    shop.is(&begun, "pending").await;
}

#[tokio::test]
async fn who_says_another_amount_or_forges_a_key_pays_nothing_and_gets_nothing() {
    let shop = Shop::new().await;
    let begun = shop.begin(1000).await;
    assert_eq!(shop.back(&begun, "forged", 80_000).await, 200);
    shop.is(&begun, "authorized").await;
    // One that was paid for another order of the same merchant.
    let other = shop.begin(100).await;
    let others_key = shop.toss.agree(&other.order, 80_000);
    assert_eq!(shop.back(&begun, &others_key, 80_000).await, 200);
    // A hundred won instead of eighty thousand, in the window and then in the address.
    let key = shop.toss.agree(&begun.order, 100);
    assert_eq!(shop.back(&begun, &key, 100).await, 400);
    assert_eq!(shop.back(&begun, &key, 80_000).await, 200);
    assert_eq!(shop.back(&begun, "a%22b", 80_000).await, 400);
    shop.sweep().await;
    assert_eq!((shop.balance().await, shop.toss.confirmed()), (100, 0));
    // The forged key spoilt nothing for the right one.
    let key = shop.toss.agree(&begun.order, 80_000);
    assert_eq!(shop.back(&begun, &key, 80_000).await, 200);
    assert_eq!((shop.balance().await, shop.toss.confirmed()), (1_100, 1));
    books_are_right(&shop.house).await;
}

#[tokio::test]
async fn an_answer_that_is_lost_is_asked_for_and_never_credits_twice() {
    for (mishaps, confirmed) in [
        ([Mishap::AnswerLost].as_slice(), 1),
        (&[Mishap::FailsAfter], 1),
        (&[Mishap::NeverArrives], 1),
        (&[Mishap::FailsBefore], 1),
        (&[Mishap::Processing], 1),
        (&[Mishap::AnswerLost, Mishap::AnswerLost], 1),
        (&[Mishap::FailsAfter, Mishap::NeverArrives, Mishap::NeverArrives], 1),
    ] {
        let shop = Shop::new().await;
        let begun = shop.begin(100).await;
        let key = shop.toss.agree(&begun.order, 10_000);
        shop.toss.next(mishaps);
        assert_eq!(shop.back(&begun, &key, 10_000).await, 200);
        shop.sweep().await;
        shop.sweep().await;
        shop.is(&begun, "paid").await;
        assert_eq!((shop.balance().await, shop.credited().await), (200, 1), "{mishaps:?}");
        assert_eq!(shop.toss.confirmed(), confirmed, "{mishaps:?}");
        books_are_right(&shop.house).await;
    }
}

#[tokio::test]
async fn who_agrees_in_two_windows_pays_in_one_and_gets_it() {
    let shop = Shop::new().await;
    let begun = shop.begin(100).await;
    let (first, second) = (
        shop.toss.agree(&begun.order, 10_000),
        shop.toss.agree(&begun.order, 10_000),
    );
    // The first is made and the answer lost, and so is that to the question after it; then the second window comes back.
    shop.toss.next(&[Mishap::AnswerLost, Mishap::NeverArrives]);
    assert_eq!(shop.back(&begun, &first, 10_000).await, 200);
    shop.is(&begun, "authorized").await;
    assert_eq!(shop.back(&begun, &second, 10_000).await, 200);
    shop.is(&begun, "paid").await;
    shop.toss.set(&second, "EXPIRED", 10_000);
    shop.webhook("t1", &shop.toss.webhook(&second, "EXPIRED")).await;
    shop.sweep().await;
    shop.is(&begun, "paid").await;
    assert_eq!((shop.balance().await, shop.toss.confirmed()), (200, 1));
    shop.toss.set(&first, "CANCELED", 0);
    shop.webhook("t2", &shop.toss.webhook(&first, "CANCELED")).await;
    shop.sweep().await;
    assert_eq!(shop.balance().await, 100, "also what becomes of the older one is seen");
    books_are_right(&shop.house).await;
}

#[tokio::test]
async fn a_payment_that_could_not_be_found_again_is_not_confirmed() {
    let shop = Shop::new().await;
    let begun = shop.begin(100).await;
    for n in 0..10 {
        assert_eq!(shop.back(&begun, &format!("forged{n}"), 10_000).await, 200);
    }
    let key = shop.toss.agree(&begun.order, 10_000);
    assert_eq!(shop.back(&begun, &key, 10_000).await, 400);
    shop.sweep().await;
    assert_eq!((shop.balance().await, shop.toss.confirmed()), (100, 0));
}

#[tokio::test]
async fn a_provider_that_is_away_changes_nothing_until_it_is_back() {
    let shop = Shop::new().await;
    let begun = shop.begin(100).await;
    let key = shop.toss.agree(&begun.order, 10_000);
    shop.toss.is_down(true);
    assert_eq!(shop.back(&begun, &key, 10_000).await, 200);
    shop.webhook("t1", &shop.toss.webhook(&key, "DONE")).await;
    execute(
        &shop.house,
        "UPDATE purchases SET created_at = now() - interval '2 hours'",
    )
    .await;
    shop.sweep().await;
    shop.is(&begun, "authorized").await;
    assert!(shop.operator(&["ask", &begun.view.id.to_string()]).await.is_err());
    assert_eq!(shop.balance().await, 100);
    shop.toss.is_down(false);
    shop.sweep().await;
    shop.is(&begun, "paid").await;
    assert_eq!(shop.balance().await, 200);
    let open = "SELECT count(*) FROM payment_events WHERE handled_at IS NULL";
    assert_eq!(number(&shop.house, open).await, 0);
}

#[tokio::test]
async fn webhooks_late_doubled_out_of_order_forged_and_contradictory_credit_what_was_paid_once() {
    let shop = Shop::new().await;
    // Forged: of nobody's order, of one that nobody paid, of one that is only agreed to, of any shape.
    for body in [
        json!({}),
        json!([]),
        json!({ "data": { "orderId": "atelier-forged0000" } }),
        json!("x"),
    ] {
        shop.webhook("f", &body).await;
    }
    let begun = shop.begin(100).await;
    let forged = json!({ "eventType": "PAYMENT_STATUS_CHANGED",
        "data": { "paymentKey": "forged", "orderId": begun.order, "status": "DONE", "totalAmount": 10_000 } });
    shop.webhook("f1", &forged).await;
    shop.sweep().await;
    shop.is(&begun, "pending").await;
    // Contradictory: cancelled, aborted and done, before it is any of these.
    let key = shop.toss.agree(&begun.order, 10_000);
    for (name, status) in [("c1", "CANCELED"), ("c2", "ABORTED"), ("c3", "EXPIRED")] {
        shop.webhook(name, &shop.toss.webhook(&key, status)).await;
    }
    shop.sweep().await;
    // Who closed the window after agreeing is confirmed by what the webhook brought up.
    shop.sweep().await;
    shop.is(&begun, "paid").await;
    assert_eq!(shop.balance().await, 200);
    // Doubled, late, out of order, all at once; the buyer comes back as well.
    for turn in 0..6 {
        let (name, status) = (format!("d{}", turn % 3), ["DONE", "IN_PROGRESS", "READY"][turn % 3]);
        shop.webhook(&name, &shop.toss.webhook(&key, status)).await;
    }
    at_once(4, || shop.back(&begun, &key, 10_000)).await;
    shop.sweep().await;
    assert_eq!(
        (shop.balance().await, shop.credited().await, shop.toss.confirmed()),
        (200, 1, 1)
    );
    let kept = "SELECT count(*) FROM payment_events";
    assert_eq!(
        number(&shop.house, kept).await,
        7,
        "each once, and none that is about no order of ours"
    );
    // The provider itself goes back: what was credited stays, since nothing was given back.
    shop.toss.set(&key, "ABORTED", 10_000);
    shop.webhook("late", &shop.toss.webhook(&key, "ABORTED")).await;
    shop.sweep().await;
    shop.is(&begun, "paid").await;
    assert_eq!(shop.balance().await, 200);
    books_are_right(&shop.house).await;
}

#[tokio::test]
async fn a_webhook_alone_is_enough() {
    let shop = Shop::new().await;
    let begun = shop.begin(100).await;
    let key = shop.toss.agree(&begun.order, 10_000);
    shop.toss.set(&key, "DONE", 10_000);
    shop.webhook("t1", &shop.toss.webhook(&key, "DONE")).await;
    until(&shop.buyer, &begun.path, |view| view["status"] == "paid").await;
    assert_eq!(shop.balance().await, 200);
}

#[tokio::test]
async fn a_declined_card_fails_the_purchase_and_a_window_left_alone_is_given_up_after_forty_minutes() {
    let shop = Shop::new().await;
    let declined = shop.begin(100).await;
    let key = shop.toss.agree(&declined.order, 10_000);
    shop.toss.next(&[Mishap::Declined]);
    assert_eq!(shop.back(&declined, &key, 10_000).await, 200);
    shop.is(&declined, "failed").await;
    let alone = shop.begin(100).await;
    let ran_out = shop.begin(100).await;
    let key = shop.toss.agree(&ran_out.order, 10_000);
    shop.house.sweep().await;
    shop.is(&alone, "pending").await;
    shop.toss.set(&key, "EXPIRED", 10_000);
    execute(
        &shop.house,
        "UPDATE purchases SET ask_at = ask_at - interval '41 minutes', created_at = created_at - interval '41 minutes'",
    )
    .await;
    shop.house.sweep().await;
    shop.is(&alone, "failed").await;
    shop.is(&ran_out, "failed").await;
    assert_eq!((shop.balance().await, shop.credited().await), (100, 0));
    books_are_right(&shop.house).await;
}

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

#[tokio::test]
async fn the_provider_that_takes_no_money_is_for_development_only() {
    let house = House::new().await;
    let buyer = welcomed(&house, "bo").await;
    let begun = begin(&buyer, 100).await;
    let page = house.nobody().get(&format!("/checkout/{}", begun.order)).await;
    assert_eq!(page.status, 200);
    let agreed = format!(
        "/checkout/{}/agreed?paymentKey={}&amount=10000",
        begun.order, begun.order
    );
    assert_eq!(house.nobody().get(&agreed).await.status, 200);
    assert_eq!(balance(&house, buyer.id()).await, 200);
    books_are_right(&house).await;

    let hosted = House::with(|config| {
        config.mode = Mode::Hosted;
        config.signing_key = Some("07".repeat(32).into());
        config.public_url = Some("https://atelier.example".parse().expect("an address"));
    })
    .await;
    let buyer = hosted.user("bo").await;
    buyer
        .post("/purchases", &json!({ "tokens": 100 }))
        .await
        .refused(409, "payments_off");
}
