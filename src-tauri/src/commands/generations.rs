//! Generations: what may be chosen, asked for, and done with a picture once it is there.

use std::path::PathBuf;

use atelier_studio::contract::{GenerationId, JobId, Refusal, StyleId};
use atelier_studio::gallery::{self, GenerationDetail, Signatures};
use atelier_studio::generations::{Choices, GenerationRequest, StyleReceipt, StyleUse};
use atelier_studio::paths;
use atelier_studio::{LibraryPart, Work};
use tauri::{AppHandle, State};

use super::Door;
use crate::handover::{self, Clipboard};

/// What may be chosen with this model, else with the one that these styles were trained on.
#[tauri::command]
#[specta::specta]
pub(crate) async fn generation_choices(
    house: Door<'_>,
    model: Option<String>,
    styles: Vec<StyleId>,
) -> Result<Choices, Refusal> {
    Ok(house.studio().await?.choices(model.as_deref(), &styles).await?)
}

/// How styles fit the model, layer by layer, before anything is made.
#[tauri::command]
#[specta::specta]
pub(crate) async fn generation_receipt(
    house: Door<'_>,
    styles: Vec<StyleUse>,
    model: Option<String>,
) -> Result<Vec<StyleReceipt>, Refusal> {
    Ok(house.studio().await?.receipts(&styles, model.as_deref()).await?)
}

/// Puts an order for pictures into the queue.
#[tauri::command]
#[specta::specta]
pub(crate) async fn generation_place(house: Door<'_>, request: GenerationRequest) -> Result<JobId, Refusal> {
    Ok(house.studio().await?.generate(&request).await?)
}

/// All that is known of a picture.
#[tauri::command]
#[specta::specta]
pub(crate) async fn generation_show(house: Door<'_>, id: GenerationId) -> Result<GenerationDetail, Refusal> {
    Ok(gallery::show(house.studio().await?.library(), id).await?)
}

/// Rates pictures from 1 to 5; 0 takes the rating away.
#[tauri::command]
#[specta::specta]
pub(crate) async fn generation_rate(house: Door<'_>, ids: Vec<GenerationId>, rating: u8) -> Result<(), Refusal> {
    let studio = house.studio().await?;
    gallery::rate(studio.library(), &ids, rating).await?;
    studio.changed(LibraryPart::Generations, None);
    Ok(())
}

/// Takes pictures out of the gallery; [`generation_restore`] brings them back.
#[tauri::command]
#[specta::specta]
pub(crate) async fn generation_remove(house: Door<'_>, ids: Vec<GenerationId>) -> Result<(), Refusal> {
    let studio = house.studio().await?;
    gallery::remove(studio.library(), &ids).await?;
    studio.changed(LibraryPart::Generations, None);
    Ok(())
}

/// Brings removed pictures back.
#[tauri::command]
#[specta::specta]
pub(crate) async fn generation_restore(house: Door<'_>, ids: Vec<GenerationId>) -> Result<(), Refusal> {
    let studio = house.studio().await?;
    gallery::restore(studio.library(), &ids).await?;
    studio.changed(LibraryPart::Generations, None);
    Ok(())
}

/// How many of these pictures are signed already, and how many were made with other artists' styles.
#[tauri::command]
#[specta::specta]
pub(crate) async fn generation_signatures(house: Door<'_>, ids: Vec<GenerationId>) -> Result<Signatures, Refusal> {
    Ok(gallery::signatures(house.studio().await?.library(), &ids).await?)
}

/// Writes pictures into a folder, under names that say what they are; answers with their paths. `workProgressed` tells how far the work
/// of this number is; ended early, it answers with those that were written.
#[tauri::command]
#[specta::specta]
pub(crate) async fn generation_export(
    house: Door<'_>,
    work: u32,
    ids: Vec<GenerationId>,
    folder: PathBuf,
    signed: bool,
) -> Result<Vec<PathBuf>, Refusal> {
    let folder = paths::typed(&folder)?;
    let studio = house.studio().await?;
    let work = studio.begin_work(work);
    Ok(gallery::export(studio.library(), &ids, &folder, signed, &work).await?)
}

/// Copies a picture to the clipboard.
#[tauri::command]
#[specta::specta]
pub(crate) async fn generation_copy(
    house: Door<'_>,
    clipboard: State<'_, Clipboard>,
    id: GenerationId,
) -> Result<(), Refusal> {
    let picture = gallery::show(house.studio().await?.library(), id).await?;
    clipboard.copy(picture.path).await
}

/// Starts to drag pictures as files out of the window; the pointer is down on one of them.
#[tauri::command]
#[specta::specta]
pub(crate) async fn generation_drag(app: AppHandle, house: Door<'_>, ids: Vec<GenerationId>) -> Result<(), Refusal> {
    handover::check_len(&ids)?;
    let studio = house.studio().await?;
    let folder = handover::folder(house.config())?;
    let files = gallery::export(studio.library(), &ids, &folder, false, &Work::default()).await?;
    handover::drag(&app, files)
}
