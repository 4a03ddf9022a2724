//! Base models: what is installed, what fits, what can be downloaded or taken in.

use std::path::PathBuf;

use atelier_studio::contract::Refusal;
use atelier_studio::models::{self, InstalledModel, Models, Weights};
use atelier_studio::paths;

use super::{Door, blocking};

/// Models that are installed and models that can be.
#[tauri::command]
#[specta::specta]
pub(crate) async fn model_list(house: Door<'_>) -> Result<Models, Refusal> {
    Ok(house.studio().await?.models().await?)
}

/// Starts a download, or goes on with one; `downloadProgressed` and `downloadEnded` tell of it.
#[tauri::command]
#[specta::specta]
pub(crate) async fn model_download(house: Door<'_>, id: String) -> Result<(), Refusal> {
    Ok(house.studio().await?.download(&id)?)
}

/// Stops a download. What has arrived stays.
#[tauri::command]
#[specta::specta]
pub(crate) async fn model_download_cancel(house: Door<'_>, id: String) -> Result<(), Refusal> {
    house.studio().await?.cancel_download(&id);
    Ok(())
}

/// Removes what a stopped download has left.
#[tauri::command]
#[specta::specta]
pub(crate) async fn model_download_discard(house: Door<'_>, id: String) -> Result<(), Refusal> {
    let studio = house.studio().await?.clone();
    blocking(move || studio.discard_download(&id)).await
}

/// Whether a path is a base model or a style, and for which kind of model.
#[tauri::command]
#[specta::specta]
pub(crate) async fn model_recognise(path: PathBuf) -> Result<Weights, Refusal> {
    let path = paths::typed(&path)?;
    blocking(move || models::recognise(&path)).await
}

/// Takes in a model's folder or checkpoint file; `workProgressed` tells in bytes how far the work of this number is.
#[tauri::command]
#[specta::specta]
pub(crate) async fn model_import(
    house: Door<'_>,
    work: u32,
    path: PathBuf,
    id: Option<String>,
) -> Result<InstalledModel, Refusal> {
    let path = paths::typed(&path)?;
    let studio = house.studio().await?;
    let work = studio.begin_work(work);
    Ok(studio.import_model(&path, id.as_deref(), &work).await?)
}

/// Reads a model's files again; answers with those that are not what they were.
#[tauri::command]
#[specta::specta]
pub(crate) async fn model_verify(house: Door<'_>, id: String) -> Result<Vec<String>, Refusal> {
    Ok(house.studio().await?.verify_model(&id).await?)
}

/// Removes a model that nothing uses.
#[tauri::command]
#[specta::specta]
pub(crate) async fn model_remove(house: Door<'_>, id: String) -> Result<(), Refusal> {
    let studio = house.studio().await?;
    Ok(models::remove(studio.library(), studio.config(), &id).await?)
}
