//! Ordered tags of artworks and styles: editing many at once, completion, and a style's tags from those of its artworks.

mod vocabulary;

use std::collections::BTreeSet;

use atelier_contract::{ArtworkId, Refusal, StyleId, Tag};
use serde::{Deserialize, Serialize};
use sqlx::{Sqlite, Transaction};

use crate::{Config, Error, Library};

/// Most suggestions of one completion: a list that a person looks over.
pub const COMPLETIONS_MAX: i64 = 20;

/// A tag and how often it is used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct TagUse {
    /// Its words.
    pub name: String,
    /// By how many styles, artworks and generations.
    pub usage_count: i64,
}

/// What to do with the tags of some artworks.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "snake_case")]
pub enum TagEdit {
    /// These and no others, in this order.
    Set(Vec<Tag>),
    /// Appends those that an artwork does not have yet.
    Add(Vec<Tag>),
    /// Takes these away.
    Remove(Vec<Tag>),
    /// Puts one in the place of another, where that one is.
    Replace {
        /// What goes.
        old: Tag,
        /// What comes.
        new: Tag,
    },
}

impl TagEdit {
    fn apply(&self, tags: Vec<Tag>) -> Vec<Tag> {
        let edited: Vec<Tag> = match self {
            Self::Set(new) => new.clone(),
            Self::Add(more) => tags.into_iter().chain(more.iter().cloned()).collect(),
            Self::Remove(gone) => tags.into_iter().filter(|tag| !gone.contains(tag)).collect(),
            Self::Replace { old, new } => tags
                .into_iter()
                .map(|tag| if tag == *old { new.clone() } else { tag })
                .collect(),
        };
        let mut seen = BTreeSet::new();
        edited.into_iter().filter(|tag| seen.insert(tag.clone())).collect()
    }
}

/// Tags that begin with `prefix`: those in use, the most used first, then words that the starter model knows; at most
/// [`COMPLETIONS_MAX`].
///
/// # Errors
/// [`Error::Database`].
pub async fn complete(library: &Library, config: &Config, prefix: &str) -> Result<Vec<TagUse>, Error> {
    // Compared by position, so that `_` and `%` of the prefix mean themselves.
    let prefix = prefix.trim_start().to_lowercase();
    let mut uses = sqlx::query_as!(
        TagUse,
        r#"SELECT name, usage_count
             FROM tags
            WHERE is_active AND usage_count > 0 AND substr(name, 1, length($1)) = $1
            ORDER BY usage_count DESC, name
            LIMIT $2"#,
        prefix,
        COMPLETIONS_MAX,
    )
    .fetch_all(library.pool())
    .await?;
    let words = vocabulary::beginning_with(&config.resources, &prefix);
    let unused: Vec<_> = words
        .into_iter()
        .filter(|word| uses.iter().all(|used| used.name != *word))
        .map(|name| TagUse { name, usage_count: 0 })
        .collect();
    uses.extend(unused);
    uses.truncate(COMPLETIONS_MAX as usize);
    Ok(uses)
}

/// Edits the tags of all `artworks`, or of none when one of them does not exist.
///
/// # Errors
/// [`Refusal::ArtworkUnknown`], [`Error::Database`].
pub async fn edit(library: &Library, artworks: &[ArtworkId], edit: &TagEdit) -> Result<(), Error> {
    let edits: Vec<_> = artworks.iter().map(|artwork| (*artwork, edit)).collect();
    edit_each(library, &edits).await
}

/// Gives each of these artworks tags of its own and no others, or none of them when one does not exist.
///
/// # Errors
/// [`Refusal::ArtworkUnknown`], [`Error::Database`].
pub async fn set_each(library: &Library, tags: Vec<(ArtworkId, Vec<Tag>)>) -> Result<(), Error> {
    let sets: Vec<_> = tags
        .into_iter()
        .map(|(artwork, tags)| (artwork, TagEdit::Set(tags)))
        .collect();
    let edits: Vec<_> = sets.iter().map(|(artwork, set)| (*artwork, set)).collect();
    edit_each(library, &edits).await
}

