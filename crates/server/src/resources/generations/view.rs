//! How a generation looks to its maker and to others.

use atelier_contract::{AspectRatio, GenerationId, GenerationProgress, GenerationView, Seed, StyleId, UserId};
use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

use super::unknown;
use crate::columns::{column, parsed};
use crate::refused::Answer;

struct Row {
    id: GenerationId,
    user: UserId,
    username: String,
    style: Option<StyleId>,
    style_name: Option<String>,
    aspect_ratio: String,
    seed: Option<i64>,
    consumed_tokens: i64,
    status: String,
    generation_progress: Option<serde_json::Value>,
    has_result: bool,
    description: Option<String>,
    tags: Vec<String>,
    like_count: i32,
    comment_count: i32,
    is_public: bool,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

/// One, if it is for `viewer`.
///
/// # Errors
/// [`atelier_contract::Refusal::GenerationUnknown`] when it is neither theirs nor public.
pub(crate) async fn view(db: impl PgExecutor<'_>, id: GenerationId, viewer: Option<UserId>) -> Answer<GenerationView> {
    views(db, &[id], viewer).await?.pop().ok_or_else(|| unknown(id))
}

/// Those of `ids` that are for `viewer`, in that order.
pub(crate) async fn views(
    db: impl PgExecutor<'_>,
    ids: &[GenerationId],
    viewer: Option<UserId>,
) -> Answer<Vec<GenerationView>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<i64> = ids.iter().map(|id| id.get()).collect();
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT generations.id AS "id: GenerationId", generations.user_id AS "user: UserId", users.username,
                  generations.style_id AS "style: StyleId", styles.name AS "style_name?",
                  generations.aspect_ratio, generations.seed, generations.consumed_tokens, generations.status,
                  generations.generation_progress, generations.result_url IS NOT NULL AS "has_result!",
                  generations.description, generations.like_count, generations.comment_count, generations.is_public,
                  generations.created_at, generations.updated_at,
                  ARRAY(SELECT tags.name
                          FROM generation_tags
                          JOIN tags ON tags.id = generation_tags.tag_id
                         WHERE generation_tags.generation_id = generations.id
                      ORDER BY generation_tags.sequence) AS "tags!: Vec<String>"
             FROM unnest($1::bigint[]) WITH ORDINALITY AS wanted(id, place)
             JOIN generations ON generations.id = wanted.id
             JOIN users ON users.id = generations.user_id
        LEFT JOIN styles ON styles.id = generations.style_id
            WHERE generations.user_id = $2 OR (generations.is_public AND users.is_active)
         ORDER BY wanted.place"#,
        &ids,
        viewer.map(UserId::get),
    )
    .fetch_all(db)
    .await?;
    rows.into_iter().map(|row| shown(row, viewer)).collect()
}

fn shown(row: Row, viewer: Option<UserId>) -> Answer<GenerationView> {
    let own = viewer == Some(row.user);
    Ok(GenerationView {
        id: row.id,
        user: row.user,
        username: row.username,
        style: row.style,
        style_name: row.style_name,
        aspect_ratio: row.aspect_ratio.parse().unwrap_or(AspectRatio::Square),
        seed: row.seed.filter(|_| own).map(Seed::from_column),
        consumed_tokens: if own {
            Some(column(row.consumed_tokens.try_into())?)
        } else {
            None
        },
        status: column(row.status.parse())?,
        generation_progress: row
            .generation_progress
            .and_then(|json| serde_json::from_value::<GenerationProgress>(json).ok()),
        result_url: row.has_result.then(|| format!("/generations/{}/picture", row.id)),
        description: row.description,
        tags: parsed(&row.tags),
        like_count: u32::try_from(row.like_count).unwrap_or(0),
        comment_count: u32::try_from(row.comment_count).unwrap_or(0),
        is_public: row.is_public,
        created_at: row.created_at,
        updated_at: row.updated_at,
    })
}
