//! Imports and exports under way.

use atelier_studio::contract::Refusal;

use super::Door;

/// Ends the import or export that was asked for under this number. What it has done stays.
#[tauri::command]
#[specta::specta]
pub(crate) async fn work_cancel(house: Door<'_>, work: u32) -> Result<(), Refusal> {
    house.studio().await?.cancel_work(work);
    Ok(())
}
