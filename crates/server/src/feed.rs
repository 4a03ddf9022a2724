//! The feed of each user: what of theirs changed.

use atelier_contract::{CommentId, GenerationId, NotificationId, PurchaseId, StyleId, UserId};
use sqlx::PgTransaction;

/// What changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// The profile.
    Profile,
    /// Tokens.
    Balance,
    /// A generation.
    Generation(GenerationId),
    /// A style.
    Style(StyleId),
    /// A notice.
    Notification(NotificationId),
    /// A purchase.
    Purchase(PurchaseId),
    /// A withdrawal.
    Withdrawal(i64),
    /// Whom the user follows.
    Follow(UserId),
    /// What the user likes.
    Like(GenerationId),
    /// A comment.
    Comment(CommentId),
}

/// Notes that something of the user's changed. Called last in a transaction, users in the order of their ids.
///
/// # Errors
/// The database's.
pub async fn append(_tx: &mut PgTransaction<'_>, user: UserId, change: Change) -> sqlx::Result<()> {
    tracing::trace!(%user, ?change, "changed");
    Ok(())
}
