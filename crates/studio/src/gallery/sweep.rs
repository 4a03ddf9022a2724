//! Taking away for good what a person removed long ago.

use std::fs;
use std::io::ErrorKind;

use chrono::{DateTime, TimeDelta, Utc};

use crate::library::written;
use crate::{Error, Library, thumbnails};

/// How long a removed picture can be restored.
pub const REMOVED_KEPT: TimeDelta = TimeDelta::days(30);

/// Takes rows, files and thumbnails of pictures away that were removed [`REMOVED_KEPT`] before `now`; gives how many.
///
/// Rows first: a kill leaves at most files that no row names, which the next start takes for what they are. A file that
/// another row names too stays.
///
/// # Errors
/// [`Error::Database`], [`Error::File`].
pub async fn sweep(library: &Library, now: DateTime<Utc>) -> Result<usize, Error> {
    let before = written(now - REMOVED_KEPT);
    let mut tx = library.begin().await?;
    let swept = sqlx::query_scalar!(
        r#"DELETE FROM generations
            WHERE removed_at < $1
        RETURNING result_url AS "url!""#,
        before,
    )
    .fetch_all(&mut *tx)
    .await?;
    let mut unnamed = Vec::new();
    for url in &swept {
        let named = sqlx::query_scalar!(
            r#"SELECT EXISTS (SELECT 1 FROM generations WHERE result_url = $1)
                   OR EXISTS (SELECT 1 FROM artworks WHERE image_url = $1)
                   OR EXISTS (SELECT 1 FROM styles WHERE thumbnail_url = $1) AS "named!: bool""#,
            url,
        )
        .fetch_one(&mut *tx)
        .await?;
        if !named {
            unnamed.push(url.clone());
        }
    }
    tx.commit().await?;
    for url in &unnamed {
        let path = library.path_of(url);
        match fs::remove_file(&path) {
            Ok(()) => tracing::info!(path = %path.display(), "a picture that was removed long ago is gone"),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(Error::file(&path)(error)),
        }
        thumbnails::forget(library.folder(), url)?;
    }
    Ok(swept.len())
}
