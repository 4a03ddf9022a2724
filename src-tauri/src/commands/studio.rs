//! The studio itself: its start, the machine it is on, its folders.

use atelier_studio::contract::Refusal;
use atelier_studio::hardware::{self, Report};
use atelier_studio::settings::{self, Settings};
use serde::{Deserialize, Serialize};
use specta::Type;
use tauri::AppHandle;
use tauri_plugin_notification::NotificationExt;
use tauri_plugin_opener::OpenerExt;

use super::Door;
use crate::{failure, house, window};

/// What the page starts from.
#[derive(Debug, Serialize, Type)]
pub(crate) struct StudioFacts {
    version: &'static str,
    /// The library's folder.
    data: String,
    /// Whether there was no library before this start.
    first_run: bool,
    settings: Settings,
}

/// A folder that the person may look into.
#[derive(Debug, Clone, Copy, Deserialize, Type)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Folder {
    /// All that the studio keeps.
    Library,
    /// What the studio wrote down about its work.
    Logs,
    /// Where exports went last.
    Exports,
}

/// Opens the library, if it is not open: the page's first question, and its “try again”.
#[tauri::command]
#[specta::specta]
pub(crate) async fn studio_start(house: Door<'_>) -> Result<StudioFacts, Refusal> {
    house.studio().await?;
    Ok(StudioFacts {
        version: env!("CARGO_PKG_VERSION"),
        data: house.config().data.display().to_string(),
        first_run: house.first_run(),
        settings: settings::load(house.config())?,
    })
}

/// What this machine can do. Asks drivers and workers, which takes seconds; answers also when the library does not open.
#[tauri::command]
#[specta::specta]
pub(crate) async fn machine_report(house: Door<'_>) -> Result<Report, Refusal> {
    let library = house.studio().await.ok().map(|studio| studio.library().as_ref());
    Ok(hardware::report(house.config(), library).await)
}

/// Shows a folder in the person's file manager.
#[tauri::command]
#[specta::specta]
pub(crate) async fn folder_open(app: AppHandle, house: Door<'_>, which: Folder) -> Result<(), Refusal> {
    let config = house.config();
    let folder = match which {
        Folder::Library => config.data.clone(),
        Folder::Logs => house::logs(config),
        Folder::Exports => settings::load(config)?
            .export_folder
            .unwrap_or_else(|| config.data.clone()),
    };
    let opened = app.opener().open_path(folder.display().to_string(), None::<&str>);
    opened.map_err(|error| failure::internal(&error))
}

/// Tells the person of something while the window is out of sight; says nothing to who looks at it.
#[tauri::command]
#[specta::specta]
pub(crate) async fn notification_show(app: AppHandle, title: String, body: String) -> Result<(), Refusal> {
    if window::is_looked_at(&app) {
        return Ok(());
    }
    let shown = app.notification().builder().title(title).body(body).show();
    shown.map_err(|error| failure::internal(&error))
}
