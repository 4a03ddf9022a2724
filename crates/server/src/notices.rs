//! Notices: what a user is told of, in the transaction in which it happens.

use atelier_contract::{NotificationId, NotificationType, TargetType, UserId};
use sqlx::PgTransaction;

use crate::feed::{Change, Changes};

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
    let mut changes = Changes::default();
    write(tx, notice, &mut changes).await?;
    changes.append(tx).await
}

/// As [`notify`], with the feed left to who called.
///
/// # Errors
/// The database's.
pub async fn write(tx: &mut PgTransaction<'_>, notice: NewNotice, changes: &mut Changes) -> sqlx::Result<()> {
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
    changes.note(notice.recipient, Change::Notification(id));
    Ok(())
}

/// As [`write`], unless the recipient was told of the same act before: who likes, unlikes and likes again tells once.
///
/// # Errors
/// The database's.
pub async fn write_once(tx: &mut PgTransaction<'_>, notice: NewNotice, changes: &mut Changes) -> sqlx::Result<()> {
    let told = sqlx::query_scalar!(
        r#"SELECT EXISTS (
               SELECT FROM notifications
                WHERE recipient_id = $1 AND actor_id = $2 AND type = $3 AND target_id IS NOT DISTINCT FROM $4
           ) AS "told!""#,
        notice.recipient.get(),
        notice.actor.map(UserId::get),
        notice.kind.as_str(),
        notice.target.map(|(_, id)| id),
    )
    .fetch_one(&mut **tx)
    .await?;
    if told {
        return Ok(());
    }
    write(tx, notice, changes).await
}
