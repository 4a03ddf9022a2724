//! Sample projects: bundled artworks with their tags, to try everything with.

use atelier_studio::contract::Refusal;
use atelier_studio::samples::{self, Sample};
use atelier_studio::styles::Style;

use super::Door;

/// The sample projects that ship with the program.
#[tauri::command]
#[specta::specta]
pub(crate) async fn sample_list(house: Door<'_>) -> Result<Vec<Sample>, Refusal> {
    Ok(samples::list(house.config()))
}

/// A sample project as a style of one's own; the one that is there already, if it was opened before.
#[tauri::command]
#[specta::specta]
pub(crate) async fn sample_open(house: Door<'_>, id: String) -> Result<Style, Refusal> {
    Ok(samples::open(house.studio().await?.library(), house.config(), &id).await?)
}
