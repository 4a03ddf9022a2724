//! The one module that moves tokens: out of a balance into escrow, and from there on to the artist or back, once.
//!
//! The row of `transactions` that a hold makes is `pending` while the tokens are in escrow. It becomes `completed` when they go to the
//! artist; when they go back it is marked `refunded` together with the row that reverses it.

use atelier_contract::{GenerationId, Refusal, StyleId, Tokens, TransactionId, UserId, VoucherId};
use sqlx::PgTransaction;

use crate::refused::Refused;

/// Why tokens did not move.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The balance is lower than the price.
    #[error("{balance} tokens are fewer than {cost}")]
    NotEnough {
        /// What there is.
        balance: i64,
        /// What is wanted.
        cost: i64,
    },
    /// Nothing is in escrow for it.
    #[error("nothing is held for this")]
    NothingHeld,
    /// The database failed.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

impl From<LedgerError> for Refused {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::NotEnough { balance, cost } => Refusal::NotEnoughTokens { balance, cost }.into(),
            LedgerError::NothingHeld => sqlx::Error::RowNotFound.into(),
            LedgerError::Database(error) => error.into(),
        }
    }
}

/// What is paid for a generation.
#[derive(Debug, Clone, Copy)]
pub struct Hold {
    /// Who pays.
    pub buyer: UserId,
    /// Who is paid in the end.
    pub artist: UserId,
    /// For the use of which style.
    pub style: StyleId,
    /// For which picture.
    pub generation: GenerationId,
    /// How much.
    pub amount: Tokens,
}

/// What is paid for a voucher.
#[derive(Debug, Clone, Copy)]
pub struct VoucherHold {
    /// For which voucher.
    pub voucher: VoucherId,
    /// Who pays.
    pub buyer: UserId,
    /// Who is paid in the end.
    pub artist: UserId,
    /// For the use of which style.
    pub style: StyleId,
    /// How much.
    pub amount: Tokens,
}

/// Takes tokens from the buyer's balance into escrow.
///
/// # Errors
/// [`LedgerError::NotEnough`].
pub async fn hold(tx: &mut PgTransaction<'_>, hold: Hold) -> Result<TransactionId, LedgerError> {
    take(tx, hold.buyer, hold.amount).await?;
    let id = sqlx::query_scalar!(
        r#"INSERT INTO transactions (sender_id, receiver_id, amount, status, related_style_id, related_generation_id)
           VALUES ($1, $2, $3, 'pending', $4, $5)
        RETURNING id AS "id: TransactionId""#,
        hold.buyer.get(),
        hold.artist.get(),
        hold.amount.get(),
        hold.style.get(),
        hold.generation.get(),
    )
    .fetch_one(&mut **tx)
    .await?;
    Ok(id)
}

/// Gives what is held for a generation to the artist.
///
/// # Errors
/// [`LedgerError::NothingHeld`] when it went somewhere before.
pub async fn capture(tx: &mut PgTransaction<'_>, generation: GenerationId) -> Result<(), LedgerError> {
    let moved = sqlx::query!(
        r#"UPDATE transactions
              SET status = 'completed'
            WHERE related_generation_id = $1 AND status = 'pending' AND NOT refunded"#,
        generation.get(),
    )
    .execute(&mut **tx)
    .await?;
    if moved.rows_affected() == 1 { Ok(()) } else { Err(LedgerError::NothingHeld) }
}

/// Gives what is held for a generation back to the buyer, in full.
///
/// # Errors
/// [`LedgerError::NothingHeld`] when it went somewhere before.
pub async fn release(tx: &mut PgTransaction<'_>, generation: GenerationId, memo: &str) -> Result<Tokens, LedgerError> {
    let held = sqlx::query!(
        r#"UPDATE transactions
              SET status = 'failed', refunded = TRUE
            WHERE related_generation_id = $1 AND status = 'pending' AND NOT refunded
        RETURNING sender_id AS "buyer: UserId", receiver_id AS "artist!: UserId", amount, related_style_id"#,
        generation.get(),
    )
    .fetch_optional(&mut **tx)
    .await?
    .ok_or(LedgerError::NothingHeld)?;
    give(tx, held.buyer, held.amount).await?;
    sqlx::query!(
        r#"INSERT INTO transactions (sender_id, receiver_id, amount, memo, related_style_id, related_generation_id)
           VALUES ($1, $2, $3, $4, $5, $6)"#,
        held.artist.get(),
        held.buyer.get(),
        held.amount,
        memo,
        held.related_style_id,
        generation.get(),
    )
    .execute(&mut **tx)
    .await?;
    Tokens::try_from(held.amount).map_err(|error| sqlx::Error::Decode(Box::new(error)).into())
}

