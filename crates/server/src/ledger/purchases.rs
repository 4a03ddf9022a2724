//! Tokens for money: credited once a payment is there, taken back when it is cancelled.
//!
//! What was spent before a cancellation cannot be taken from a balance that never falls below zero: it becomes a debt. Whoever owes has a
//! balance of zero, because every token that comes covers the debt first.

use atelier_contract::{PurchaseId, Tokens, TransactionKind, UserId};
use sqlx::PgTransaction;

use super::{Account, LedgerError, Move, debt, lock, platform, record};

/// Credits a purchase by the move from `pending` or `authorized` to `paid`. Returns whether this call was the one.
///
/// # Errors
/// The database's.
pub async fn credit_purchase(tx: &mut PgTransaction<'_>, purchase: PurchaseId) -> Result<bool, LedgerError> {
    let paid = sqlx::query!(
        r#"UPDATE purchases
              SET status = 'paid', approved_at = CURRENT_TIMESTAMP, updated_at = CURRENT_TIMESTAMP
            WHERE id = $1 AND status IN ('pending', 'authorized')
        RETURNING buyer_id AS "buyer: UserId", amount_tokens"#,
        purchase.get(),
    )
    .fetch_optional(&mut **tx)
    .await?;
    let Some(paid) = paid else { return Ok(false) };
    let platform = platform(tx).await?;
    let (buyer, amount) = (paid.buyer, paid.amount_tokens);
    // Nobody receives: that is how the history tells tokens that were bought.
    let made = Move {
        receiver: None,
        purchase: Some(purchase),
        ..Move::new(TransactionKind::Purchase, buyer, buyer, amount)
    };
    record(
        tx,
        made,
        &[(platform, Account::Issued, -amount), (buyer, Account::Balance, amount)],
    )
    .await?;
    cover_debt(tx, buyer).await?;
    Ok(true)
}

/// Takes tokens of a paid purchase back, so that `cancelled` of them are in all; what the buyer has not any more becomes a debt. Returns
/// how many this call took: none when as many were cancelled before.
///
/// # Errors
/// The database's.
pub async fn reverse_purchase(
    tx: &mut PgTransaction<'_>,
    purchase: PurchaseId,
    cancelled: Tokens,
) -> Result<i64, LedgerError> {
    let row = sqlx::query!(
        r#"SELECT buyer_id AS "buyer: UserId", least($2, amount_tokens) - cancelled_tokens AS "more!"
             FROM purchases
            WHERE id = $1 AND status = 'paid' AND cancelled_tokens < least($2, amount_tokens)
              FOR NO KEY UPDATE"#,
        purchase.get(),
        cancelled.get(),
    )
    .fetch_optional(&mut **tx)
    .await?;
    let Some(row) = row else { return Ok(0) };
    sqlx::query!(
        "UPDATE purchases SET cancelled_tokens = cancelled_tokens + $2, updated_at = CURRENT_TIMESTAMP WHERE id = $1",
        purchase.get(),
        row.more,
    )
    .execute(&mut **tx)
    .await?;
    let platform = platform(tx).await?;
    let there = lock(tx, row.buyer).await?.min(row.more);
    let owed = row.more - there;
    let mut entries = vec![(platform, Account::Issued, row.more)];
    if there > 0 {
        entries.push((row.buyer, Account::Balance, -there));
    }
    if owed > 0 {
        entries.push((row.buyer, Account::Debt, -owed));
    }
    let made = Move {
        purchase: Some(purchase),
        ..Move::new(TransactionKind::Cancellation, row.buyer, platform, row.more)
    };
    record(tx, made, &entries).await?;
    if owed > 0 {
        sqlx::query!(
            r#"INSERT INTO debts (user_id, tokens)
               VALUES ($1, $2)
                   ON CONFLICT (user_id) DO UPDATE SET tokens = debts.tokens + excluded.tokens"#,
            row.buyer.get(),
            owed,
        )
        .execute(&mut **tx)
        .await?;
    }
    Ok(row.more)
}

/// Covers what a user owes from a balance that just rose, as far as it goes.
pub(super) async fn cover_debt(tx: &mut PgTransaction<'_>, user: UserId) -> Result<(), LedgerError> {
    let balance = lock(tx, user).await?;
    let owed = debt(tx, user).await?;
    let covered = owed.min(balance);
    if covered == 0 {
        return Ok(());
    }
    let platform = platform(tx).await?;
    let made = Move::new(TransactionKind::Debt, user, platform, covered);
    record(
        tx,
        made,
        &[(user, Account::Balance, -covered), (user, Account::Debt, covered)],
    )
    .await?;
    if covered == owed {
        sqlx::query!("DELETE FROM debts WHERE user_id = $1", user.get())
            .execute(&mut **tx)
            .await?;
    } else {
        sqlx::query!(
            "UPDATE debts SET tokens = tokens - $2 WHERE user_id = $1",
            user.get(),
            covered
        )
        .execute(&mut **tx)
        .await?;
    }
    Ok(())
}
