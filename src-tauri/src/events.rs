//! What happened, as the page hears it: one typed event for each thing that is told.

use atelier_studio::contract::StyleId;
use serde::{Deserialize, Serialize};
use specta::Type;
use tauri::{AppHandle, Wry};
use tauri_specta::{Event, Events, collect_events};

/// How far an import is.
#[derive(Debug, Clone, Serialize, Deserialize, Type, Event)]
pub(crate) struct ImportProgressed {
    pub(crate) style: StyleId,
    /// Files that were looked at.
    pub(crate) done: usize,
    /// Files in all.
    pub(crate) total: usize,
}

/// All events, in the order of the alphabet.
pub(crate) fn all() -> Events {
    collect_events![ImportProgressed]
}

/// Tells the page. A page that does not hear it asks again when it is loaded.
pub(crate) fn tell<E: Event + Serialize + Clone>(app: &AppHandle<Wry>, event: &E) {
    if let Err(error) = event.emit(app) {
        tracing::warn!("the page was not told of {}: {error}", E::NAME);
    }
}
