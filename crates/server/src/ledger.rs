//! The one module that moves tokens.
//!
//! Every move is a row of `transactions` with entries of `ledger_entries` that sum to zero, made in one statement together with the
//! balances that they change; that statement is [`record`], and beside it only `generations::to_artist` and `earnings::settle` write
//! entries. So a balance always is the sum of its entries, which `reconcile` checks from outside.
//!
//! Locks: the row of the user whose balance moves, taken before anything is decided on it; never the platform's, never an artist's for
//! a sale. They are `FOR NO KEY UPDATE`, which keeps every other mover out as `FOR UPDATE` would, but lets pass those who only refer to
//! the row by a foreign key: two artists who buy from each other would wait in a circle otherwise.

mod earnings;
mod generations;
mod purchases;

use atelier_contract::{
    GenerationId, PurchaseId, Refusal, StyleId, Tokens, TransactionId, TransactionKind, TransactionStatus, UserId,
    VoucherId,
};
use sqlx::PgTransaction;

use crate::refused::Refused;

pub use earnings::{SETTLEMENT_DAYS, pay_withdrawal, reject_withdrawal, settle, withdraw};
pub use generations::{Hold, VoucherHold, capture, hold, hold_voucher, redeem_voucher, release, return_voucher};
pub use purchases::{credit_purchase, reverse_purchase};

/// What a new account gets, once.
pub const WELCOME_TOKENS: i64 = 100;

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
    /// Tokens of a cancelled purchase were spent: nothing moves until they are covered.
    #[error("{debt} tokens are owed")]
    Frozen {
        /// How many.
        debt: i64,
    },
    /// Less was earned and settled than is asked for.
    #[error("{earned} tokens earned are fewer than {wanted}")]
    NotEnoughEarned {
        /// What there is.
        earned: i64,
        /// What is wanted.
        wanted: i64,
    },
    /// Nothing is in escrow for it: it went somewhere before.
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
            LedgerError::Frozen { debt } => Refusal::SpendingFrozen { debt }.into(),
            LedgerError::NotEnoughEarned { earned, wanted } => Refusal::NotEnoughEarned { earned, wanted }.into(),
            // Callers hold the row that decides it, so this is a defect.
            LedgerError::NothingHeld => sqlx::Error::RowNotFound.into(),
            LedgerError::Database(error) => error.into(),
        }
    }
}

/// `ledger_entries.account`. What each is, stands in the migration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Account {
    Issued,
    Balance,
    Escrow,
    Earned,
    Withdrawing,
    Debt,
}

impl Account {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Issued => "issued",
            Self::Balance => "balance",
            Self::Escrow => "escrow",
            Self::Earned => "earned",
            Self::Withdrawing => "withdrawing",
            Self::Debt => "debt",
        }
    }
}

/// One line of a move: so much into an account, or out of it when negative.
type Entry = (UserId, Account, i64);

/// A row of `transactions` to make.
#[derive(Debug)]
struct Move<'a> {
    kind: TransactionKind,
    status: TransactionStatus,
    sender: UserId,
    receiver: Option<UserId>,
    amount: i64,
    memo: Option<&'a str>,
    style: Option<StyleId>,
    generation: Option<GenerationId>,
    voucher: Option<VoucherId>,
    purchase: Option<PurchaseId>,
    reverses: Option<TransactionId>,
}

impl<'a> Move<'a> {
    /// Completed, about nothing else.
    fn new(kind: TransactionKind, sender: UserId, receiver: UserId, amount: i64) -> Move<'a> {
        Move {
            kind,
            status: TransactionStatus::Completed,
            sender,
            receiver: Some(receiver),
            amount,
            memo: None,
            style: None,
            generation: None,
            voucher: None,
            purchase: None,
            reverses: None,
        }
    }
}