/// Takes tokens for a voucher from the buyer's balance into escrow.
///
/// # Errors
/// [`LedgerError::NotEnough`].
pub async fn hold_voucher(tx: &mut PgTransaction<'_>, hold: VoucherHold) -> Result<TransactionId, LedgerError> {
    take(tx, hold.buyer, hold.amount).await?;
    let id = sqlx::query_scalar!(
        r#"INSERT INTO transactions (sender_id, receiver_id, amount, status, memo, related_style_id)
           VALUES ($1, $2, $3, 'pending', $4, $5)
        RETURNING id AS "id: TransactionId""#,
        hold.buyer.get(),
        hold.artist.get(),
        hold.amount.get(),
        voucher_memo(hold.voucher),
        hold.style.get(),
    )
    .fetch_one(&mut **tx)
    .await?;
    Ok(id)
}

/// Gives what is held for a voucher to the artist: it became a generation.
///
/// # Errors
/// [`LedgerError::NothingHeld`] when it went somewhere before.
pub async fn redeem_voucher(
    tx: &mut PgTransaction<'_>,
    voucher: VoucherId,
    generation: GenerationId,
) -> Result<(), LedgerError> {
    let moved = sqlx::query!(
        r#"UPDATE transactions
              SET status = 'completed', related_generation_id = $3
            WHERE sender_id = (SELECT user_id FROM vouchers WHERE id = $1)
              AND memo = $2 AND status = 'pending' AND NOT refunded"#,
        voucher.get(),
        voucher_memo(voucher),
        generation.get(),
    )
    .execute(&mut **tx)
    .await?;
    if moved.rows_affected() == 1 { Ok(()) } else { Err(LedgerError::NothingHeld) }
}

/// Gives what is held for a voucher back to the buyer, in full.
///
/// # Errors
/// [`LedgerError::NothingHeld`] when it went somewhere before.
pub async fn return_voucher(tx: &mut PgTransaction<'_>, voucher: VoucherId, memo: &str) -> Result<Tokens, LedgerError> {
    let held = sqlx::query!(
        r#"UPDATE transactions
              SET status = 'failed', refunded = TRUE
            WHERE sender_id = (SELECT user_id FROM vouchers WHERE id = $1)
              AND memo = $2 AND status = 'pending' AND NOT refunded
        RETURNING sender_id AS "buyer: UserId", receiver_id AS "artist!: UserId", amount, related_style_id"#,
        voucher.get(),
        voucher_memo(voucher),
    )
    .fetch_optional(&mut **tx)
    .await?
    .ok_or(LedgerError::NothingHeld)?;
    give(tx, held.buyer, held.amount).await?;
    sqlx::query!(
        r#"INSERT INTO transactions (sender_id, receiver_id, amount, memo, related_style_id)
           VALUES ($1, $2, $3, $4, $5)"#,
        held.artist.get(),
        held.buyer.get(),
        held.amount,
        memo,
        held.related_style_id,
    )
    .execute(&mut **tx)
    .await?;
    Tokens::try_from(held.amount).map_err(|error| sqlx::Error::Decode(Box::new(error)).into())
}

fn voucher_memo(voucher: VoucherId) -> String {
    format!("voucher {voucher}")
}

async fn take(tx: &mut PgTransaction<'_>, user: UserId, amount: Tokens) -> Result<(), LedgerError> {
    let balance = sqlx::query_scalar!("SELECT token_balance FROM users WHERE id = $1 FOR UPDATE", user.get())
        .fetch_one(&mut **tx)
        .await?;
    let taken = sqlx::query!(
        "UPDATE users SET token_balance = token_balance - $2 WHERE id = $1 AND token_balance >= $2",
        user.get(),
        amount.get(),
    )
    .execute(&mut **tx)
    .await?;
    if taken.rows_affected() == 0 {
        let cost = amount.get();
        return Err(LedgerError::NotEnough { balance, cost });
    }
    Ok(())
}

async fn give(tx: &mut PgTransaction<'_>, user: UserId, amount: i64) -> Result<(), LedgerError> {
    sqlx::query!(
        "UPDATE users SET token_balance = token_balance + $2 WHERE id = $1",
        user.get(),
        amount,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}
