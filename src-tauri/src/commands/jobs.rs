//! Jobs: the queue of the one device.

use atelier_studio::contract::{JobId, Refusal};
use atelier_studio::jobs::Job;

use super::Door;

/// All that waits, runs or is paused, in the order it will be done, and what has ended since the start.
#[tauri::command]
#[specta::specta]
pub(crate) async fn job_list(house: Door<'_>) -> Result<Vec<Job>, Refusal> {
    Ok(house.studio().await?.jobs().await?)
}

/// Ends a job; `training_restore` takes that back for a training.
#[tauri::command]
#[specta::specta]
pub(crate) async fn job_cancel(house: Door<'_>, id: JobId) -> Result<(), Refusal> {
    Ok(house.studio().await?.cancel(id).await?)
}

/// Stops a training at a checkpoint.
#[tauri::command]
#[specta::specta]
pub(crate) async fn job_pause(house: Door<'_>, id: JobId) -> Result<(), Refusal> {
    Ok(house.studio().await?.pause(id).await?)
}

/// Puts a paused training back into the queue.
#[tauri::command]
#[specta::specta]
pub(crate) async fn job_resume(house: Door<'_>, id: JobId) -> Result<(), Refusal> {
    Ok(house.studio().await?.resume(id).await?)
}

/// Moves a waiting job in front of another, or to the end.
#[tauri::command]
#[specta::specta]
pub(crate) async fn job_move(house: Door<'_>, id: JobId, before: Option<JobId>) -> Result<(), Refusal> {
    Ok(house.studio().await?.move_job(id, before).await?)
}
