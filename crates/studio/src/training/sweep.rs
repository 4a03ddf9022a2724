//! Taking away what trainings left behind: checkpoints that nothing can go on from, and samples that nothing shows.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use chrono::{DateTime, Utc};

use super::{run, samples};
use crate::gallery::REMOVED_KEPT;
use crate::library::written;
use crate::{Error, Library};

/// Removes checkpoints and samples that no training has a use for. The window shows the samples of a style's newest training; only
/// that one can go on, while it has not ended or was cancelled less than [`REMOVED_KEPT`] before `now`.
///
/// # Errors
/// [`Error::Database`].
pub(crate) async fn sweep(library: &Library, now: DateTime<Utc>) -> Result<(), Error> {
    let since = written(now - REMOVED_KEPT);
    let newest = sqlx::query!(
        r#"SELECT id AS "id!: i64",
                  status IN ('queued','running','paused') OR (status = 'cancelled' AND ended_at >= $1) AS "may_go_on!: bool"
             FROM jobs
            WHERE kind = 'train'
                  AND id = (SELECT max(newest.id) FROM jobs AS newest
                             WHERE newest.style_id = jobs.style_id AND newest.kind = 'train')"#,
        since,
    )
    .fetch_all(library.pool())
    .await?;
    let shown: HashSet<i64> = newest.iter().map(|job| job.id).collect();
    let open: HashSet<i64> = newest.iter().filter(|job| job.may_go_on).map(|job| job.id).collect();
    let (checkpoints, samples) = (run::folder(library), samples::shelf(library));
    tokio::task::spawn_blocking(move || {
        remove_others(&checkpoints, &open);
        remove_others(&samples, &shown);
    })
    .await?;
    Ok(())
}

/// Removes the folders of all jobs but `kept`. What is not named after a job is left alone.
fn remove_others(shelf: &Path, kept: &HashSet<i64>) {
    for entry in fs::read_dir(shelf).into_iter().flatten().flatten() {
        let job = entry.file_name().to_str().and_then(|name| name.parse().ok());
        if job.is_none_or(|job| kept.contains(&job)) {
            continue;
        }
        match fs::remove_dir_all(entry.path()) {
            Ok(()) => tracing::info!(path = %entry.path().display(), "what a training left is gone"),
            // It costs room, no more; the next sweep tries again.
            Err(error) => tracing::warn!("{} could not be removed: {error}", entry.path().display()),
        }
    }
}
