//! Taking away what trainings left behind: checkpoints that nothing can go on from, and samples that nothing shows.

use std::collections::HashSet;
use std::fs::{self, DirEntry};
use std::io;
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
        remove_others(&checkpoints, &open, run::is_written);
        remove_others(&samples, &shown, samples::is_sample);
    })
    .await?;
    Ok(())
}

/// Removes the folders of all jobs but `kept`. What is not named after a job is left alone, and so is a folder that has anything but what
/// `is_ours` knows: a person may have put the library into a folder that has such a shelf of its own.
fn remove_others(shelf: &Path, kept: &HashSet<i64>, is_ours: fn(&str) -> bool) {
    for entry in fs::read_dir(shelf).into_iter().flatten().flatten() {
        let job = entry.file_name().to_str().and_then(|name| name.parse().ok());
        if job.is_none_or(|job| kept.contains(&job)) || !has_only(&entry.path(), is_ours) {
            continue;
        }
        match fs::remove_dir_all(entry.path()) {
            Ok(()) => tracing::info!(path = %entry.path().display(), "what a training left is gone"),
            // It costs room, no more; the next sweep tries again.
            Err(error) => tracing::warn!("{} could not be removed: {error}", entry.path().display()),
        }
    }
}

/// Whether all that is in `folder` are files whose names `is_ours` knows.
fn has_only(folder: &Path, is_ours: fn(&str) -> bool) -> bool {
    let is_our_file = |entry: io::Result<DirEntry>| {
        let entry = entry.ok()?;
        let is_file = entry.file_type().ok()?.is_file();
        Some(is_file && is_ours(entry.file_name().to_str()?))
    };
    fs::read_dir(folder).is_ok_and(|mut entries| entries.all(|entry| is_our_file(entry) == Some(true)))
}
