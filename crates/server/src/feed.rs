//! The feed of each user: what of theirs changed. A thing that changes again moves to the end, so that a feed is as long as there are
//! things, and a reader of it gets each once, as it is by then.
//!
//! A feed is locked by who appends to it until their transaction ends. What many change at once (what an artist earned, how many like a
//! picture) is noted in `feed_changes` instead, and appended by a sweep.

mod hub;
pub(crate) mod sweep;

use std::collections::BTreeSet;

use atelier_contract::{CommentId, GenerationId, NotificationId, PurchaseId, StyleId, UserId, VoucherId, WithdrawalId};
use sqlx::PgTransaction;

pub use hub::Hub;

/// What changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// The profile.
    Profile,
    /// Tokens.
    Balance,
    /// What an artist earned.
    Earnings,
    /// A generation.
    Generation(GenerationId),
    /// A style.
    Style(StyleId),
    /// A notice.
    Notification(NotificationId),
    /// A purchase.
    Purchase(PurchaseId),
    /// A withdrawal.
    Withdrawal(WithdrawalId),
    /// A voucher.
    Voucher(VoucherId),
    /// Whom the user follows.
    Follow(UserId),
    /// What the user likes.
    Like(GenerationId),
    /// A comment.
    Comment(CommentId),
}

impl Change {
    /// `feed_entries.kind` and `feed_entries.target_id`.
    const fn entry(self) -> (&'static str, i64) {
        match self {
            Self::Profile => ("profile", 0),
            Self::Balance => ("balance", 0),
            Self::Earnings => ("earnings", 0),
            Self::Generation(id) => ("generation", id.get()),
            Self::Style(id) => ("style", id.get()),
            Self::Notification(id) => ("notification", id.get()),
            Self::Purchase(id) => ("purchase", id.get()),
            Self::Withdrawal(id) => ("withdrawal", id.get()),
            Self::Voucher(id) => ("voucher", id.get()),
            Self::Follow(id) => ("follow", id.get()),
            Self::Like(id) => ("like", id.get()),
            Self::Comment(id) => ("comment", id.get()),
        }
    }
}

/// Changes of several users in one transaction. Feeds are locked in the order of the users, so that no two transactions wait in a circle.
#[derive(Debug, Default)]
pub struct Changes(Vec<(UserId, Change)>);

impl Changes {
    /// Notes that something of the user's changed.
    pub fn note(&mut self, user: UserId, change: Change) {
        self.0.push((user, change));
    }

    /// Writes them to the feeds. Called last in a transaction: a feed stays locked until it ends.
    ///
    /// # Errors
    /// The database's.
    pub async fn append(mut self, tx: &mut PgTransaction<'_>) -> sqlx::Result<()> {
        self.0.sort_by_key(|(user, _)| *user);
        for of_one in self.0.chunk_by(|(one, _), (other, _)| one == other) {
            let changes: Vec<Change> = of_one.iter().map(|(_, change)| *change).collect();
            if let Some((user, _)) = of_one.first() {
                append_all(tx, *user, &changes).await?;
            }
        }
        Ok(())
    }
}

/// Notes that something of the user's changed. Called last in a transaction; for several users there is [`Changes`].
///
/// # Errors
/// The database's.
pub async fn append(tx: &mut PgTransaction<'_>, user: UserId, change: Change) -> sqlx::Result<()> {
    append_all(tx, user, &[change]).await
}

/// Notes that several things of the user's changed, in one statement. Called last in a transaction.
///
/// # Errors
/// The database's.
pub async fn append_all(tx: &mut PgTransaction<'_>, user: UserId, changes: &[Change]) -> sqlx::Result<()> {
    let entries: BTreeSet<_> = changes.iter().map(|change| change.entry()).collect();
    let kinds: Vec<&str> = entries.iter().map(|(kind, _)| *kind).collect();
    let targets: Vec<i64> = entries.iter().map(|(_, target)| *target).collect();
    let count = i64::try_from(entries.len()).unwrap_or(i64::MAX);
    sqlx::query!(
        r#"WITH next AS (
               INSERT INTO user_feed (user_id, seq)
               VALUES ($1, $2)
                   ON CONFLICT (user_id) DO UPDATE SET seq = user_feed.seq + excluded.seq
            RETURNING seq
           )
           INSERT INTO feed_entries (user_id, seq, kind, target_id)
           SELECT $1, next.seq - $2 + given.place, given.kind, given.target_id
             FROM next, unnest($3::text[], $4::bigint[]) WITH ORDINALITY AS given(kind, target_id, place)
               ON CONFLICT (user_id, kind, target_id) DO UPDATE SET seq = excluded.seq"#,
        user.get(),
        count,
        &kinds as &[&str],
        &targets,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}