/// Writes a move, its entries and the balances that they change. A balance that would fall below zero fails the statement; who takes from
/// one has locked it and looked before.
async fn record(tx: &mut PgTransaction<'_>, made: Move<'_>, entries: &[Entry]) -> Result<TransactionId, LedgerError> {
    let users: Vec<i64> = entries.iter().map(|(user, ..)| user.get()).collect();
    let accounts: Vec<&str> = entries.iter().map(|(_, account, _)| account.as_str()).collect();
    let amounts: Vec<i64> = entries.iter().map(|(.., amount)| *amount).collect();
    let id = sqlx::query_scalar!(
        r#"WITH entry AS (
               SELECT user_id, account, amount
                 FROM unnest($12::bigint[], $13::text[], $14::bigint[]) AS given(user_id, account, amount)
           ), made AS (
               INSERT INTO transactions (kind, status, sender_id, receiver_id, amount, memo, related_style_id,
                                         related_generation_id, voucher_id, purchase_id, reverses_id,
                                         price_per_token, currency_code, payment_method)
               SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, purchases.price_per_token,
                      coalesce(purchases.currency_code, 'KRW'), coalesce(purchases.provider, 'token')
                 FROM (VALUES ($10::bigint)) AS paid(id)
            LEFT JOIN purchases USING (id)
            RETURNING id
           ), entered AS (
               INSERT INTO ledger_entries (transaction_id, user_id, account, amount)
               SELECT made.id, entry.user_id, entry.account, entry.amount FROM made, entry
           ), balances AS (
               UPDATE users
                  SET token_balance = users.token_balance + entry.amount
                 FROM entry
                WHERE users.id = entry.user_id AND entry.account = 'balance'
           ), earned AS (
               UPDATE artists
                  SET earned_token_balance = artists.earned_token_balance + entry.amount
                 FROM entry
                WHERE artists.user_id = entry.user_id AND entry.account = 'earned'
           )
           SELECT id AS "id!: TransactionId" FROM made"#,
        made.kind.as_str(),
        made.status.as_str(),
        made.sender.get(),
        made.receiver.map(UserId::get),
        made.amount,
        made.memo,
        made.style.map(StyleId::get),
        made.generation.map(GenerationId::get),
        made.voucher.map(VoucherId::get),
        made.purchase.map(PurchaseId::get),
        made.reverses.map(TransactionId::get),
        &users,
        &accounts as &[&str],
        &amounts,
    )
    .fetch_one(&mut **tx)
    .await?;
    Ok(id)
}

/// Locks the user's row; gives the balance.
async fn lock(tx: &mut PgTransaction<'_>, user: UserId) -> Result<i64, LedgerError> {
    let balance = sqlx::query_scalar!(
        "SELECT token_balance FROM users WHERE id = $1 FOR NO KEY UPDATE",
        user.get()
    )
    .fetch_one(&mut **tx)
    .await?;
    Ok(balance)
}

/// What a user, whose row is locked, owes.
async fn debt(tx: &mut PgTransaction<'_>, user: UserId) -> Result<i64, LedgerError> {
    let debt = sqlx::query_scalar!("SELECT tokens FROM debts WHERE user_id = $1", user.get())
        .fetch_optional(&mut **tx)
        .await?;
    Ok(debt.unwrap_or(0))
}

/// Locks the user's row and looks whether `cost` may be taken from the balance. Whoever owes has a balance of zero (`purchases`), so the
/// debt is asked for only to say it.
async fn afford(tx: &mut PgTransaction<'_>, user: UserId, cost: i64) -> Result<(), LedgerError> {
    let balance = lock(tx, user).await?;
    if balance >= cost {
        return Ok(());
    }
    match debt(tx, user).await? {
        0 => Err(LedgerError::NotEnough { balance, cost }),
        debt => Err(LedgerError::Frozen { debt }),
    }
}

/// Where tokens come from and end.
async fn platform(tx: &mut PgTransaction<'_>) -> Result<UserId, LedgerError> {
    Ok(sqlx::query_scalar!(r#"SELECT platform_user() AS "platform!: UserId""#)
        .fetch_one(&mut **tx)
        .await?)
}

/// Gives a new account its tokens, at most once.
///
/// # Errors
/// The database's.
pub async fn welcome(tx: &mut PgTransaction<'_>, user: UserId) -> Result<(), LedgerError> {
    lock(tx, user).await?;
    let welcomed = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM transactions WHERE receiver_id = $1 AND kind = 'welcome') AS "welcomed!""#,
        user.get(),
    )
    .fetch_one(&mut **tx)
    .await?;
    if welcomed {
        return Ok(());
    }
    let platform = platform(tx).await?;
    let made = Move {
        memo: Some("welcome"),
        ..Move::new(TransactionKind::Welcome, platform, user, WELCOME_TOKENS)
    };
    let entries = [
        (platform, Account::Issued, -WELCOME_TOKENS),
        (user, Account::Balance, WELCOME_TOKENS),
    ];
    record(tx, made, &entries).await?;
    purchases::cover_debt(tx, user).await
}

/// An operator's correction of a balance: gives `tokens`, or takes them when `taken`.
///
/// # Errors
/// [`LedgerError::NotEnough`] when there are fewer to take.
pub async fn correct(
    tx: &mut PgTransaction<'_>,
    user: UserId,
    tokens: Tokens,
    taken: bool,
    memo: &str,
) -> Result<TransactionId, LedgerError> {
    let platform = platform(tx).await?;
    let amount = tokens.get();
    let ((sender, receiver), sign) = if taken {
        ((user, platform), -1)
    } else {
        ((platform, user), 1)
    };
    if taken {
        afford(tx, user, amount).await?;
    }
    let made = Move {
        memo: Some(memo),
        ..Move::new(TransactionKind::Correction, sender, receiver, amount)
    };
    let entries = [
        (platform, Account::Issued, -sign * amount),
        (user, Account::Balance, sign * amount),
    ];
    let id = record(tx, made, &entries).await?;
    purchases::cover_debt(tx, user).await?;
    Ok(id)
}
