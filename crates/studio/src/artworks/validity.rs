//! Which artworks training uses, and why not the others. A function of what is stored, so that it can be asked again at any time:
//! when one of two lookalikes was removed, the other one becomes valid.

use std::collections::HashMap;

use atelier_contract::{Refusal, StyleId};
use sqlx::{Executor, Sqlite, Transaction};

use super::file::PerceptualHash;
use super::near_duplicates::alike;
use crate::Error;

/// What decides about one artwork.
pub(super) struct Facts {
    pub(super) id: i64,
    pub(super) file: String,
    /// Of the crop, where there is one.
    pub(super) width_px: u32,
    pub(super) height_px: u32,
    pub(super) perceptual_hash: PerceptualHash,
    pub(super) is_valid: bool,
}

/// Why training cannot use `artwork` beside the `earlier` ones; `None` when it can.
pub(super) fn reason(artwork: &Facts, earlier: &[Facts], side_px_min: u32) -> Option<Refusal> {
    let (width_px, height_px) = (artwork.width_px, artwork.height_px);
    let file = artwork.file.clone();
    if width_px.min(height_px) < side_px_min {
        return Some(Refusal::ArtworkTooSmall {
            file,
            width_px,
            height_px,
            side_px_min,
        });
    }
    let twin = earlier
        .iter()
        .find(|other| other.is_valid && alike(other.perceptual_hash, artwork.perceptual_hash))?;
    Some(Refusal::ArtworkNearDuplicate {
        file,
        artwork: twin.id,
        other_file: twin.file.clone(),
    })
}

/// Facts of a style's artworks, without the removed ones, in the order they came in.
pub(super) async fn facts(db: impl Executor<'_, Database = Sqlite>, style: StyleId) -> Result<Vec<Facts>, Error> {
    let style = style.get();
    let rows = sqlx::query!(
        r#"SELECT id, file_name, perceptual_hash, is_valid,
                  coalesce(crop_width_px, width_px) AS "width_px!: u32",
                  coalesce(crop_height_px, height_px) AS "height_px!: u32"
             FROM artworks
            WHERE style_id = $1 AND removed_at IS NULL
            ORDER BY id"#,
        style,
    )
    .fetch_all(db)
    .await?;
    let facts = rows.into_iter().map(|row| Facts {
        id: row.id,
        file: row.file_name,
        width_px: row.width_px,
        height_px: row.height_px,
        perceptual_hash: row
            .perceptual_hash
            .try_into()
            .expect("artworks_perceptual_hash_length says 8"),
        is_valid: row.is_valid,
    });
    Ok(facts.collect())
}

/// Decides anew about all artworks of a style, in two statements however many there are; gives why those are not valid that are not.
pub(super) async fn refresh(
    tx: &mut Transaction<'static, Sqlite>,
    style: StyleId,
    side_px_min: u32,
) -> Result<HashMap<i64, Refusal>, Error> {
    let mut decided: Vec<Facts> = Vec::new();
    let mut written: Vec<(i64, Option<String>)> = Vec::new();
    let mut reasons = HashMap::new();
    for mut artwork in facts(&mut **tx, style).await? {
        let reason = reason(&artwork, &decided, side_px_min);
        artwork.is_valid = reason.is_none();
        written.push((artwork.id, reason.as_ref().map(serde_json::to_string).transpose()?));
        reasons.extend(reason.map(|reason| (artwork.id, reason)));
        decided.push(artwork);
    }
    let written = serde_json::to_string(&written)?;
    sqlx::query!(
        "UPDATE artworks
            SET is_valid = decided.reason IS NULL, validation_reason = decided.reason
           FROM (SELECT value ->> 0 AS id, value ->> 1 AS reason FROM json_each($1)) AS decided
          WHERE artworks.id = decided.id AND artworks.validation_reason IS NOT decided.reason",
        written,
    )
    .execute(&mut **tx)
    .await?;
    Ok(reasons)
}
