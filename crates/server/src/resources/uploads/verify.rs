//! From quarantine to its place: what was brought is looked at, written anew, and named by the upload's row.
//!
//! Several may do that at a time, on any servers. The row moves once; whoever comes after finds it moved, and answers as a repeat does.

use atelier_contract::{UploadId, UploadPurpose};
use chrono::{Duration, Utc};

use super::{ADDRESS_VALID, Row, discarded, forget, lora, not_as_declared, picture, quarantine, refused};
use crate::app::App;
use crate::columns::column;
use crate::objects::{Brought, PutError};
use crate::refused::Answer;

/// How often something else may lie in quarantine than was looked at, before it is given up.
const LOOKS_MAX: usize = 3;

/// A checked file, in its place.
pub(super) struct Checked {
    pub(super) object_key: String,
    pub(super) media_type: &'static str,
    pub(super) size_px: Option<(u32, u32)>,
    pub(super) content_key: Option<[u8; 32]>,
}

/// Why a file is not taken.
pub(super) enum CheckError {
    /// It is not what its purpose needs; says what a person may read.
    Content(String),
    /// The store failed.
    Store(object_store::Error),
    /// The database failed.
    Database(sqlx::Error),
}

impl From<object_store::Error> for CheckError {
    fn from(error: object_store::Error) -> Self {
        Self::Store(error)
    }
}

impl From<sqlx::Error> for CheckError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

/// Looks at what was brought for an upload that was declared, and puts what is good in its place.
///
/// # Errors
/// [`atelier_contract::Refusal::UploadRefused`] when it is not as declared or not of the right kind.
pub(super) async fn verify(app: &App, row: &Row, brought: Result<Brought, PutError>) -> Answer<()> {
    let mut brought = brought;
    for _ in 0..LOOKS_MAX {
        let error = match brought {
            Err(error) => error,
            Ok(brought) => match check(app, row, &brought).await? {
                Ok(checked) => return place(app, row.id, &checked).await,
                Err(CheckError::Content(reason)) => return refuse(app, row.id, reason).await,
                Err(CheckError::Database(error)) => return Err(error.into()),
                Err(CheckError::Store(
                    object_store::Error::NotFound { .. } | object_store::Error::Precondition { .. },
                )) => PutError::Changed,
                Err(CheckError::Store(error)) => PutError::Store(error),
            },
        };
        if !is_declared(app, row.id).await? {
            return Ok(());
        }
        if !matches!(error, PutError::Changed) {
            return Err(not_as_declared(row.id, error));
        }
        brought = app
            .objects
            .check_quarantined(&quarantine(row.id), row.declared()?)
            .await;
    }
    Err(not_as_declared(row.id, PutError::Changed))
}

async fn check(app: &App, row: &Row, brought: &Brought) -> Answer<Result<Checked, CheckError>> {
    let purpose: UploadPurpose = column(row.purpose.parse())?;
    Ok(match purpose {
        UploadPurpose::Lora => lora::check(app, brought).await,
        UploadPurpose::Artwork
        | UploadPurpose::Thumbnail
        | UploadPurpose::Picture
        | UploadPurpose::Signature
        | UploadPurpose::ProfileImage => picture::check(app, brought).await,
    })
}

async fn is_declared(app: &App, id: UploadId) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM uploads WHERE id = $1 AND status = 'declared') AS "declared!""#,
        id.get(),
    )
    .fetch_one(&app.pool)
    .await
}

async fn refuse(app: &App, id: UploadId, reason: String) -> Answer<()> {
    sqlx::query!(
        "UPDATE uploads SET status = 'refused', reason = $2 WHERE id = $1 AND status = 'declared'",
        id.get(),
        reason,
    )
    .execute(&app.pool)
    .await?;
    forget(app, &quarantine(id)).await;
    Err(refused(id, reason))
}

/// Names the object in the upload's row, unless somebody else was faster.
async fn place(app: &App, id: UploadId, checked: &Checked) -> Answer<()> {
    let mut tx = app.pool.begin().await?;
    let moved = sqlx::query!(
        r#"WITH moved AS (
               UPDATE uploads
                  SET status = 'verified', object_key = $2, media_type = $3, width_px = $4, height_px = $5, content_key = $6
                WHERE id = $1 AND status = 'declared'
            RETURNING object_key
           )
           DELETE FROM discarded_objects
            USING moved
            WHERE discarded_objects.object_key = moved.object_key"#,
        id.get(),
        checked.object_key,
        checked.media_type,
        checked.size_px.and_then(|(width, _)| i32::try_from(width).ok()),
        checked.size_px.and_then(|(_, height)| i32::try_from(height).ok()),
        checked.content_key.as_ref().map(<[u8; 32]>::as_slice),
    )
    .execute(&mut *tx)
    .await?;
    // Once more when nobody can put anything to its address any longer.
    let address_ends = Utc::now() + Duration::from_std(2 * ADDRESS_VALID).unwrap_or(Duration::hours(1));
    discarded::discard(&mut *tx, &quarantine(id), address_ends).await?;
    tx.commit().await?;
    if moved.rows_affected() == 0 {
        forget(app, &checked.object_key).await;
    }
    forget(app, &quarantine(id)).await;
    Ok(())
}
