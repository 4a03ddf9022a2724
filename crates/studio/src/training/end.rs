//! How a training ends that did not come to its style: here alone, so that job and style always tell the same.
//!
//! Whatever can go on stays. With a checkpoint, a training that met something bad rests, `paused` with the reason, and goes on when
//! the cause is gone; it is `failed` only when there is nothing to go on from, or when the cause lies in its own steps. One that was
//! cancelled keeps its checkpoints until the sweep, so that [`restore`] can take the cancel back.

use std::fs;
use std::path::Path;

use atelier_contract::{JobId, JobStatus, Refusal, StyleId, TrainingStatus, UnknownWord};
use sqlx::SqliteConnection;

use super::run::folder_of;
use crate::{Error, Library, jobs};

/// Puts down a training that waits or runs and cannot go on now. Does nothing to one that has ended, so that it can be asked again
/// when the library could not be written.
///
/// # Errors
/// [`Error::Database`].
pub(crate) async fn put_down(library: &Library, job: JobId, reason: &Refusal) -> Result<(), Error> {
    let number = job.get();
    let mut tx = library.begin().await?;
    let row = sqlx::query!(
        r#"SELECT status, style_id AS "style!: i64"
             FROM jobs
            WHERE id = $1 AND kind = 'train' AND status IN ('queued','running')"#,
        number,
    )
    .fetch_optional(&mut *tx)
    .await?;
    let Some(row) = row else { return Ok(()) };
    let from = JobStatus::try_from(row.status.as_str()).map_err(wrong)?;
    // The same steps would come to the same.
    let is_final = matches!(reason, Refusal::StyleUnhealthy { .. } | Refusal::LossNotFinite { .. });
    let rests = !is_final && has_checkpoint(&folder_of(library, job));
    let to = if rests { JobStatus::Paused } else { JobStatus::Failed };
    jobs::advance(&mut tx, job, from, to, Some(reason)).await?;
    if !rests {
        let (from, to) = (TrainingStatus::Training, TrainingStatus::Failed);
        jobs::advance_style(&mut tx, jobs::id(row.style)?, from, to, Some(reason)).await?;
    }
    tx.commit().await?;
    if !rests {
        forget(library, job);
    }
    Ok(())
}

/// Frees a style from a training that was cancelled: what an earlier training made is as good as before.
pub(crate) async fn release_style(connection: &mut SqliteConnection, style: StyleId) -> Result<(), Error> {
    let number = style.get();
    let model = sqlx::query_scalar!("SELECT model_path FROM styles WHERE id = $1", number)
        .fetch_one(&mut *connection)
        .await?;
    let to = if model.is_some() {
        TrainingStatus::Completed
    } else {
        TrainingStatus::Pending
    };
    jobs::advance_style(connection, style, TrainingStatus::Training, to, None).await?;
    Ok(())
}

/// Takes a cancel back: the training stands where it stood, in the queue or paused. If its checkpoints are gone it begins anew.
///
/// # Errors
/// [`Refusal::JobUnknown`]; [`Refusal::JobEnded`] when it was not cancelled, when a newer training took its place, or when its style
/// was removed.
pub(crate) async fn restore(library: &Library, job: JobId) -> Result<(), Error> {
    let number = job.get();
    let mut tx = library.begin().await?;
    let row = sqlx::query!(
        r#"SELECT jobs.goes_on, styles.id AS "style!: i64", styles.training_status
             FROM jobs
             JOIN styles ON styles.id = jobs.style_id AND styles.is_active
            WHERE jobs.id = $1 AND jobs.kind = 'train' AND jobs.status = 'cancelled'
                  AND NOT EXISTS (SELECT 1 FROM jobs AS later
                                   WHERE later.style_id = jobs.style_id AND later.kind = 'train' AND later.id > jobs.id)"#,
        number,
    )
    .fetch_optional(&mut *tx)
    .await?;
    let Some(row) = row else {
        drop(tx);
        return Err(jobs::show(library, job).await?.ended().into());
    };
    let to = if row.goes_on {
        JobStatus::Queued
    } else {
        JobStatus::Paused
    };
    jobs::advance(&mut tx, job, JobStatus::Cancelled, to, None).await?;
    let from = TrainingStatus::try_from(row.training_status.as_str()).map_err(wrong)?;
    jobs::advance_style(&mut tx, jobs::id(row.style)?, from, TrainingStatus::Training, None).await?;
    Ok(tx.commit().await?)
}

/// Whether a training has something to go on from. The worker names its checkpoints `checkpoint-<step>.safetensors`, each whole or not
/// there.
pub(super) fn has_checkpoint(folder: &Path) -> bool {
    let mut entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.any(|entry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        name.starts_with("checkpoint-") && name.ends_with(".safetensors")
    })
}

/// Removes the folder of a training that is over.
pub(super) fn forget(library: &Library, job: JobId) {
    let folder = folder_of(library, job);
    match fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            // The next sweep removes it.
            tracing::warn!("{} could not be removed: {error}", folder.display());
        }
        Ok(()) | Err(_) => {}
    }
}

fn wrong(error: UnknownWord) -> Refusal {
    Refusal::Internal {
        reason: error.to_string(),
    }
}
