//! Styles: made, taken in and given away, looked at before a training and trained.

use std::path::PathBuf;

use atelier_studio::artworks::DatasetReport;
use atelier_studio::contract::{JobId, Refusal, StyleId};
use atelier_studio::paths;
use atelier_studio::styles::exchange::{self, Naming, Wanted};
use atelier_studio::styles::{self, RemovedStyle, Style};
use atelier_studio::training::{self, TrainRequest, Training, TrainingPlan};

use super::Door;

/// All styles, by name.
#[tauri::command]
#[specta::specta]
pub(crate) async fn style_list(house: Door<'_>) -> Result<Vec<Style>, Refusal> {
    Ok(styles::list(house.studio().await?.library()).await?)
}

/// A new style without artworks.
#[tauri::command]
#[specta::specta]
pub(crate) async fn style_create(house: Door<'_>, name: String, base_model: String) -> Result<Style, Refusal> {
    Ok(styles::create(house.studio().await?.library(), &name, &base_model).await?)
}

/// Puts a style out of sight; [`style_restore`] brings it back.
#[tauri::command]
#[specta::specta]
pub(crate) async fn style_remove(house: Door<'_>, id: StyleId) -> Result<(), Refusal> {
    Ok(styles::remove(house.studio().await?.library(), id).await?)
}

/// Styles that were removed and can come back, those that went last first.
#[tauri::command]
#[specta::specta]
pub(crate) async fn style_removed(house: Door<'_>) -> Result<Vec<RemovedStyle>, Refusal> {
    Ok(styles::removed(house.studio().await?.library()).await?)
}

/// Brings a removed style back.
#[tauri::command]
#[specta::specta]
pub(crate) async fn style_restore(house: Door<'_>, id: StyleId) -> Result<Style, Refusal> {
    Ok(styles::restore(house.studio().await?.library(), id).await?)
}

/// Takes in a LoRA file as a style, once it fits the model; `own` when the artist of this library made it. Ends when the work of this number
/// is cancelled.
#[tauri::command]
#[specta::specta]
pub(crate) async fn style_import(
    house: Door<'_>,
    work: u32,
    file: PathBuf,
    name: Option<String>,
    model: String,
    own: bool,
) -> Result<Style, Refusal> {
    let file = paths::typed(&file)?;
    let wanted = Wanted { file, name, model, own };
    let studio = house.studio().await?;
    let work = studio.begin_work(work);
    Ok(studio.import_style(&wanted, &work).await?)
}

/// Writes a style's LoRA to `path`, with the key names of the program that will read it; over another file only if the person said so.
#[tauri::command]
#[specta::specta]
pub(crate) async fn style_export(
    house: Door<'_>,
    id: StyleId,
    naming: Naming,
    path: PathBuf,
    replace: bool,
) -> Result<PathBuf, Refusal> {
    let path = paths::typed(&path)?;
    let library = house.studio().await?.library();
    let style = styles::show(library, id).await?;
    exchange::export(library, &style.name, naming, &path, replace).await?;
    Ok(path)
}

/// What a training would see of a style's artworks.
#[tauri::command]
#[specta::specta]
pub(crate) async fn style_report(house: Door<'_>, id: StyleId) -> Result<DatasetReport, Refusal> {
    Ok(house.studio().await?.report(id).await?)
}

/// What a training would need and take, without starting it.
#[tauri::command]
#[specta::specta]
pub(crate) async fn style_plan(house: Door<'_>, request: TrainRequest) -> Result<TrainingPlan, Refusal> {
    Ok(house.studio().await?.plan(&request).await?)
}

/// Puts a training into the queue.
#[tauri::command]
#[specta::specta]
pub(crate) async fn style_train(house: Door<'_>, request: TrainRequest) -> Result<JobId, Refusal> {
    Ok(house.studio().await?.train(&request).await?)
}

/// Takes back the cancelling of a training: it waits again, or is paused as it was.
#[tauri::command]
#[specta::specta]
pub(crate) async fn training_restore(house: Door<'_>, id: JobId) -> Result<(), Refusal> {
    Ok(house.studio().await?.restore_training(id).await?)
}

/// The last training of a style, with its losses and samples.
#[tauri::command]
#[specta::specta]
pub(crate) async fn training_show(house: Door<'_>, style: StyleId) -> Result<Option<Training>, Refusal> {
    Ok(training::show(house.studio().await?.library(), style).await?)
}
