//! Taking away for good what a person removed long ago.

use chrono::{DateTime, TimeDelta, Utc};

use crate::library::written;
use crate::{Error, Library};

/// How long a removed picture can be restored.
pub const REMOVED_KEPT: TimeDelta = TimeDelta::days(30);

/// Takes rows, files and thumbnails of pictures away that were removed [`REMOVED_KEPT`] before `now`; gives how many.
///
/// Rows first: a kill leaves at most files that no row names, which the next start takes for what they are, as it does with those that cannot
/// be removed now. A file that another row names too stays.
///
/// # Errors
/// [`Error::Database`].
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
    let unnamed = library.unnamed(&mut tx, &swept).await?;
    tx.commit().await?;
    library.remove_pictures(&unnamed);
    Ok(swept.len())
}
