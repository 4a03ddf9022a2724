//! Tags: what a person types, completed and checked.

use atelier_studio::contract::{Refusal, Tag};
use atelier_studio::tags::{self, TagUse};

use super::Door;

/// Tags that begin so, those used most first.
#[tauri::command]
#[specta::specta]
pub(crate) async fn tag_complete(house: Door<'_>, prefix: String) -> Result<Vec<TagUse>, Refusal> {
    Ok(tags::complete(house.studio().await?.library(), house.config(), &prefix).await?)
}

/// The tag that a text would become.
#[tauri::command]
#[specta::specta]
pub(crate) fn tag_check(text: String) -> Result<Tag, Refusal> {
    Ok(Tag::parse(&text)?)
}
