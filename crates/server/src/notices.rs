//! Notices: what a user is told of, in the transaction in which it happens.

use atelier_contract::{NotificationId, NotificationType, TargetType, UserId};
use sqlx::PgTransaction;

use crate::feed::{self, Change};

/// Something to tell a user.
#[derive(Debug, Clone)]
pub struct NewNotice {
    /// Who is told.
    pub recipient: UserId,
    /// Who did it; absent when the system speaks.
    pub actor: Option<UserId>,
    /// What it is.
    pub kind: NotificationType,
    /// What it is about.
    pub target: Option<(TargetType, i64)>,
    /// More of it.
    pub metadata: Option<serde_json::Value>,
}

/// Tells the recipient, and appends to their feed. Nobody is told of what they did themselves.
///
/// # Errors
/// The database's.
pub async fn notify(tx: &mut PgTransaction<'_>, notice: NewNotice) -> sqlx::Result<()> {
    if notice.actor == Some(notice.recipient) {
        return Ok(());
    }
    let id = sqlx::query_scalar!(
        r#"INSERT INTO notifications (recipient_id, actor_id, type, target_type, target_id, metadata)
           VALUES ($1, $2, $3, $4, $5, $6)
        RETURNING id AS "id: NotificationId""#,
        notice.recipient.get(),
        notice.actor.map(UserId::get),
        notice.kind.as_str(),
        notice.target.map(|(kind, _)| kind.as_str()),
        notice.target.map(|(_, id)| id),
        notice.metadata,
    )
    .fetch_one(&mut **tx)
    .await?;
    feed::append(tx, notice.recipient, Change::Notification(id)).await
}
