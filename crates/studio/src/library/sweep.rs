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

    /// Removes pictures that no row names, with their thumbnails.
    pub(crate) fn remove_pictures(&self, urls: &[String]) -> Result<(), Error> {
        for url in urls {
            let path = self.path_of(url);
            match fs::remove_file(&path) {
                Ok(()) => tracing::info!(path = %path.display(), "a picture that was removed long ago is gone"),
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(Error::file(&path)(error)),
            }
            thumbnails::forget(self.folder(), url)?;
        }
        Ok(())
    }
}

/// Removes pictures that no row names, as a killed program leaves them. Only the program that holds the lock may do it: nobody else is about
/// to name one.
pub(super) async fn orphans(library: &Library) -> Result<(), Error> {
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
    tokio::task::spawn_blocking(move || {
        remove_unnamed(&folder, files::INCOMING, &named)?;
        remove_unnamed(&folder, "images", &named)
    })
    .await?
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
    tokio::task::spawn_blocking(move || remove_unnamed(&folder, "styles", &named)).await?
}

/// Removes what the library put on `shelf` itself and no row names. A file of any other name is not the library's to remove: a person may
/// have put it there, or the library into a folder that has such a shelf of its own.
fn remove_unnamed(folder: &Path, shelf: &str, named: &HashSet<String>) -> Result<(), Error> {
    for entry in WalkDir::new(folder.join(shelf)).into_iter().flatten() {
        let path = entry.path();
        let url = path
            .strip_prefix(folder)
            .ok()
            .and_then(Path::to_str)
            .map(|url| url.replace('\\', "/"));
        let unnamed = |url: &String| files::is_named_after_content(url, shelf) && !named.contains(url);
        if entry.file_type().is_file() && url.is_some_and(|url| unnamed(&url)) {
            tracing::info!(path = %path.display(), "removing what no row names");
            fs::remove_file(path).map_err(Error::file(path))?;
        }
    }
    Ok(())
}
