//! Tidying after a killed program.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use walkdir::WalkDir;

use super::{Library, files};
use crate::Error;

/// Removes pictures that no row names. Only the program that holds the lock may do it: nobody else is about to name one.
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
    tokio::task::spawn_blocking(move || remove_unnamed(&folder, &named)).await?
}

fn remove_unnamed(folder: &Path, named: &HashSet<String>) -> Result<(), Error> {
    let incoming = folder.join(files::INCOMING);
    if incoming.is_dir() {
        fs::remove_dir_all(&incoming).map_err(Error::file(&incoming))?;
    }
    for entry in WalkDir::new(folder.join("images")).into_iter().flatten() {
        let path = entry.path();
        let url = path
            .strip_prefix(folder)
            .ok()
            .and_then(Path::to_str)
            .map(|url| url.replace('\\', "/"));
        if entry.file_type().is_file() && url.is_some_and(|url| !named.contains(&url)) {
            tracing::info!(path = %path.display(), "removing a picture that no row names");
            fs::remove_file(path).map_err(Error::file(path))?;
        }
    }
    Ok(())
}
