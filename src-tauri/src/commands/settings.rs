//! Settings of the window and the artist's signature.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use atelier_studio::contract::Refusal;
use atelier_studio::paths;
use atelier_studio::picture::signature::{self, SignatureFacts};
use atelier_studio::settings::{self, Settings};
use tauri::AppHandle;

use super::{Door, blocking};
use crate::window;

/// Keeps what the person chose; the window's frame follows the theme.
#[tauri::command]
#[specta::specta]
pub(crate) async fn settings_set(app: AppHandle, house: Door<'_>, mut settings: Settings) -> Result<Settings, Refusal> {
    settings.export_folder = settings.export_folder.as_deref().map(paths::typed).transpose()?;
    settings::save(house.config(), &settings)?;
    window::wear(&app, settings.theme);
    Ok(settings)
}

/// The artist's name, and where the signature stands in a picture.
#[tauri::command]
#[specta::specta]
pub(crate) async fn signature_get(house: Door<'_>) -> Result<SignatureFacts, Refusal> {
    Ok(signature::facts(house.studio().await?.library())?)
}

/// Sets name, corner, width and opacity. The picture of the signature stays.
#[tauri::command]
#[specta::specta]
pub(crate) async fn signature_set(house: Door<'_>, signature: SignatureFacts) -> Result<SignatureFacts, Refusal> {
    Ok(signature::set_facts(house.studio().await?.library(), &signature)?)
}

/// Takes the picture of the signature from a file.
#[tauri::command]
#[specta::specta]
pub(crate) async fn signature_image_set(house: Door<'_>, path: PathBuf) -> Result<SignatureFacts, Refusal> {
    let path = paths::typed(&path)?;
    let library = Arc::clone(house.studio().await?.library());
    blocking(move || signature::set_image_file(&library, &path)).await
}

/// Takes the picture of the signature as the person drew it: the bytes of a PNG.
#[tauri::command]
#[specta::specta]
pub(crate) async fn signature_image_draw(house: Door<'_>, png: Vec<u8>) -> Result<SignatureFacts, Refusal> {
    let library = Arc::clone(house.studio().await?.library());
    blocking(move || signature::set_image(&library, Path::new("signature.png"), &png)).await
}

/// Takes the signature away.
#[tauri::command]
#[specta::specta]
pub(crate) async fn signature_clear(house: Door<'_>) -> Result<SignatureFacts, Refusal> {
    Ok(signature::clear(house.studio().await?.library())?)
}
