//! What artists earned: pending for a week, then theirs, then paid out.

use atelier_contract::{Tokens, TransactionId, TransactionKind, TransactionStatus, UserId, WithdrawalId};
use sqlx::PgTransaction;

use super::{Account, LedgerError, Move, debt, lock, platform, record};
use crate::app::App;
use crate::feed::{self, Change};

/// How long what was earned is pending: for complaints.
pub const SETTLEMENT_DAYS: i32 = 7;
/// Earnings that one transaction settles.
const EARNINGS_MAX: i64 = 10_000;

/// Settles what was earned long enough ago, an artist a transaction. Returns how many transactions.
///
/// # Errors
/// The database's.
pub async fn settle(app: &App) -> Result<u64, sqlx::Error> {
    let mut settled = 0;
    loop {
        let next = sqlx::query_scalar!(
            r#"SELECT artist_id AS "artist: UserId"
                 FROM earnings
                WHERE settlement_id IS NULL AND earned_at <= now() - make_interval(days => $1)
             ORDER BY earned_at
                LIMIT 1"#,
            SETTLEMENT_DAYS,
        )
        .fetch_optional(&app.pool)
        .await?;
        let Some(artist) = next else { return Ok(settled) };
        let mut tx = app.pool.begin().await?;
        let moved = settle_artist(&mut tx, artist).await?;
        tx.commit().await?;
        settled += moved;
    }
}

/// The rows of `earnings` decide: another who settles the same waits for them, and then finds them settled.
async fn settle_artist(tx: &mut PgTransaction<'_>, artist: UserId) -> sqlx::Result<u64> {
    let settled = sqlx::query!(
        r#"WITH due AS (
               SELECT transaction_id, tokens
                 FROM earnings
                WHERE artist_id = $1 AND settlement_id IS NULL AND earned_at <= now() - make_interval(days => $2)
             ORDER BY earned_at, transaction_id
                LIMIT $3
                  FOR UPDATE
           ), made AS (
               INSERT INTO transactions (kind, sender_id, receiver_id, amount)
               SELECT 'settlement', $1, $1, sum(tokens) FROM due HAVING count(*) > 0
            RETURNING id, amount
           ), marked AS (
               UPDATE earnings
                  SET settlement_id = made.id
                 FROM made, due
                WHERE earnings.transaction_id = due.transaction_id
           ), entered AS (
               INSERT INTO ledger_entries (transaction_id, user_id, account, amount)
               SELECT made.id, $1, entry.account, entry.sign * made.amount
                 FROM made, (VALUES ('pending', -1), ('earned', 1)) AS entry(account, sign)
           )
           UPDATE artists
              SET earned_token_balance = earned_token_balance + made.amount
             FROM made
            WHERE artists.user_id = $1"#,
        artist.get(),
        SETTLEMENT_DAYS,
        EARNINGS_MAX,
    )
    .execute(&mut **tx)
    .await?;
    if settled.rows_affected() > 0 {
        feed::append(tx, artist, Change::Earnings).await?;
    }
    Ok(settled.rows_affected())
}

/// Sets tokens that an artist earned aside, to be paid out.
///
/// # Errors
/// [`LedgerError::NotEnoughEarned`], [`LedgerError::Frozen`].
pub async fn withdraw(tx: &mut PgTransaction<'_>, artist: UserId, tokens: Tokens) -> Result<WithdrawalId, LedgerError> {
    lock(tx, artist).await?;
    let owed = debt(tx, artist).await?;
    if owed > 0 {
        return Err(LedgerError::Frozen { debt: owed });
    }
    let wanted = tokens.get();
    let earned = sqlx::query_scalar!(
        "SELECT earned_token_balance FROM artists WHERE user_id = $1 FOR NO KEY UPDATE",
        artist.get(),
    )
    .fetch_one(&mut **tx)
    .await?;
    if earned < wanted {
        return Err(LedgerError::NotEnoughEarned { earned, wanted });
    }
    let platform = platform(tx).await?;
    let made = Move {
        status: TransactionStatus::Pending,
        ..Move::new(TransactionKind::Withdrawal, artist, platform, wanted)
    };
    let transaction = record(
        tx,
        made,
        &[
            (artist, Account::Earned, -wanted),
            (artist, Account::Withdrawing, wanted),
        ],
    )
    .await?;
    let id = sqlx::query_scalar!(
        r#"INSERT INTO withdrawals (artist_id, tokens, transaction_id)
           VALUES ($1, $2, $3)
        RETURNING id AS "id: WithdrawalId""#,
        artist.get(),
        wanted,
        transaction.get(),
    )
    .fetch_one(&mut **tx)
    .await?;
    Ok(id)
}

/// Notes that a withdrawal was paid out. Returns whose it was.
///
/// # Errors
/// [`LedgerError::NothingHeld`] when it was decided before, or is not there.
pub async fn pay_withdrawal(tx: &mut PgTransaction<'_>, id: WithdrawalId, note: &str) -> Result<UserId, LedgerError> {
    let decided = decide(tx, id, "paid", note).await?;
    sqlx::query!(
        "UPDATE transactions SET status = 'completed' WHERE id = $1",
        decided.transaction.get()
    )
    .execute(&mut **tx)
    .await?;
    let platform = platform(tx).await?;
    let made = Move::new(TransactionKind::Payout, decided.artist, platform, decided.tokens);
    let entries = [
        (decided.artist, Account::Withdrawing, -decided.tokens),
        (platform, Account::Issued, decided.tokens),
    ];
    record(tx, made, &entries).await?;
    Ok(decided.artist)
}

/// Gives what was set aside for a withdrawal back to the artist's earnings. Returns whose it was.
///
/// # Errors
/// [`LedgerError::NothingHeld`] when it was decided before, or is not there.
pub async fn reject_withdrawal(
    tx: &mut PgTransaction<'_>,
    id: WithdrawalId,
    note: &str,
) -> Result<UserId, LedgerError> {
    let decided = decide(tx, id, "rejected", note).await?;
    sqlx::query!(
        "UPDATE transactions SET status = 'failed', refunded = TRUE WHERE id = $1",
        decided.transaction.get()
    )
    .execute(&mut **tx)
    .await?;
    let platform = platform(tx).await?;
    let made = Move {
        memo: Some(note),
        reverses: Some(decided.transaction),
        ..Move::new(TransactionKind::Refund, platform, decided.artist, decided.tokens)
    };
    let entries = [
        (decided.artist, Account::Withdrawing, -decided.tokens),
        (decided.artist, Account::Earned, decided.tokens),
    ];
    record(tx, made, &entries).await?;
    Ok(decided.artist)
}

struct Decided {
    artist: UserId,
    tokens: i64,
    transaction: TransactionId,
}

/// The one move out of `requested`.
async fn decide(
    tx: &mut PgTransaction<'_>,
    id: WithdrawalId,
    status: &str,
    note: &str,
) -> Result<Decided, LedgerError> {
    sqlx::query_as!(
        Decided,
        r#"UPDATE withdrawals
              SET status = $2, note = $3, decided_at = CURRENT_TIMESTAMP
            WHERE id = $1 AND status = 'requested'
        RETURNING artist_id AS "artist: UserId", tokens, transaction_id AS "transaction: TransactionId""#,
        id.get(),
        status,
        note,
    )
    .fetch_optional(&mut **tx)
    .await?
    .ok_or(LedgerError::NothingHeld)
}
