//! Styles that were removed: listed while they can come back, and taken away for good when that is long ago.

use std::fs;

use atelier_contract::StyleId;
use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::gallery::REMOVED_KEPT;
use crate::library::written;
use crate::{Error, Library, jobs};

/// A style that was removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct RemovedStyle {
    /// Its id in this library.
    pub id: StyleId,
    /// As it is called while it is away: another style may have its name.
    pub name: String,
    /// The base model that it is for.
    pub base_model: String,
    /// That come back with it.
    pub artworks: u32,
    /// Whether it has a LoRA, which comes back with it.
    pub is_trained: bool,
    /// ISO 8601, UTC.
    pub removed_at: String,
}

/// Removed styles that [`restore`](super::restore) can bring back, those that went last first.
///
/// # Errors
/// [`Error::Database`].
pub async fn removed(library: &Library) -> Result<Vec<RemovedStyle>, Error> {
    let rows = sqlx::query!(
        r#"SELECT id, name, base_model, model_path IS NOT NULL AS "is_trained!: bool", removed_at AS "removed_at!",
                  (SELECT count(*) FROM artworks WHERE style_id = styles.id AND artworks.removed_at IS NULL) AS "artworks!: u32"
             FROM styles
            WHERE NOT is_active AND removed_at IS NOT NULL
            ORDER BY removed_at DESC, id DESC"#
    )
    .fetch_all(library.pool())
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(RemovedStyle {
                id: jobs::id(row.id)?,
                name: row.name,
                base_model: row.base_model,
                artworks: row.artworks,
                is_trained: row.is_trained,
                removed_at: row.removed_at,
            })
        })
        .collect()
}

/// Takes styles away that were removed [`REMOVED_KEPT`] before `now`, with their artworks and their LoRAs; gives how many. The pictures
/// made with them stay. One that a picture in the queue wants waits for the next sweep.
///
/// Rows first, as in [`gallery::sweep`](crate::gallery::sweep).
///
/// # Errors
/// [`Error::Database`].
pub async fn sweep(library: &Library, now: DateTime<Utc>) -> Result<usize, Error> {
    let (date, before) = (written(now), written(now - REMOVED_KEPT));
    let mut tx = library.begin().await?;
    // By a studio that did not write it.
    sqlx::query!(
        "UPDATE styles SET removed_at = $1 WHERE NOT is_active AND removed_at IS NULL",
        date
    )
    .execute(&mut *tx)
    .await?;
    let long_ago = sqlx::query!(
        r#"SELECT id, model_path
             FROM styles
            WHERE NOT is_active AND removed_at < $1
                  AND NOT EXISTS (SELECT 1 FROM generation_styles
                                    JOIN generations ON generations.id = generation_styles.generation_id
                                   WHERE generation_styles.style_id = styles.id
                                         AND generations.status IN ('queued','processing','retrying'))"#,
        before,
    )
    .fetch_all(&mut *tx)
    .await?;
    let ids = serde_json::to_string(&long_ago.iter().map(|style| style.id).collect::<Vec<_>>())?;
    let images = sqlx::query_scalar!(
        "SELECT DISTINCT image_url FROM artworks WHERE style_id IN (SELECT value FROM json_each($1))",
        ids,
    )
    .fetch_all(&mut *tx)
    .await?;
    // A picture stays when its style goes; its settings still have the style's name.
    sqlx::query!(
        "UPDATE generations SET style_id = NULL WHERE style_id IN (SELECT value FROM json_each($1))",
        ids,
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!("DELETE FROM styles WHERE id IN (SELECT value FROM json_each($1))", ids)
        .execute(&mut *tx)
        .await?;
    let images = library.unnamed(&mut tx, &images).await?;
    let loras: Vec<_> = long_ago
        .iter()
        .filter_map(|style| style.model_path.as_deref())
        .collect();
    let loras = unnamed_loras(&mut tx, &loras).await?;
    tx.commit().await?;
    library.remove_pictures(&images);
    for url in &loras {
        match fs::remove_file(library.path_of(url)) {
            Ok(()) => tracing::info!(url, "a style that was removed long ago is gone"),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            // The next start removes LoRAs that nothing needs.
            Err(error) => tracing::warn!("{url} could not be removed: {error}"),
        }
    }
    Ok(long_ago.len())
}

/// Those of these LoRAs that no style names.
async fn unnamed_loras(tx: &mut sqlx::SqliteConnection, urls: &[&str]) -> Result<Vec<String>, Error> {
    let urls = serde_json::to_string(urls)?;
    let unnamed = sqlx::query_scalar!(
        r#"SELECT DISTINCT CAST(value AS TEXT) AS "url!: String"
             FROM json_each($1)
            WHERE value NOT IN (SELECT model_path FROM styles WHERE model_path IS NOT NULL)"#,
        urls,
    )
    .fetch_all(tx)
    .await?;
    Ok(unnamed)
}