/// All edits in one transaction; the tags of each style are made anew once.
async fn edit_each(library: &Library, edits: &[(ArtworkId, &TagEdit)]) -> Result<(), Error> {
    let mut tx = library.begin().await?;
    let mut styles = BTreeSet::new();
    for (artwork, edit) in edits {
        let id = artwork.get();
        let style = sqlx::query_scalar!("SELECT style_id FROM artworks WHERE id = $1", id)
            .fetch_optional(&mut *tx)
            .await?
            .ok_or(Refusal::ArtworkUnknown { artwork: id })?;
        styles.insert(style);
        let tags = edit.apply(of_artwork(&mut tx, id).await?);
        set_artwork_tags(&mut tx, id, &tags).await?;
    }
    for style in styles {
        aggregate(&mut tx, style).await?;
    }
    Ok(tx.commit().await?)
}

/// A style's tags in order: its own name, then those of its artworks, the most frequent first.
///
/// # Errors
/// [`Error::Database`].
pub async fn of_style(library: &Library, style: StyleId) -> Result<Vec<String>, Error> {
    let style = style.get();
    let names = sqlx::query_scalar!(
        r#"SELECT tags.name
             FROM style_tags
             JOIN tags ON tags.id = style_tags.tag_id
            WHERE style_tags.style_id = $1
            ORDER BY style_tags.sequence"#,
        style,
    )
    .fetch_all(library.pool())
    .await?;
    Ok(names)
}

async fn of_artwork(tx: &mut Transaction<'static, Sqlite>, artwork: i64) -> Result<Vec<Tag>, Error> {
    let names = sqlx::query_scalar!(
        r#"SELECT tags.name
             FROM artwork_tags
             JOIN tags ON tags.id = artwork_tags.tag_id
            WHERE artwork_tags.artwork_id = $1
            ORDER BY artwork_tags.sequence"#,
        artwork,
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(names.iter().map(|name| Tag::parse(name)).collect::<Result<_, _>>()?)
}

/// Gives an artwork these tags and no others.
pub(crate) async fn set_artwork_tags(
    tx: &mut Transaction<'static, Sqlite>,
    artwork: i64,
    tags: &[Tag],
) -> Result<(), Error> {
    sqlx::query!("DELETE FROM artwork_tags WHERE artwork_id = $1", artwork)
        .execute(&mut **tx)
        .await?;
    for (tag, sequence) in tags.iter().zip(1_i64..) {
        let tag = id_of(tx, tag).await?;
        sqlx::query!(
            "INSERT INTO artwork_tags (artwork_id, tag_id, sequence) VALUES ($1, $2, $3)",
            artwork,
            tag,
            sequence,
        )
        .execute(&mut **tx)
        .await?;
    }
    Ok(())
}

/// Makes a style's tags anew: its name first, then the tags of its valid artworks by how many have them.
pub(crate) async fn aggregate(tx: &mut Transaction<'static, Sqlite>, style: i64) -> Result<(), Error> {
    let name = sqlx::query_scalar!("SELECT name FROM styles WHERE id = $1", style)
        .fetch_one(&mut **tx)
        .await?;
    let first = id_of(tx, &Tag::parse(&name)?).await?;
    sqlx::query!("DELETE FROM style_tags WHERE style_id = $1", style)
        .execute(&mut **tx)
        .await?;
    sqlx::query!(
        "INSERT INTO style_tags (style_id, tag_id, sequence) VALUES ($1, $2, 1)",
        style,
        first
    )
    .execute(&mut **tx)
    .await?;
    sqlx::query!(
        r#"INSERT INTO style_tags (style_id, tag_id, sequence)
           SELECT $1, artwork_tags.tag_id,
                  1 + row_number() OVER (ORDER BY count(*) DESC, min(artwork_tags.sequence), artwork_tags.tag_id)
             FROM artwork_tags
             JOIN artworks ON artworks.id = artwork_tags.artwork_id
            WHERE artworks.style_id = $1 AND artworks.is_valid AND artworks.removed_at IS NULL
                  AND artwork_tags.tag_id <> $2
            GROUP BY artwork_tags.tag_id"#,
        style,
        first,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// The row of a tag, made when it is new.
pub(crate) async fn id_of(tx: &mut Transaction<'static, Sqlite>, tag: &Tag) -> Result<i64, Error> {
    let name = tag.as_str();
    let id = sqlx::query_scalar!(
        r#"INSERT INTO tags (name) VALUES ($1)
               ON CONFLICT (name) DO UPDATE SET is_active = TRUE
        RETURNING id"#,
        name,
    )
    .fetch_one(&mut **tx)
    .await?;
    Ok(id)
}
