//! Objects that no row names any more, or not yet: each is noted before it could be forgotten, and deleted by a sweep once it is due.
//!
//! Triggers note what a deleted or replaced row named. An object that is about to be written is noted before, and no longer once its row
//! is there: a kill in between leaves nothing behind.

use chrono::{DateTime, Duration, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

use crate::app::App;

/// How long an object may be there before a row names it.
const UNNAMED: Duration = Duration::hours(24);
/// When a store that did not delete is asked again.
const AGAIN: Duration = Duration::hours(1);
/// Objects that one run deletes.
const ROWS_MAX: i64 = 1_000;

/// A name that nobody can guess and nothing else has, for an object that is deleted in a day unless its row no longer lets it be.
///
/// # Errors
/// The database's.
pub(super) async fn fresh_key(app: &App, folder: &str, extension: &str) -> sqlx::Result<String> {
    let key = format!("{folder}/{}.{extension}", Uuid::new_v4().simple());
    discard(&app.pool, &key, Utc::now() + UNNAMED).await?;
    Ok(key)
}

/// Notes that an object is to be deleted.
///
/// # Errors
/// The database's.
pub(super) async fn discard(db: impl PgExecutor<'_>, key: &str, due_at: DateTime<Utc>) -> sqlx::Result<()> {
    sqlx::query!(
        r#"INSERT INTO discarded_objects (object_key, due_at)
           VALUES ($1, $2)
               ON CONFLICT (object_key) DO UPDATE SET due_at = excluded.due_at"#,
        key,
        due_at,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Deletes what is due. Another replica that does the same is no harm: no name is ever given twice.
///
/// # Errors
/// The database's.
pub(crate) async fn sweep(app: &App) -> sqlx::Result<u64> {
    let keys = sqlx::query_scalar!(
        "SELECT object_key FROM discarded_objects WHERE due_at <= now() ORDER BY due_at LIMIT $1",
        ROWS_MAX,
    )
    .fetch_all(&app.pool)
    .await?;
    let (mut gone, mut stays) = (Vec::new(), Vec::new());
    for key in keys {
        match app.objects.delete(&key).await {
            Ok(()) => gone.push(key),
            Err(error) => {
                tracing::warn!(%key, %error, "an object stays behind for now");
                stays.push(key);
            }
        }
    }
    sqlx::query!("DELETE FROM discarded_objects WHERE object_key = ANY($1)", &gone)
        .execute(&app.pool)
        .await?;
    sqlx::query!(
        "UPDATE discarded_objects SET due_at = $2 WHERE object_key = ANY($1)",
        &stays,
        Utc::now() + AGAIN,
    )
    .execute(&app.pool)
    .await?;
    Ok(gone.len() as u64)
}
