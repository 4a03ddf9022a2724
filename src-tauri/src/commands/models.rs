//! Base models: what is installed, what fits, what can be downloaded or taken in.

use atelier_studio::contract::Refusal;
use atelier_studio::models;

use super::Door;

/// Removes a model that nothing uses.
#[tauri::command]
#[specta::specta]
pub(crate) async fn model_remove(house: Door<'_>, id: String) -> Result<(), Refusal> {
    let studio = house.studio().await?;
    Ok(models::remove(studio.library(), studio.config(), &id).await?)
}
