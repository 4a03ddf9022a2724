//! The provider of payments as networks and forgers make it: answers lost, webhooks late, doubled, forged and contradictory. What is
//! credited was paid, once.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::money::{books_are_right, execute, number, until};
use crate::shop::{Shop, at_once};
use crate::toss::Mishap;

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
    let noted = "SELECT count(*) FROM operator_actions WHERE action = 'refund ask' AND details->>'status_before' = 'authorized'";
    assert_eq!(number(&shop.house, noted).await, 1);
    assert_eq!(shop.balance().await, 100);
    shop.toss.is_down(false);
    shop.sweep().await;
    shop.is(&begun, "paid").await;
    assert_eq!(shop.balance().await, 200);
    let open = "SELECT count(*) FROM payment_events WHERE handled_at IS NULL";
    assert_eq!(number(&shop.house, open).await, 0);
}

#[tokio::test]
async fn nobody_fills_the_database_with_webhooks_and_old_ones_are_forgotten() {
    let shop = Shop::new().await;
    let begun = shop.begin(100).await;
    let key = shop.toss.agree(&begun.order, 10_000);
    let body = shop.toss.webhook(&key, "IN_PROGRESS");
    for n in 0..105 {
        shop.webhook(&format!("t{n}"), &body).await;
    }
    let mut long = body.clone();
    long["data"]["note"] = json!("a".repeat(20_000));
    shop.webhook("long", &long).await;
    let kept = "SELECT count(*) FROM payment_events";
    assert_eq!(number(&shop.house, kept).await, 100);
    execute(
        &shop.house,
        "UPDATE payment_events SET received_at = now() - interval '31 days' WHERE transmission_id <> 't7'",
    )
    .await;
    shop.sweep().await;
    assert_eq!(number(&shop.house, kept).await, 1);
}

#[tokio::test]
async fn what_was_decided_meanwhile_is_not_paid_for() {
    let shop = Shop::new().await;
    let begun = shop.begin(100).await;
    let key = shop.toss.agree(&begun.order, 10_000);
    // The clock gives the purchase up while its buyer comes back.
    let mut gives_up = shop.house.pool().begin().await.expect("begins");
    sqlx::query("UPDATE purchases SET status = 'failed'")
        .execute(&mut *gives_up)
        .await
        .expect("given up");
    let decided = async {
        let waits =
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        let deadline = Instant::now() + Duration::from_secs(20);
        while number(&shop.house, waits).await == 0 {
            assert!(Instant::now() < deadline, "nobody waits for it");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        gives_up.commit().await.expect("commits");
    };
    let (status, ()) = tokio::join!(shop.back(&begun, &key, 10_000), decided);
    assert_eq!((status, shop.toss.confirmed()), (200, 0));
    shop.is(&begun, "failed").await;
}

#[tokio::test]
async fn webhooks_late_doubled_out_of_order_forged_and_contradictory_credit_what_was_paid_once() {
    let shop = Shop::new().await;
    // Forged: of nobody's order, of one that nobody paid, of one that is only agreed to, of any shape.
    for body in [json!({}), json!({ "data": { "orderId": "atelier-forged0000" } })] {
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

/// What is written to the log, for a test to read.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no panic").write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_webhook_of_an_order_of_ours_that_is_not_known_is_told_in_the_log() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone()).finish();
    let shop = Shop::new().await;
    let begun = shop.begin(100).await;
    // The server runs on this thread.
    let _logged = tracing::subscriber::set_default(subscriber);
    let lost = format!("atelier-{}", "0a".repeat(16));
    for (name, order) in [
        ("1", &begun.order),
        ("2", &lost),
        ("3", &"another-program-s".to_owned()),
    ] {
        let body = json!({ "eventType": "PAYMENT_STATUS_CHANGED", "data": { "orderId": order } });
        shop.webhook(name, &body).await;
        shop.webhook(name, &body).await;
    }
    let said = String::from_utf8(log.0.lock().expect("no panic").clone()).expect("text");
    let told: Vec<_> = said.lines().filter(|line| line.contains("is not known")).collect();
    assert_eq!(told.len(), 2, "{said}");
    assert!(told.iter().all(|line| line.contains(&lost)), "{said}");
}
