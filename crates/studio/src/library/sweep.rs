//! Tidying: after a killed program, and behind rows that went.

use std::collections::HashSet;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use sqlx::SqliteConnection;
use walkdir::WalkDir;

use super::{Library, files};
use crate::{Error, thumbnails};

impl Library {
    /// Those of these pictures that no row names.
    pub(crate) async fn unnamed(
        &self,
        connection: &mut SqliteConnection,
        urls: &[String],
    ) -> Result<Vec<String>, Error> {
        let urls = serde_json::to_string(urls)?;
        let unnamed = sqlx::query_scalar!(
            r#"SELECT DISTINCT CAST(value AS TEXT) AS "url!: String"
                 FROM json_each($1)
                WHERE NOT EXISTS (SELECT 1 FROM generations WHERE result_url = value)
                      AND NOT EXISTS (SELECT 1 FROM artworks WHERE image_url = value)
                      AND NOT EXISTS (SELECT 1 FROM styles WHERE thumbnail_url = value)"#,
            urls,
        )
        .fetch_all(connection)
        .await?;
        Ok(unnamed)
    }

    /// Removes pictures that no row names any more, with their thumbnails. One that cannot be removed is found again by the next start.
    pub(crate) fn remove_pictures(&self, urls: &[String]) {
        for url in urls {
            match remove_with_thumbnails(self.folder(), url) {
                Ok(()) => tracing::info!(url, "a picture that was removed long ago is gone"),
                Err(error) => {
                    tracing::warn!("{url} could not be removed: {error}");
                    self.set_untidy(true);
                }
            }
        }
    }
}

/// Removes a file, if it is there. Its thumbnails first: as long as one of them is left the file is, so that they are found again.
fn remove_with_thumbnails(folder: &Path, url: &str) -> Result<(), Error> {
    thumbnails::forget(folder, url)?;
    let path = folder.join(url);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(Error::file(&path)(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Removes pictures that no row names, as a killed program leaves them; `false` when one could not be removed. Only the program that holds the
/// lock may do it: nobody else is about to name one.
pub(super) async fn orphans(library: &Library) -> Result<bool, Error> {
    let named: HashSet<String> = sqlx::query_scalar!(
        r#"SELECT image_url AS "url!: String" FROM artworks
            UNION SELECT processed_image_url FROM artworks WHERE processed_image_url IS NOT NULL
            UNION SELECT result_url FROM generations WHERE result_url IS NOT NULL
            UNION SELECT thumbnail_url FROM styles WHERE thumbnail_url IS NOT NULL"#
    )
    .fetch_all(library.pool())
    .await?
    .into_iter()
    .collect();
    let folder = library.folder().to_owned();
    let removed = tokio::task::spawn_blocking(move || {
        let incoming = remove_unnamed(&folder, files::INCOMING, &named);
        let pictures = remove_unnamed(&folder, "images", &named);
        incoming && pictures
    });
    Ok(removed.await?)
}

/// Removes LoRAs that neither a style has nor an order that waits needs, as those that a later training of the style replaced. Under the lock,
/// as [`orphans`].
pub(super) async fn loras(library: &Library) -> Result<(), Error> {
    let named: HashSet<String> = sqlx::query_scalar!(
        r#"SELECT model_path AS "url!: String" FROM styles WHERE model_path IS NOT NULL
            UNION SELECT CAST(lora.value AS TEXT)
                    FROM jobs, json_each(jobs.request, '$.loras') AS lora
                   WHERE jobs.kind = 'generate' AND jobs.status IN ('queued','running','paused')"#
    )
    .fetch_all(library.pool())
    .await?
    .into_iter()
    .collect();
    let folder = library.folder().to_owned();
    // Every start looks for them, so that those which cannot be removed are not forgotten.
    tokio::task::spawn_blocking(move || remove_unnamed(&folder, "styles", &named)).await?;
    Ok(())
}

/// Removes what the library put on `shelf` itself and no row names; `false` when some of it could not be removed. A file of any other name is
/// not the library's to remove: a person may have put it there, or the library into a folder that has such a shelf of its own.
fn remove_unnamed(folder: &Path, shelf: &str, named: &HashSet<String>) -> bool {
    let mut all_removed = true;
    for entry in WalkDir::new(folder.join(shelf)).into_iter().flatten() {
        let inside = entry.path().strip_prefix(folder).ok().and_then(Path::to_str);
        let Some(url) = inside.map(|inside| inside.replace('\\', "/")) else {
            continue;
        };
        if !entry.file_type().is_file() || named.contains(&url) || !files::is_named_after_content(&url, shelf) {
            continue;
        }
        match remove_with_thumbnails(folder, &url) {
            Ok(()) => tracing::info!(url, "removed, since no row names it"),
            Err(error) => {
                tracing::warn!("{url} is named by no row and could not be removed: {error}");
                all_removed = false;
            }
        }
    }
    all_removed
}
