//! The gallery: which pictures there are, and what a screen of them shows.

use atelier_studio::contract::{GenerationId, Refusal};
use atelier_studio::gallery::{self, Card, GalleryFilter};

use super::Door;

/// Ids of all pictures that a filter lets through, newest first.
#[tauri::command]
#[specta::specta]
pub(crate) async fn gallery_find(house: Door<'_>, filter: GalleryFilter) -> Result<Vec<GenerationId>, Refusal> {
    Ok(gallery::find(house.studio().await?.library(), &filter).await?)
}

/// What the grid shows of some pictures.
#[tauri::command]
#[specta::specta]
pub(crate) async fn gallery_cards(house: Door<'_>, ids: Vec<GenerationId>) -> Result<Vec<Card>, Refusal> {
    Ok(gallery::cards(house.studio().await?.library(), &ids).await?)
}

/// What was made last, newest first.
#[tauri::command]
#[specta::specta]
pub(crate) async fn gallery_latest(house: Door<'_>, limit: u32) -> Result<Vec<Card>, Refusal> {
    Ok(gallery::latest(house.studio().await?.library(), limit).await?)
}
