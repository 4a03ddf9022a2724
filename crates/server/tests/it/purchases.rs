//! Tokens for money: the packages, and what a buyer sees and may do.

use atelier_contract::{Package, PurchaseView};
use atelier_server::config::Mode;
use serde_json::json;

use crate::harness::House;
use crate::money::{balance, books_are_right, number, welcomed};
use crate::shop::{Shop, at_once, begin};

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
        config.sign_in.client_id = Some("atelier".to_owned());
        config.limits.trusted_proxies = Some(1);
    })
    .await;
    let buyer = hosted.user("bo").await;
    buyer
        .post("/purchases", &json!({ "tokens": 100 }))
        .await
        .refused(409, "payments_off");
}
