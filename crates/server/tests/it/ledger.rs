//! The rules of tokens: paid before a picture is made, to the artist once it is there, back in full when it is not, and each once.

use atelier_contract::{Attempt, GenerationId, TicketView, UserId};
use atelier_server::ledger::{self, Hold};
use reqwest::{Method, StatusCode};
use serde_json::json;
use sqlx::{Connection as _, PgConnection};

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
    assert_eq!(number(&house, DEADLOCKS).await, 0);
    books_are_right(&house).await;
}

const DEADLOCKS: &str = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";

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
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
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
    assert_eq!(number(&house, DEADLOCKS).await, 0);
    assert_eq!(artist.get("/earnings").await.body["pending"], 201 * 5);
    for buyer in &buyers {
        assert_eq!(balance(&house, buyer.user).await, 95);
    }
    books_are_right(&house).await;
}

/// Every kind of thing that the books know, each in the state that it is in longest.
async fn shop_at_work(house: &House) {
    let (artist, style) = seller(house, 10).await;
    let bo = welcomed_studio(house, "bo").await;
    bo.make(style, 10, &["sea"]).await;
    execute(house, "UPDATE earnings SET earned_at = earned_at - interval '8 days'").await;
    house.sweep().await;
    artist
        .post("/withdrawals", json!({ "tokens": 4 }))
        .await
        .is::<serde_json::Value>();
    bo.make(style, 10, &["sea"]).await;
    bo.reserve(style, 10).await;
    let back = bo.reserve(style, 10).await.generation;
    bo.post(&format!("/generations/{back}/void"), json!({}))
        .await
        .is::<TicketView>();
    bo.post("/vouchers", json!({ "style": style, "count": 1, "cost_tokens": 10 }))
        .await
        .is::<serde_json::Value>();
    let begun: serde_json::Value = bo.post("/purchases", json!({ "tokens": 100 })).await.is();
    let order = begun["checkout_url"]
        .as_str()
        .and_then(|url| url.rsplit('/').next())
        .expect("an order");
    let agreed = format!("/checkout/{order}/agreed?paymentKey={order}&amount=10000");
    assert_eq!(house.nobody().get(&agreed).await.status, 200);
}

