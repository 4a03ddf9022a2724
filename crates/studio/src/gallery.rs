//! The gallery: every finished picture, found by style, tag, word, day and rating, newest first.
//!
//! [`find`] gives all ids at once, also of 100,000 pictures; [`cards`] tells what a screen of them shows, [`latest`] what was made last. What a person removes can be
//! restored for [`REMOVED_KEPT`]; then the next start takes row and file away.

mod detail;
mod export;
mod sweep;

use atelier_contract::{GenerationId, Number, Refusal, StyleId, Tag};
use chrono::{DateTime, NaiveDate, NaiveTime};
use serde::{Deserialize, Serialize};
use sqlx::{QueryBuilder, Sqlite};

use crate::generations::Settings;
use crate::library::written;
use crate::{Error, Library, jobs};

pub use detail::{GenerationDetail, GenerationStyle, show};
pub use export::{EXPORT_LEN_MAX, Signatures, export, signatures};
pub use sweep::{REMOVED_KEPT, sweep};

/// Most cards of one question: more than a screen shows.
pub const CARDS_MAX: usize = 500;
/// Most words of one search; the others are passed over.
const WORDS_MAX: usize = 32;
/// The best rating; 0 is none.
pub const RATING_MAX: u8 = 5;

/// The indexes are named because SQLite may prefer one of a status that nearly every row has.
const THOSE_THERE: &str =
    "generations INDEXED BY idx_generations_gallery WHERE status = 'completed' AND removed_at IS NULL";
const THOSE_REMOVED: &str =
    "generations INDEXED BY idx_generations_removed WHERE status = 'completed' AND removed_at IS NOT NULL";

const THOSE_HIDDEN: &str =
    "generations INDEXED BY idx_generations_hidden WHERE status <> 'completed' OR removed_at IS NOT NULL";

/// What pictures are looked for. The default finds all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(default)]
pub struct GalleryFilter {
    /// Made with this style, alone or with others.
    pub style: Option<StyleId>,
    /// With all of these tags.
    pub tags: Vec<String>,
    /// Words that the prompt has, in any order; the beginning of a word is enough.
    pub text: String,
    /// Not made before: a day, or an instant with its offset (ISO 8601).
    pub from: Option<String>,
    /// Made before: a day, or an instant with its offset (ISO 8601).
    pub to: Option<String>,
    /// Rated at least so.
    pub rating_min: Option<u8>,
    /// Those that were removed, in place of those that are there.
    pub removed: bool,
}

/// What the gallery shows of a picture before it is opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct Card {
    /// Its id in this library.
    pub id: GenerationId,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// 1 to [`RATING_MAX`]; 0 is none.
    pub rating: u8,
    /// Names of the styles in it.
    pub styles: Vec<String>,
    /// ISO 8601, UTC.
    pub created_at: String,
    /// 64 bits as a decimal number.
    pub seed: String,
    /// As the model read it.
    pub prompt: String,
}

/// Ids of all pictures that `filter` lets through, newest first. Ids, not times, tell which is newer: a clock can be set back.
///
/// # Errors
/// [`Refusal::DayInvalid`] for a day that is none, [`Error::Database`].
pub async fn find(library: &Library, filter: &GalleryFilter) -> Result<Vec<GenerationId>, Error> {
    let mut query = query(filter)?;
    // All ids as one value: 100,000 rows would each be handed from the database's thread to this one.
    let ids: String = query.build_query_scalar().fetch_one(library.pool()).await?;
    Ok(serde_json::from_str(&ids)?)
}

