//! Pays for generations: out of a balance into escrow, and from there to the artist or back, once.
//!
//! The transaction is `pending` while the tokens are in escrow. It becomes `completed` when they go to the artist; when they go back it
//! becomes `failed` and `refunded` together with the transaction that reverses it. Each is one conditional `UPDATE`: no row, no move.

use atelier_contract::{
    GenerationId, StyleId, Tokens, TransactionId, TransactionKind, TransactionStatus, UserId, VoucherId,
};
use sqlx::PgTransaction;

use super::purchases::cover_debt;
use super::{Account, LedgerError, Move, afford, record};

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
/// [`LedgerError::NotEnough`], [`LedgerError::Frozen`].
pub async fn hold(tx: &mut PgTransaction<'_>, hold: Hold) -> Result<TransactionId, LedgerError> {
    let made = Move {
        generation: Some(hold.generation),
        style: Some(hold.style),
        ..Move::new(TransactionKind::Generation, hold.buyer, hold.artist, hold.amount.get())
    };
    into_escrow(tx, made).await
}

/// Takes tokens for a voucher from the buyer's balance into escrow.
///
/// # Errors
/// [`LedgerError::NotEnough`], [`LedgerError::Frozen`].
pub async fn hold_voucher(tx: &mut PgTransaction<'_>, hold: VoucherHold) -> Result<TransactionId, LedgerError> {
    let made = Move {
        voucher: Some(hold.voucher),
        style: Some(hold.style),
        ..Move::new(TransactionKind::Generation, hold.buyer, hold.artist, hold.amount.get())
    };
    into_escrow(tx, made).await
}

async fn into_escrow(tx: &mut PgTransaction<'_>, made: Move<'_>) -> Result<TransactionId, LedgerError> {
    let (buyer, amount) = (made.sender, made.amount);
    afford(tx, buyer, amount).await?;
    let made = Move {
        status: TransactionStatus::Pending,
        ..made
    };
    record(
        tx,
        made,
        &[(buyer, Account::Balance, -amount), (buyer, Account::Escrow, amount)],
    )
    .await
}

/// What came out of escrow.
struct Held {
    id: TransactionId,
    buyer: UserId,
    artist: UserId,
    amount: i64,
    style: Option<StyleId>,
    generation: Option<GenerationId>,
    voucher: Option<VoucherId>,
}

/// Gives what is held for a generation to the artist.
///
/// # Errors
/// [`LedgerError::NothingHeld`] when it went somewhere before.
pub async fn capture(tx: &mut PgTransaction<'_>, generation: GenerationId) -> Result<(), LedgerError> {
    let held = sqlx::query_as!(
        Held,
        r#"UPDATE transactions
              SET status = 'completed'
            WHERE related_generation_id = $1 AND kind = 'generation' AND status = 'pending'
        RETURNING id AS "id: TransactionId", sender_id AS "buyer: UserId", receiver_id AS "artist!: UserId", amount,
                  related_style_id AS "style: StyleId", related_generation_id AS "generation: GenerationId",
                  voucher_id AS "voucher: VoucherId""#,
        generation.get(),
    )
    .fetch_optional(&mut **tx)
    .await?;
    to_artist(tx, held.ok_or(LedgerError::NothingHeld)?).await
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
    let held = sqlx::query_as!(
        Held,
        r#"UPDATE transactions
              SET status = 'completed', related_generation_id = $2
            WHERE voucher_id = $1 AND kind = 'generation' AND status = 'pending'
        RETURNING id AS "id: TransactionId", sender_id AS "buyer: UserId", receiver_id AS "artist!: UserId", amount,
                  related_style_id AS "style: StyleId", related_generation_id AS "generation: GenerationId",
                  voucher_id AS "voucher: VoucherId""#,
        voucher.get(),
        generation.get(),
    )
    .fetch_optional(&mut **tx)
    .await?;
    to_artist(tx, held.ok_or(LedgerError::NothingHeld)?).await
}

/// Out of escrow into what the artist has pending: both are sums of entries alone, and the artist's feed is told of it later, so no row
/// that others share is locked.
async fn to_artist(tx: &mut PgTransaction<'_>, held: Held) -> Result<(), LedgerError> {
    sqlx::query!(
        r#"WITH earned AS (
               INSERT INTO earnings (transaction_id, artist_id, tokens)
               VALUES ($1, $3, $4)
           ), changed AS (
               INSERT INTO feed_changes (user_id, kind)
               VALUES ($3, 'earnings')
           )
           INSERT INTO ledger_entries (transaction_id, user_id, account, amount)
           VALUES ($1, $2, 'escrow', -$4::bigint), ($1, $3, 'pending', $4)"#,
        held.id.get(),
        held.buyer.get(),
        held.artist.get(),
        held.amount,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Gives what is held for a generation back to the buyer, in full.
///
/// # Errors
/// [`LedgerError::NothingHeld`] when it went somewhere before.
pub async fn release(tx: &mut PgTransaction<'_>, generation: GenerationId, memo: &str) -> Result<Tokens, LedgerError> {
    let held = sqlx::query_as!(
        Held,
        r#"UPDATE transactions
              SET status = 'failed', refunded = TRUE
            WHERE related_generation_id = $1 AND kind = 'generation' AND status = 'pending'
        RETURNING id AS "id: TransactionId", sender_id AS "buyer: UserId", receiver_id AS "artist!: UserId", amount,
                  related_style_id AS "style: StyleId", related_generation_id AS "generation: GenerationId",
                  voucher_id AS "voucher: VoucherId""#,
        generation.get(),
    )
    .fetch_optional(&mut **tx)
    .await?;
    to_buyer(tx, held.ok_or(LedgerError::NothingHeld)?, memo).await
}

/// Gives what is held for a voucher back to the buyer, in full.
///
/// # Errors
/// [`LedgerError::NothingHeld`] when it went somewhere before.
pub async fn return_voucher(tx: &mut PgTransaction<'_>, voucher: VoucherId, memo: &str) -> Result<Tokens, LedgerError> {
    let held = sqlx::query_as!(
        Held,
        r#"UPDATE transactions
              SET status = 'failed', refunded = TRUE
            WHERE voucher_id = $1 AND kind = 'generation' AND status = 'pending'
        RETURNING id AS "id: TransactionId", sender_id AS "buyer: UserId", receiver_id AS "artist!: UserId", amount,
                  related_style_id AS "style: StyleId", related_generation_id AS "generation: GenerationId",
                  voucher_id AS "voucher: VoucherId""#,
        voucher.get(),
    )
    .fetch_optional(&mut **tx)
    .await?;
    to_buyer(tx, held.ok_or(LedgerError::NothingHeld)?, memo).await
}

async fn to_buyer(tx: &mut PgTransaction<'_>, held: Held, memo: &str) -> Result<Tokens, LedgerError> {
    let (buyer, amount) = (held.buyer, held.amount);
    let made = Move {
        memo: Some(memo),
        style: held.style,
        generation: held.generation,
        voucher: held.voucher,
        reverses: Some(held.id),
        ..Move::new(TransactionKind::Refund, held.artist, buyer, amount)
    };
    record(
        tx,
        made,
        &[(buyer, Account::Escrow, -amount), (buyer, Account::Balance, amount)],
    )
    .await?;
    cover_debt(tx, buyer).await?;
    Tokens::try_from(amount).map_err(|error| sqlx::Error::Decode(Box::new(error)).into())
}
