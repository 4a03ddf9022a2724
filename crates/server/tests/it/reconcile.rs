//! `reconcile` finds what was changed behind the ledger's back, and names it.

use atelier_contract::{StyleId, TicketView};
use serde_json::json;
use sqlx::{Connection as _, PgConnection};

use crate::harness::{House, Program};
use crate::money::{books_are_right, execute, seller, welcomed_studio};
use crate::studio::Studio;

/// Every kind of thing that the books know, each in the state that it is in longest. Gives who sells what, and who buys it for ten tokens.
pub(crate) async fn shop_at_work(house: &House) -> (Studio, StyleId, Studio) {
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
    (artist, style, bo)
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

#[tokio::test]
async fn the_command_fails_when_there_is_a_difference() {
    let house = House::new().await;
    house.user("bo").await;
    let url = house.app.config.database_url.as_ref().expect("set").expose().to_owned();
    let folder = tempfile::TempDir::new().expect("a folder");
    let run = || {
        let mut command = Program::command(folder.path(), Some(&url), &[("ATELIER_LOG_FILTER", "off")]);
        command.arg("reconcile").output().expect("the program")
    };
    let name: String = sqlx::query_scalar("SELECT current_database()::text")
        .fetch_one(house.pool())
        .await
        .expect("its name");
    let right = run();
    let said = String::from_utf8_lossy(&right.stdout);
    assert!(right.status.success() && said.lines().count() == 1, "{right:?}");
    assert!(said.starts_with(&format!("database {name} of ")), "{said}");
    execute(&house, "UPDATE users SET token_balance = 5 WHERE username = 'bo'").await;
    let wrong = run();
    assert!(!wrong.status.success());
    assert!(
        String::from_utf8_lossy(&wrong.stdout).contains("balance is 5, entries sum to 0"),
        "{wrong:?}"
    );
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