/// The one place where what a person looks for becomes SQL.
///
/// SQLite knows nothing of how many pictures have a word, so it is told where to begin: words give ids in the order of the answer, and
/// the few that the gallery does not show are left out. Only where days or ratings are asked for is each looked up, in the index that
/// the gallery has for itself (`CROSS JOIN` lays down the order). The rows, whose JSON is long, are never touched, and nothing is sorted.
fn query(filter: &GalleryFilter) -> Result<QueryBuilder<Sqlite>, Error> {
    let mut query = QueryBuilder::new("SELECT json_group_array(id) FROM (SELECT generations.id FROM ");
    let mut order = " ORDER BY generations.id DESC)";
    match (words(&filter.text), filter.removed) {
        (None, false) => {
            query.push(THOSE_THERE);
        }
        (Some(words), false) if filter.from.is_none() && filter.to.is_none() && filter.rating_min.is_none() => {
            query.push("(SELECT rowid AS id FROM generation_words WHERE generation_words MATCH ");
            query
                .push_bind(words)
                .push(") AS generations WHERE id NOT IN (SELECT id FROM ");
            query.push(THOSE_HIDDEN).push(")");
        }
        (Some(words), false) => {
            query.push("generation_words CROSS JOIN ").push(THOSE_THERE);
            query.push(" AND generations.id = generation_words.rowid AND generation_words MATCH ");
            query.push_bind(words);
            order = " ORDER BY generation_words.rowid DESC)";
        }
        (None, true) => {
            query.push(THOSE_REMOVED);
        }
        (Some(words), true) => {
            query.push(THOSE_REMOVED);
            query.push(" AND id IN (SELECT rowid FROM generation_words WHERE generation_words MATCH ");
            query.push_bind(words).push(")");
        }
    }
    if let Some(style) = filter.style {
        query.push(" AND EXISTS (SELECT 1 FROM generation_styles WHERE generation_id = generations.id AND style_id = ");
        query.push_bind(style.get()).push(")");
    }
    for tag in &filter.tags {
        query.push(
            " AND EXISTS (SELECT 1 FROM generation_tags
                           WHERE generation_id = generations.id AND tag_id = (SELECT id FROM tags WHERE name = ",
        );
        query.push_bind(Tag::parse(tag)?.as_str().to_owned()).push("))");
    }
    if let Some(from) = &filter.from {
        query.push(" AND created_at >= ").push_bind(instant(from)?);
    }
    if let Some(to) = &filter.to {
        query.push(" AND created_at < ").push_bind(instant(to)?);
    }
    if let Some(rating) = filter.rating_min {
        query.push(" AND rating >= ").push_bind(rating);
    }
    query.push(order);
    Ok(query)
}

/// What a person types, in FTS5's language: every word is quoted, so that none is an operator, and may go on. `None` without a word.
fn words(text: &str) -> Option<String> {
    let words: Vec<_> = text
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .take(WORDS_MAX)
        .map(|word| format!("\"{word}\"*"))
        .collect();
    (!words.is_empty()).then(|| words.join(" "))
}

/// An instant as the tables write it; a day is its first moment in UTC.
fn instant(text: &str) -> Result<String, Error> {
    let instant = DateTime::parse_from_rfc3339(text)
        .map(|instant| instant.to_utc())
        .or_else(|_no_instant| {
            text.parse::<NaiveDate>()
                .map(|day| day.and_time(NaiveTime::MIN).and_utc())
        })
        .map_err(|_no_day| Refusal::DayInvalid { day: text.to_owned() })?;
    Ok(written(instant))
}

/// Cards of the pictures with these ids, in their order, at most [`CARDS_MAX`]; one that does not exist is left out.
///
/// # Errors
/// [`Error::Database`].
pub async fn cards(library: &Library, ids: &[GenerationId]) -> Result<Vec<Card>, Error> {
    let ids = serde_json::to_string(&ids[..ids.len().min(CARDS_MAX)])?;
    let rows = sqlx::query!(
        r#"SELECT generations.id, rating AS "rating: u8", seed AS "seed!: i64", created_at, settings
             FROM json_each($1) AS wanted
            CROSS JOIN generations ON generations.id = wanted.value
            WHERE status = 'completed'
            ORDER BY wanted.key"#,
        ids,
    )
    .fetch_all(library.pool())
    .await?;
    rows.into_iter()
        .map(|row| {
            let settings: Settings = serde_json::from_str(&row.settings)?;
            Ok(Card {
                id: jobs::id(row.id)?,
                width: settings.width,
                height: settings.height,
                rating: row.rating,
                styles: settings.styles.into_iter().map(|style| style.name).collect(),
                created_at: row.created_at,
                seed: seed(row.seed),
                prompt: settings.prompt,
            })
        })
        .collect()
}

/// Cards of the newest pictures, newest first, at most `limit` and never more than [`CARDS_MAX`].
///
/// # Errors
/// [`Error::Database`].
pub async fn latest(library: &Library, limit: u32) -> Result<Vec<Card>, Error> {
    let ids = sqlx::query_scalar!(
        "SELECT id
           FROM generations INDEXED BY idx_generations_gallery
          WHERE status = 'completed' AND removed_at IS NULL
          ORDER BY id DESC
          LIMIT $1",
        limit,
    )
    .fetch_all(library.pool())
    .await?;
    let ids: Vec<GenerationId> = ids.into_iter().map(jobs::id).collect::<Result<_, _>>()?;
    cards(library, &ids).await
}

/// A seed of the table, whose 64 bits look negative from 2⁶³ on, as a person knows it.
fn seed(bits: i64) -> String {
    u64::from_ne_bytes(bits.to_ne_bytes()).to_string()
}

/// Rates pictures, or none of them when one does not exist.
///
/// # Errors
/// [`Refusal::NumberOutOfRange`], [`Refusal::GenerationUnknown`], [`Error::Database`].
pub async fn rate(library: &Library, ids: &[GenerationId], rating: u8) -> Result<(), Error> {
    if rating > RATING_MAX {
        return Err(Number::Rating.out_of_range(rating, 0, RATING_MAX).into());
    }
    let mut tx = library.begin().await?;
    let ids = known(&mut tx, ids).await?;
    sqlx::query!(
        "UPDATE generations SET rating = $2 WHERE id IN (SELECT value FROM json_each($1))",
        ids,
        rating,
    )
    .execute(&mut *tx)
    .await?;
    Ok(tx.commit().await?)
}

/// Takes pictures out of the gallery, or none of them when one does not exist. [`restore`] brings them back.
///
/// # Errors
/// [`Refusal::GenerationUnknown`], [`Error::Database`].
pub async fn remove(library: &Library, ids: &[GenerationId]) -> Result<(), Error> {
    let mut tx = library.begin().await?;
    let ids = known(&mut tx, ids).await?;
    sqlx::query!(
        "UPDATE generations
            SET removed_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
          WHERE id IN (SELECT value FROM json_each($1)) AND removed_at IS NULL",
        ids,
    )
    .execute(&mut *tx)
    .await?;
    Ok(tx.commit().await?)
}

/// Brings removed pictures back, with their ratings; those that are there stay as they are.
///
/// # Errors
/// [`Refusal::GenerationUnknown`] also when the sweep was there before, [`Error::Database`].
pub async fn restore(library: &Library, ids: &[GenerationId]) -> Result<(), Error> {
    let mut tx = library.begin().await?;
    let ids = known(&mut tx, ids).await?;
    sqlx::query!(
        "UPDATE generations SET removed_at = NULL WHERE id IN (SELECT value FROM json_each($1))",
        ids,
    )
    .execute(&mut *tx)
    .await?;
    Ok(tx.commit().await?)
}

/// These ids as JSON, when each is a finished picture's.
async fn known(tx: &mut sqlx::Transaction<'static, Sqlite>, ids: &[GenerationId]) -> Result<String, Error> {
    let ids = serde_json::to_string(ids)?;
    let unknown = sqlx::query_scalar!(
        r#"SELECT CAST(value AS INTEGER) AS "id!: i64"
             FROM json_each($1)
            WHERE NOT EXISTS (SELECT 1 FROM generations WHERE id = value AND status = 'completed')
            LIMIT 1"#,
        ids,
    )
    .fetch_optional(&mut **tx)
    .await?;
    match unknown {
        Some(generation) => Err(Refusal::GenerationUnknown { generation }.into()),
        None => Ok(ids),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_is_words_and_never_an_operator() {
        assert_eq!(words("  red, ca"), Some(r#""red"* "ca"*"#.to_owned()));
        assert_eq!(
            words(r#"NOT "fox" OR prompt:x*"#).as_deref(),
            Some(r#""NOT"* "fox"* "OR"* "prompt"* "x"*"#)
        );
        assert_eq!(words(" -*\" "), None);
    }

    #[test]
    fn a_day_and_an_instant_are_written_alike() {
        assert_eq!(instant("2026-11-23").expect("a day"), "2026-11-23T00:00:00.000Z");
        assert_eq!(
            instant("2026-11-23T09:00:00+09:00").expect("an instant"),
            "2026-11-23T00:00:00.000Z"
        );
        assert!(matches!(
            instant("yesterday"),
            Err(Error::Refused(Refusal::DayInvalid { .. }))
        ));
    }
}