#[tokio::test]
async fn reconcile_names_every_difference() {
    let house = House::new().await;
    shop_at_work(&house).await;
    books_are_right(&house).await;
    let options = house.pool().connect_options();
    for (broken, named) in [
        (
            "UPDATE users SET token_balance = token_balance + 3 WHERE username = 'bo'",
            "user %bo: balance is",
        ),
        (
            "UPDATE artists SET earned_token_balance = earned_token_balance + 3",
            "artist %ines: earned balance is",
        ),
        (
            "INSERT INTO ledger_entries (transaction_id, user_id, account, amount) SELECT min(id), 1, 'issued', 7 FROM transactions",
            "all entries together are 7, not 0",
        ),
        (
            "INSERT INTO ledger_entries (transaction_id, user_id, account, amount) SELECT min(id), 1, 'issued', 7 FROM transactions",
            "its entries sum to 7",
        ),
        (
            "DELETE FROM ledger_entries WHERE transaction_id = (SELECT min(id) FROM transactions WHERE kind = 'purchase')",
            "has no entries",
        ),
        (
            "UPDATE transactions SET status = 'completed' WHERE status = 'pending' AND kind = 'generation'",
            "user %bo: escrow is",
        ),
        (
            "DELETE FROM earnings WHERE settlement_id IS NULL",
            "user %ines: pending is",
        ),
        (
            "DELETE FROM earnings WHERE settlement_id IS NULL",
            "is completed, but earned 0 of 10",
        ),
        (
            "UPDATE withdrawals SET tokens = tokens + 1",
            "user %ines: withdrawing is",
        ),
        (
            "INSERT INTO debts (user_id, tokens) SELECT id, 5 FROM users WHERE username = 'bo'",
            "user %bo: debt is",
        ),
        (
            "INSERT INTO debts (user_id, tokens) SELECT id, 5 FROM users WHERE username = 'bo'",
            "owes 5 and has",
        ),
        (
            "UPDATE transactions SET refunded = FALSE WHERE refunded",
            "is refunded, but nothing reverses it",
        ),
        (
            "UPDATE generations SET status = 'completed' WHERE status = 'failed'",
            "is completed, and paid back by transaction",
        ),
        (
            "UPDATE tickets SET state = 'voided', voided_at = now() WHERE state = 'reserved'",
            "is voided, its transaction pending",
        ),
        (
            "UPDATE vouchers SET state = 'returned'",
            "is returned, its transaction pending",
        ),
        (
            "UPDATE purchases SET status = 'pending'",
            "is pending with 0 of 100 tokens cancelled, credited are 100",
        ),
        (
            "UPDATE purchases SET cancelled_tokens = 1",
            "is paid with 1 of 100 tokens cancelled",
        ),
        ("UPDATE purchases SET memo = 'somebody looked'", "but somebody looked"),
    ] {
        let mut by_hand = PgConnection::connect_with(&options).await.expect("connects");
        // As only a superuser can: past triggers and foreign keys.
        sqlx::query("SET session_replication_role = replica")
            .execute(&mut by_hand)
            .await
            .expect("set");
        let copy = copy_books(&mut by_hand).await;
        sqlx::query(broken).execute(&mut by_hand).await.expect(broken);
        let named = with_ids(&mut by_hand, named).await;
        let differences = atelier_server::reconcile::reconcile(house.pool()).await.expect("asked");
        assert!(
            differences.iter().any(|line| line.contains(&named)),
            "{broken}: {named} is not in {differences:#?}"
        );
        restore_books(&mut by_hand, &copy).await;
        books_are_right(&house).await;
    }
}

const BOOKS: [&str; 11] = [
    "users",
    "artists",
    "transactions",
    "ledger_entries",
    "earnings",
    "withdrawals",
    "debts",
    "generations",
    "tickets",
    "vouchers",
    "purchases",
];

/// Puts the ids of the users who are named by `%name` in the place of their names.
async fn with_ids(connection: &mut PgConnection, text: &str) -> String {
    let mut text = text.to_owned();
    for name in ["bo", "ines"] {
        let id: i64 = sqlx::query_scalar("SELECT id FROM users WHERE username = $1")
            .bind(name)
            .fetch_one(&mut *connection)
            .await
            .expect("there");
        text = text.replace(&format!("%{name}"), &id.to_string());
    }
    text
}

async fn copy_books(connection: &mut PgConnection) -> Vec<(&'static str, String)> {
    let mut copies = Vec::new();
    for table in BOOKS {
        let rows = format!("SELECT coalesce(json_agg({table}), '[]')::text FROM {table}");
        let copy = sqlx::query_scalar(sqlx::AssertSqlSafe(rows))
            .fetch_one(&mut *connection)
            .await
            .expect("read");
        copies.push((table, copy));
    }
    copies
}

async fn restore_books(connection: &mut PgConnection, copies: &[(&'static str, String)]) {
    for (table, copy) in copies {
        let columns: String = sqlx::query_scalar(
            "SELECT string_agg(column_name, ', ') FROM information_schema.columns
              WHERE table_name = $1 AND table_schema = 'public' AND is_generated = 'NEVER'",
        )
        .bind(table)
        .fetch_one(&mut *connection)
        .await
        .expect("columns");
        let delete = format!("DELETE FROM {table}");
        sqlx::query(sqlx::AssertSqlSafe(delete))
            .execute(&mut *connection)
            .await
            .expect("emptied");
        let insert = format!(
            "INSERT INTO {table} ({columns}) SELECT {columns} FROM json_populate_recordset(NULL::{table}, $1::json)"
        );
        sqlx::query(sqlx::AssertSqlSafe(insert))
            .bind(copy)
            .execute(&mut *connection)
            .await
            .expect("restored");
    }
}
