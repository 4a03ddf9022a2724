//! Artworks: the pictures that a style is trained from. Each is a file that never changes; crop, rotation and tags are data beside it.

mod container;
mod export;
mod file;
mod import;
mod near_duplicates;
mod report;
mod source;
mod validity;

use std::collections::HashMap;
use std::path::PathBuf;

use atelier_contract::{ArtworkId, Refusal, StyleId};
use serde::{Deserialize, Serialize};
use sqlx::{Sqlite, Transaction};

use crate::styles::side_px_min;
use crate::{Error, Library, tags};

pub use export::{Exported, export};
pub(crate) use file::decode_upright;
pub use file::{ARTWORK_BYTES_MAX, ARTWORK_PIXELS_MAX};
pub use import::{ImportReport, Imported, Known, TagRefused, import};
pub use report::{ArtworkReport, DatasetReport, NearDuplicate, bucket, report};

/// Most artworks of one page of a list.
pub const PAGE_LEN_MAX: u32 = 1000;

/// A row of `artworks` with its tags.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct Artwork {
    /// Its id in this library.
    pub id: ArtworkId,
    /// The style it belongs to.
    pub style: StyleId,
    /// The stored picture, upright and without metadata.
    pub path: PathBuf,
    /// Name of the file that it came from.
    pub file_name: String,
    /// Of the whole picture.
    pub width_px: u32,
    /// Of the whole picture.
    pub height_px: u32,
    /// The part that training sees; `None` for all of it.
    pub crop: Option<Crop>,
    /// Quarter turns clockwise after the crop, 0 to 3.
    pub quarter_turns: u8,
    /// Whether training uses it.
    pub is_valid: bool,
    /// Why not.
    pub validation_reason: Option<Refusal>,
    /// In order.
    pub tags: Vec<String>,
    /// ISO 8601, UTC.
    pub created_at: String,
}

/// A part of a picture, in pixels from its upper left corner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[expect(missing_docs, reason = "the names say it")]
pub struct Crop {
    pub left_px: u32,
    pub top_px: u32,
    pub width_px: u32,
    pub height_px: u32,
}

impl Crop {
    fn is_inside(self, width_px: u32, height_px: u32) -> bool {
        let fits =
            |start: u32, length: u32, side: u32| length > 0 && start.checked_add(length).is_some_and(|end| end <= side);
        fits(self.left_px, self.width_px, width_px) && fits(self.top_px, self.height_px, height_px)
    }
}

/// Artworks of a style after the one with id `after`, at most `limit` and never more than [`PAGE_LEN_MAX`], in the order they came in.
/// With `invalid_only`, those that training does not use.
///
/// # Errors
/// [`Error::Database`].
pub async fn list(
    library: &Library,
    style: StyleId,
    after: Option<ArtworkId>,
    limit: u32,
    invalid_only: bool,
) -> Result<Vec<Artwork>, Error> {
    let (style_id, after, limit) = (style.get(), after.map_or(0, ArtworkId::get), limit.min(PAGE_LEN_MAX));
    let rows = sqlx::query!(
        r#"SELECT id, image_url, file_name, is_valid, validation_reason, created_at,
                  width_px AS "width_px: u32", height_px AS "height_px: u32", quarter_turns AS "quarter_turns: u8",
                  crop_left_px AS "crop_left_px: u32", crop_top_px AS "crop_top_px: u32",
                  crop_width_px AS "crop_width_px: u32", crop_height_px AS "crop_height_px: u32"
             FROM artworks
            WHERE style_id = $1 AND id > $2 AND removed_at IS NULL AND (NOT $3 OR NOT is_valid)
            ORDER BY id
            LIMIT $4"#,
        style_id,
        after,
        invalid_only,
        limit,
    )
    .fetch_all(library.pool())
    .await?;
    let last = rows.last().map_or(after, |row| row.id);
    let mut tags = tags_between(library, style, after, last).await?;
    rows.into_iter()
        .map(|row| {
            let crop = row
                .crop_left_px
                .zip(row.crop_top_px)
                .zip(row.crop_width_px.zip(row.crop_height_px));
            Ok(Artwork {
                id: ArtworkId::try_from(row.id).expect("SQLite counts ids from 1"),
                style,
                path: library.path_of(&row.image_url),
                file_name: row.file_name,
                width_px: row.width_px,
                height_px: row.height_px,
                crop: crop.map(|((left_px, top_px), (width_px, height_px))| Crop {
                    left_px,
                    top_px,
                    width_px,
                    height_px,
                }),
                quarter_turns: row.quarter_turns,
                is_valid: row.is_valid,
                validation_reason: row.validation_reason.as_deref().map(serde_json::from_str).transpose()?,
                tags: tags.remove(&row.id).unwrap_or_default(),
                created_at: row.created_at,
            })
        })
        .collect()
}

