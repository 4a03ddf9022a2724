//! Artworks: taken in, cropped, tagged, removed.

use std::path::PathBuf;

use atelier_studio::artworks::{self, Artwork, Crop, ImportReport};
use atelier_studio::contract::{ArtworkId, Refusal, StyleId, Tag};
use atelier_studio::tags::{self, TagEdit};
use atelier_studio::{paths, styles};
use serde::Deserialize;
use specta::Type;

use super::Door;

/// The tags that an artwork shall have, in order.
#[derive(Debug, Deserialize, Type)]
pub(crate) struct ArtworkTags {
    artwork: ArtworkId,
    tags: Vec<Tag>,
}

/// Takes in files and folders; `workProgressed` tells how far the work of this number is.
#[tauri::command]
#[specta::specta]
pub(crate) async fn artwork_import(
    house: Door<'_>,
    work: u32,
    style: StyleId,
    paths: Vec<PathBuf>,
) -> Result<ImportReport, Refusal> {
    let paths = paths
        .iter()
        .map(|path| paths::typed(path))
        .collect::<Result<Vec<_>, _>>()?;
    let studio = house.studio().await?;
    let (library, work) = (studio.library(), studio.begin_work(work));
    let into = styles::show(library, style).await?;
    let tell = |done, total| work.tell(done as u64, total as u64);
    Ok(artworks::import(library, &into, &paths, work.cancel(), tell).await?)
}

/// All artworks of a style, in the order they came.
#[tauri::command]
#[specta::specta]
pub(crate) async fn artwork_list(house: Door<'_>, style: StyleId) -> Result<Vec<Artwork>, Refusal> {
    Ok(artworks::all(house.studio().await?.library(), style).await?)
}

/// Sets what part of an artwork training sees, and how it is turned.
#[tauri::command]
#[specta::specta]
pub(crate) async fn artwork_crop(
    house: Door<'_>,
    id: ArtworkId,
    crop: Option<Crop>,
    quarter_turns: u8,
) -> Result<Artwork, Refusal> {
    let library = house.studio().await?.library();
    artworks::set_crop(library, id, crop, quarter_turns).await?;
    Ok(artworks::show(library, id).await?)
}

/// Turns artworks by quarters clockwise.
#[tauri::command]
#[specta::specta]
pub(crate) async fn artwork_turn(house: Door<'_>, ids: Vec<ArtworkId>, quarter_turns: u8) -> Result<(), Refusal> {
    Ok(artworks::turn(house.studio().await?.library(), &ids, quarter_turns).await?)
}

/// Takes artworks out of their style; [`artwork_restore`] brings them back.
#[tauri::command]
#[specta::specta]
pub(crate) async fn artwork_remove(house: Door<'_>, ids: Vec<ArtworkId>) -> Result<(), Refusal> {
    Ok(artworks::remove(house.studio().await?.library(), &ids).await?)
}

/// Brings removed artworks back, with their tags and crops.
#[tauri::command]
#[specta::specta]
pub(crate) async fn artwork_restore(house: Door<'_>, ids: Vec<ArtworkId>) -> Result<(), Refusal> {
    Ok(artworks::restore(house.studio().await?.library(), &ids).await?)
}

/// Edits the tags of many artworks at once.
#[tauri::command]
#[specta::specta]
pub(crate) async fn artwork_tag(house: Door<'_>, ids: Vec<ArtworkId>, edit: TagEdit) -> Result<(), Refusal> {
    Ok(tags::edit(house.studio().await?.library(), &ids, &edit).await?)
}

/// Gives artworks the tags that they had, each its own: undoes [`artwork_tag`].
#[tauri::command]
#[specta::specta]
pub(crate) async fn artwork_tags_set(house: Door<'_>, tags: Vec<ArtworkTags>) -> Result<(), Refusal> {
    let tags = tags.into_iter().map(|ArtworkTags { artwork, tags }| (artwork, tags));
    Ok(tags::set_each(house.studio().await?.library(), tags.collect()).await?)
}
