//! Getting a model by its manifest: downloaded, tried by the worker, then put on the shelf.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use atelier_contract::Refusal;
use tokio_util::sync::CancellationToken;

use super::manifest::{self, Manifest};
use super::{Model, SHELF, download, examine, files, insert, others, place};
use crate::worker::Workshop;
use crate::{Config, Error, Library, Work, hardware};

/// Shortest time between two words of progress: chunks come by the thousand.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(200);

/// Called with the file of the model that arrives, the model's bytes that are there, and its bytes in all. Where the manifest does not
/// know the bytes of every file, they are the file's own.
pub type OnFileBytes<'a> = &'a mut (dyn FnMut(&str, u64, Option<u64>) + Send);

/// Downloads the model of a manifest into the library. What has arrived is kept when it breaks off, or when `cancel` ends it.
///
/// # Errors
/// [`Refusal::ModelUnknown`], [`Refusal::DiskFull`] when there is no room for it, and those of [`download::download`] and [`super::import`].
pub async fn fetch(
    library: &Library,
    config: &Config,
    workshop: &mut Workshop,
    id: &str,
    cancel: &CancellationToken,
    on_bytes: OnFileBytes<'_>,
) -> Result<Model, Error> {
    let manifests = manifest::all(&config.resources);
    let Some(manifest) = manifests.iter().find(|manifest| manifest.id == id) else {
        return Err(Refusal::ModelUnknown {
            model: id.to_owned(),
            known: manifests.into_iter().map(|m| m.id).collect(),
        }
        .into());
    };
    let url = place(library, &others(library, config, id).await?, id);
    let (home, incoming) = (library.path_of(&url), incoming(library, id));
    if home.exists() {
        take_back(&home, &incoming)?;
    }
    require_room(manifest, &incoming)?;
    let all_bytes: Option<u64> = manifest.files.iter().map(|file| file.bytes).sum();
    let mut before = 0;
    for file in &manifest.files {
        let target = incoming.join(&file.path);
        if !target.is_file() {
            let mut told: Option<Instant> = None;
            let on_bytes = &mut |have, all| {
                if all == Some(have) || told.is_none_or(|told| told.elapsed() >= PROGRESS_INTERVAL) {
                    told = Some(Instant::now());
                    match all_bytes {
                        Some(_) => on_bytes(&file.path, before + have, all_bytes),
                        None => on_bytes(&file.path, have, all),
                    }
                }
            };
            download::download(file, &target, cancel, on_bytes).await?;
        }
        before += file.bytes.unwrap_or_default();
    }
    let (arrived, place) = placed(manifest, &incoming);
    let mut model = examine(&arrived, id, workshop, &Work::default()).await?;
    fs::rename(&incoming, &home).map_err(Error::file(&home))?;
    model.license = Some(manifest.license.clone());
    model.path = place.map_or(home.clone(), |name| home.join(name));
    model.owned = true;
    let url = place.map_or(url.clone(), |name| format!("{url}/{name}"));
    insert(library, &model, &url, Some(id)).await?;
    Ok(model)
}

/// Removes what an unfinished download of a manifest's model has left.
///
/// # Errors
/// [`Refusal::ModelUnknown`], [`Error::File`].
pub fn discard(library: &Library, config: &Config, id: &str) -> Result<(), Error> {
    let manifests = manifest::all(&config.resources);
    if manifests.iter().all(|manifest| manifest.id != id) {
        return Err(Refusal::ModelUnknown {
            model: id.to_owned(),
            known: manifests.into_iter().map(|m| m.id).collect(),
        }
        .into());
    }
    files::remove(&incoming(library, id))
}

/// Where the files of a model are that is being downloaded.
pub(super) fn incoming(library: &Library, id: &str) -> PathBuf {
    all_incoming(library).join(id)
}

/// Where the files of all models are that are being downloaded.
pub(super) fn all_incoming(library: &Library) -> PathBuf {
    library.path_of(&format!("{SHELF}/incoming"))
}

/// Files that arrived once and whose model was not written down, as when the disk was full or the program was ended just then: they need
/// not come again.
fn take_back(home: &Path, incoming: &Path) -> Result<(), Error> {
    if incoming.exists() {
        return files::remove(home);
    }
    if let Some(folder) = incoming.parent() {
        fs::create_dir_all(folder).map_err(Error::file(folder))?;
    }
    fs::rename(home, incoming).map_err(Error::file(incoming))
}

/// Whether what is missing of a model fits on the disk: better said now than after hours.
fn require_room(manifest: &Manifest, incoming: &Path) -> Result<(), Error> {
    let missing: u64 = manifest
        .files
        .iter()
        .map(|file| {
            let arrived = download::arrived_bytes(&incoming.join(&file.path));
            file.bytes.unwrap_or_default().saturating_sub(arrived)
        })
        .sum();
    match hardware::disk_free_bytes(incoming) {
        Some(free) if free < missing => Err(Refusal::DiskFull {
            path: incoming.display().to_string(),
        }
        .into()),
        Some(_) | None => Ok(()),
    }
}

/// Where a manifest's model is while it arrives: its single file, or its folder. And that file's name.
fn placed<'a>(manifest: &'a Manifest, incoming: &Path) -> (PathBuf, Option<&'a str>) {
    match manifest.files.as_slice() {
        [only] => (incoming.join(&only.path), Some(only.path.as_str())),
        _ => (incoming.to_owned(), None),
    }
}