/// Tags of a style's artworks with ids above `after` up to `last`, in order.
async fn tags_between(
    library: &Library,
    style: StyleId,
    after: i64,
    last: i64,
) -> Result<HashMap<i64, Vec<String>>, Error> {
    let style = style.get();
    let rows = sqlx::query!(
        r#"SELECT artwork_tags.artwork_id, tags.name
             FROM artworks
             JOIN artwork_tags ON artwork_tags.artwork_id = artworks.id
             JOIN tags ON tags.id = artwork_tags.tag_id
            WHERE artworks.style_id = $1 AND artworks.id > $2 AND artworks.id <= $3
            ORDER BY artwork_tags.artwork_id, artwork_tags.sequence"#,
        style,
        after,
        last,
    )
    .fetch_all(library.pool())
    .await?;
    let mut tags: HashMap<i64, Vec<String>> = HashMap::new();
    for row in rows {
        tags.entry(row.artwork_id).or_default().push(row.name);
    }
    Ok(tags)
}

/// All artworks that training uses, in the order they came in.
///
/// # Errors
/// [`Error::Database`].
pub async fn valid(library: &Library, style: StyleId) -> Result<Vec<Artwork>, Error> {
    let mut valid = all(library, style).await?;
    valid.retain(|artwork| artwork.is_valid);
    Ok(valid)
}

/// All artworks of a style, in the order they came in.
///
/// # Errors
/// [`Error::Database`].
pub async fn all(library: &Library, style: StyleId) -> Result<Vec<Artwork>, Error> {
    let mut all = Vec::new();
    loop {
        let page = list(
            library,
            style,
            all.last().map(|artwork: &Artwork| artwork.id),
            PAGE_LEN_MAX,
            false,
        )
        .await?;
        if page.is_empty() {
            return Ok(all);
        }
        all.extend(page);
    }
}

/// One artwork.
///
/// # Errors
/// [`Refusal::ArtworkUnknown`], also for one that was removed, [`Error::Database`].
pub async fn show(library: &Library, artwork: ArtworkId) -> Result<Artwork, Error> {
    let unknown = Refusal::ArtworkUnknown { artwork: artwork.get() };
    let id = artwork.get();
    let style = sqlx::query_scalar!("SELECT style_id FROM artworks WHERE id = $1 AND removed_at IS NULL", id)
        .fetch_optional(library.pool())
        .await?
        .ok_or_else(|| unknown.clone())?;
    let style = StyleId::try_from(style).expect("SQLite counts ids from 1");
    let before = ArtworkId::try_from(id - 1).ok();
    let found = list(library, style, before, 1, false).await?;
    Ok(found.into_iter().next().ok_or(unknown)?)
}

/// Chooses the part of an artwork that training sees, and how it is turned. The file stays as it is.
///
/// # Errors
/// [`Refusal::CropOutside`], [`Refusal::ArtworkUnknown`], [`Error::Database`].
pub async fn set_crop(
    library: &Library,
    artwork: ArtworkId,
    crop: Option<Crop>,
    quarter_turns: u8,
) -> Result<(), Error> {
    let id = artwork.get();
    let mut tx = library.begin().await?;
    let size = sqlx::query!(
        r#"SELECT width_px AS "width_px: u32", height_px AS "height_px: u32" FROM artworks WHERE id = $1"#,
        id
    )
    .fetch_optional(&mut *tx)
    .await?
    .ok_or(Refusal::ArtworkUnknown { artwork: id })?;
    let (width_px, height_px) = (size.width_px, size.height_px);
    if crop.is_some_and(|crop| !crop.is_inside(width_px, height_px)) {
        return Err(Refusal::CropOutside {
            artwork: id,
            width_px,
            height_px,
        }
        .into());
    }
    let (left, top) = (crop.map(|crop| crop.left_px), crop.map(|crop| crop.top_px));
    let (width, height) = (crop.map(|crop| crop.width_px), crop.map(|crop| crop.height_px));
    let quarter_turns = quarter_turns % 4;
    sqlx::query!(
        r#"UPDATE artworks
              SET crop_left_px = $2, crop_top_px = $3, crop_width_px = $4, crop_height_px = $5, quarter_turns = $6
            WHERE id = $1"#,
        id,
        left,
        top,
        width,
        height,
        quarter_turns,
    )
    .execute(&mut *tx)
    .await?;
    settle(&mut tx, &serde_json::to_string(&[artwork])?).await?;
    tx.commit().await?;
    Ok(())
}

