//! How a style looks to its artist and to others.

use atelier_contract::{
    Sha256, StyleCard, StyleId, StyleVersion, StyleView, StyleWorkshop, TrainingProgress, TrainingStatus, UserId,
};
use chrono::{DateTime, NaiveDate, Utc};
use sqlx::{PgConnection, PgExecutor, PgPool};

use super::unknown;
use crate::columns::{column, parsed};
use crate::refused::Answer;

/// A style as `viewer` may see it.
///
/// # Errors
/// [`atelier_contract::Refusal::StyleUnknown`] when it is not for them.
pub(crate) async fn view(pool: &PgPool, id: StyleId, viewer: Option<UserId>) -> Answer<StyleView> {
    views(pool, &[id.get()], viewer).await?.pop().ok_or_else(|| unknown(id))
}

struct StyleRow {
    id: StyleId,
    description: Option<String>,
    valid_from: NaiveDate,
    valid_to: Option<NaiveDate>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    training_status: String,
    training_progress: Option<serde_json::Value>,
    is_active: bool,
    is_flagged: bool,
    own: bool,
    artworks: i64,
    artworks_valid: i64,
    number: Option<i32>,
    base_model: Option<String>,
    bytes: Option<i64>,
    sha256: Option<Vec<u8>>,
}

/// Those of `ids` that are for `viewer`, in that order.
///
/// # Errors
/// The database's.
pub(crate) async fn views(pool: &PgPool, ids: &[i64], viewer: Option<UserId>) -> Answer<Vec<StyleView>> {
    views_in(&mut *pool.acquire().await?, ids, viewer).await
}

/// As [`views`], where something may have been written that nobody else sees yet.
pub(super) async fn views_in(db: &mut PgConnection, ids: &[i64], viewer: Option<UserId>) -> Answer<Vec<StyleView>> {
    let rows = sqlx::query_as!(
        StyleRow,
        r#"SELECT styles.id AS "id: StyleId", styles.description, styles.valid_from, styles.valid_to, styles.created_at,
                  styles.updated_at, styles.training_status, styles.training_progress, styles.is_active, styles.is_flagged,
                  coalesce(styles.artist_id = $2, FALSE) AS "own!",
                  (SELECT count(*) FROM artworks WHERE style_id = styles.id) AS "artworks!",
                  (SELECT count(*) FROM artworks WHERE style_id = styles.id AND is_valid) AS "artworks_valid!",
                  newest.number AS "number?", newest.base_model AS "base_model?",
                  newest.bytes AS "bytes?", newest.sha256 AS "sha256?"
             FROM unnest($1::bigint[]) WITH ORDINALITY AS wanted(id, place)
             JOIN styles ON styles.id = wanted.id
             JOIN users ON users.id = styles.artist_id
        LEFT JOIN LATERAL (
                      SELECT number, base_model, bytes, sha256
                        FROM style_versions
                       WHERE style_id = styles.id
                    ORDER BY number DESC
                       LIMIT 1
                  ) AS newest ON TRUE
            WHERE styles.artist_id = $2
               OR (styles.published_at IS NOT NULL AND styles.is_active AND NOT styles.is_flagged AND users.is_active)
         ORDER BY wanted.place"#,
        ids,
        viewer.map(UserId::get),
    )
    .fetch_all(&mut *db)
    .await?;
    let ids: Vec<StyleId> = rows.iter().map(|row| row.id).collect();
    let cards = cards(db, &ids).await?;
    rows.into_iter()
        .zip(cards)
        .map(|(row, card)| shown(row, card))
        .collect()
}

fn shown(row: StyleRow, card: StyleCard) -> Answer<StyleView> {
    let version = match (row.number, row.base_model, row.bytes, row.sha256) {
        (Some(number), Some(base_model), Some(bytes), Some(sha256)) => {
            Some(version(number, base_model, bytes, &sha256)?)
        }
        _ => None,
    };
    let workshop = row.own.then(|| StyleWorkshop {
        training_status: row.training_status.parse().unwrap_or(TrainingStatus::Failed),
        training_progress: row
            .training_progress
            .and_then(|json| serde_json::from_value::<TrainingProgress>(json).ok()),
        artworks_valid: u32::try_from(row.artworks_valid).unwrap_or(u32::MAX),
        artworks: u32::try_from(row.artworks).unwrap_or(u32::MAX),
        is_active: row.is_active,
        is_flagged: row.is_flagged,
    });
    Ok(StyleView {
        card,
        description: row.description,
        valid_from: row.valid_from,
        valid_to: row.valid_to,
        version,
        workshop,
        created_at: row.created_at,
        updated_at: row.updated_at,
    })
}

pub(crate) fn version(number: i32, base_model: String, bytes: i64, sha256: &[u8]) -> Answer<StyleVersion> {
    Ok(StyleVersion {
        number: column(u32::try_from(number))?,
        base_model,
        bytes: column(u64::try_from(bytes))?,
        sha256: column(Sha256::try_from(sha256))?,
    })
}

struct CardRow {
    id: StyleId,
    name: String,
    artist: UserId,
    artist_name: String,
    has_thumbnail: bool,
    updated_at: DateTime<Utc>,
    generation_cost_tokens: i64,
    license_type: String,
    usage_count: i32,
    published_at: Option<DateTime<Utc>>,
    tags: Vec<String>,
}

/// Cards of these styles, in the order of `ids`. Who may see them is for the caller to know.
pub(crate) async fn cards(db: impl PgExecutor<'_>, ids: &[StyleId]) -> Answer<Vec<StyleCard>> {
    let ids: Vec<i64> = ids.iter().map(|id| id.get()).collect();
    let rows = sqlx::query_as!(
        CardRow,
        r#"SELECT styles.id AS "id: StyleId", styles.name, styles.artist_id AS "artist: UserId",
                  coalesce(artists.artist_name, users.username) AS "artist_name!",
                  styles.thumbnail_url IS NOT NULL AS "has_thumbnail!", styles.updated_at,
                  styles.generation_cost_tokens, styles.license_type, styles.usage_count, styles.published_at,
                  ARRAY(SELECT tags.name
                          FROM style_tags
                          JOIN tags ON tags.id = style_tags.tag_id
                         WHERE style_tags.style_id = styles.id
                      ORDER BY style_tags.sequence) AS "tags!: Vec<String>"
             FROM unnest($1::bigint[]) WITH ORDINALITY AS wanted(id, place)
             JOIN styles ON styles.id = wanted.id
             JOIN users ON users.id = styles.artist_id
        LEFT JOIN artists ON artists.user_id = users.id
         ORDER BY wanted.place"#,
        &ids,
    )
    .fetch_all(db)
    .await?;
    rows.into_iter().map(card).collect()
}

fn card(row: CardRow) -> Answer<StyleCard> {
    Ok(StyleCard {
        id: row.id,
        name: row.name,
        artist: row.artist,
        artist_name: row.artist_name,
        // The time of the last change makes a changed picture another address, for caches.
        thumbnail_url: row
            .has_thumbnail
            .then(|| format!("/styles/{}/thumbnail?v={}", row.id, row.updated_at.timestamp())),
        generation_cost_tokens: column(row.generation_cost_tokens.try_into())?,
        license_type: column(row.license_type.parse())?,
        usage_count: u32::try_from(row.usage_count).unwrap_or(0),
        published_at: row.published_at,
        tags: parsed(&row.tags),
    })
}