/// Turns artworks by quarters clockwise, after what they were turned already: all of them, or none when one does not exist. It changes
/// nothing that decides whether they are valid.
///
/// # Errors
/// [`Refusal::ArtworkUnknown`], [`Error::Database`].
pub async fn turn(library: &Library, artworks: &[ArtworkId], quarter_turns: u8) -> Result<(), Error> {
    let mut tx = library.begin().await?;
    let ids = known(&mut tx, artworks).await?;
    let quarter_turns = quarter_turns % 4;
    sqlx::query!(
        "UPDATE artworks
            SET quarter_turns = (quarter_turns + $2) % 4
          WHERE id IN (SELECT value FROM json_each($1))",
        ids,
        quarter_turns,
    )
    .execute(&mut *tx)
    .await?;
    Ok(tx.commit().await?)
}

/// Takes artworks out of their style: all of them, or none when one does not exist. [`restore`] brings them back.
///
/// # Errors
/// [`Refusal::ArtworkUnknown`], [`Error::Database`].
pub async fn remove(library: &Library, artworks: &[ArtworkId]) -> Result<(), Error> {
    let mut tx = library.begin().await?;
    let ids = known(&mut tx, artworks).await?;
    let removed = sqlx::query!(
        "UPDATE artworks
            SET removed_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
          WHERE id IN (SELECT value FROM json_each($1)) AND removed_at IS NULL",
        ids,
    )
    .execute(&mut *tx)
    .await?;
    if removed.rows_affected() > 0 {
        settle(&mut tx, &ids).await?;
    }
    Ok(tx.commit().await?)
}

/// Brings removed artworks back, with their tags and their crops: all of them, or none when one does not exist. Does nothing to those that
/// are there.
///
/// # Errors
/// [`Refusal::ArtworkUnknown`], [`Error::Database`].
pub async fn restore(library: &Library, artworks: &[ArtworkId]) -> Result<(), Error> {
    let mut tx = library.begin().await?;
    let ids = known(&mut tx, artworks).await?;
    let restored = sqlx::query!(
        "UPDATE artworks
            SET removed_at = NULL
          WHERE id IN (SELECT value FROM json_each($1)) AND removed_at IS NOT NULL",
        ids,
    )
    .execute(&mut *tx)
    .await?;
    if restored.rows_affected() > 0 {
        settle(&mut tx, &ids).await?;
    }
    Ok(tx.commit().await?)
}

/// These ids as JSON, when each is an artwork's.
async fn known(tx: &mut Transaction<'static, Sqlite>, artworks: &[ArtworkId]) -> Result<String, Error> {
    let ids = serde_json::to_string(artworks)?;
    let unknown = sqlx::query_scalar!(
        r#"SELECT CAST(value AS INTEGER) AS "id!: i64"
             FROM json_each($1)
            WHERE NOT EXISTS (SELECT 1 FROM artworks WHERE id = value)
            LIMIT 1"#,
        ids,
    )
    .fetch_optional(&mut **tx)
    .await?;
    match unknown {
        Some(artwork) => Err(Refusal::ArtworkUnknown { artwork }.into()),
        None => Ok(ids),
    }
}

/// Decides anew which artworks of a style are valid: after a change of what is asked of them. Gives why those are not that are not, by their
/// ids.
///
/// # Errors
/// [`Error::Database`].
pub async fn check(library: &Library, style: &crate::styles::Style) -> Result<HashMap<i64, Refusal>, Error> {
    let mut tx = library.begin().await?;
    let reasons = validity::refresh(&mut tx, style.id, side_px_min(&style.base_model)).await?;
    tags::aggregate(&mut tx, style.id.get()).await?;
    tx.commit().await?;
    Ok(reasons)
}

/// After a change of artworks, whose ids are JSON: whether they and their neighbours are valid, and what their styles' tags are.
async fn settle(tx: &mut Transaction<'static, Sqlite>, ids: &str) -> Result<(), Error> {
    let styles = sqlx::query!(
        r#"SELECT id, base_model
             FROM styles
            WHERE id IN (SELECT style_id FROM artworks WHERE artworks.id IN (SELECT value FROM json_each($1)))"#,
        ids,
    )
    .fetch_all(&mut **tx)
    .await?;
    for style in styles {
        let id = StyleId::try_from(style.id).expect("SQLite counts ids from 1");
        validity::refresh(tx, id, side_px_min(&style.base_model)).await?;
        tags::aggregate(tx, style.id).await?;
    }
    Ok(())
}
