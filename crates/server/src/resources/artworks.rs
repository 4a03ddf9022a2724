//! Artworks: the pictures that a style is trained on. Only the style's artist sees them.
//!
//! At most [`STYLE_ARTWORKS_MAX`] a style; a training begins with at least ten valid ones. While it runs, none comes or goes.

use atelier_contract::{
    ArtworkChange, ArtworkId, ArtworkView, NewArtwork, Page, Refusal, STYLE_ARTWORKS_MAX, StyleId, Tag, UploadPurpose,
    UserId,
};
use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, Utc};
use sqlx::{PgPool, PgTransaction};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::caller::Caller;
use crate::columns::parsed;
use crate::feed::{self, Change};
use crate::pages::{OLDEST, PageQuery};
use crate::refused::{Answer, Refused};
use crate::resources::styles::{Own, lock_own, unknown};
use crate::resources::{tags, uploads};

/// Longest reason why an artwork is not valid, in characters.
const REASON_CHARS_MAX: usize = 500;

pub(crate) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list, add))
        .routes(routes!(change, remove))
        .routes(routes!(picture))
}

/// A style's artworks, oldest first.
#[utoipa::path(get, path = "/styles/{id}/artworks", tag = "artworks", params(("id" = StyleId, Path), PageQuery),
    responses((status = 200, body = Page<ArtworkView>)))]
async fn list(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<StyleId>,
    Query(page): Query<PageQuery>,
) -> Answer<Json<Page<ArtworkView>>> {
    let own = sqlx::query_scalar!(
        r#"SELECT TRUE AS "own!" FROM styles WHERE id = $1 AND artist_id = $2"#,
        id.get(),
        caller.user.get(),
    )
    .fetch_optional(&app.pool)
    .await?;
    own.ok_or_else(|| unknown(id))?;
    let ids = sqlx::query_scalar!(
        "SELECT id FROM artworks WHERE style_id = $1 AND id > $2 ORDER BY id LIMIT $3",
        id.get(),
        page.after(OLDEST)?,
        page.rows(),
    )
    .fetch_all(&app.pool)
    .await?;
    let (ids, next) = page.cut(ids, |id| *id)?;
    let items = views(&app.pool, &ids).await?;
    Ok(Json(Page { items, next }))
}

/// Adds an artwork.
#[utoipa::path(post, path = "/styles/{id}/artworks", tag = "artworks", params(("id" = StyleId, Path)),
    request_body = NewArtwork, responses((status = 201, body = ArtworkView)))]
async fn add(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<StyleId>,
    Json(request): Json<NewArtwork>,
) -> Answer<(StatusCode, Json<ArtworkView>)> {
    let mut tx = app.pool.begin().await?;
    let own = lock_own(&mut tx, caller.user, id).await?;
    require_rest(&own)?;
    let there = sqlx::query_scalar!(
        r#"SELECT count(*) AS "there!" FROM artworks WHERE style_id = $1"#,
        id.get(),
    )
    .fetch_one(&mut *tx)
    .await?;
    if there >= i64::from(STYLE_ARTWORKS_MAX) {
        return Err(Refusal::StyleTooManyArtworks {
            style: own.name,
            valid: u32::try_from(there).unwrap_or(u32::MAX).saturating_add(1),
            valid_max: STYLE_ARTWORKS_MAX,
        }
        .into());
    }
    // The upload is used up by this, so that a repeat of the request adds nothing.
    let file = uploads::take(&mut tx, request.upload, caller.user, UploadPurpose::Artwork).await?;
    let artwork = sqlx::query_scalar!(
        "INSERT INTO artworks (style_id, image_url) VALUES ($1, $2) RETURNING id",
        id.get(),
        file.object_key,
    )
    .fetch_one(&mut *tx)
    .await?;
    set_tags(&mut tx, artwork, &request.tags).await?;
    feed::append(&mut tx, caller.user, Change::Style(id)).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(view(&app.pool, artwork).await?)))
}

/// Changes tags, or whether it may be trained on.
#[utoipa::path(patch, path = "/artworks/{id}", tag = "artworks", params(("id" = ArtworkId, Path)),
    request_body = ArtworkChange, responses((status = 200, body = ArtworkView)))]
async fn change(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<ArtworkId>,
    Json(request): Json<ArtworkChange>,
) -> Answer<Json<ArtworkView>> {
    let reason = request.validation_reason.as_deref().unwrap_or_default();
    if reason.chars().count() > REASON_CHARS_MAX || reason.contains('\0') {
        return Err(Refusal::RequestInvalid {
            reason: format!("validation_reason has at most {REASON_CHARS_MAX} characters"),
        }
        .into());
    }
    let mut tx = app.pool.begin().await?;
    let (style, own) = lock_with_style(&mut tx, caller.user, id).await?;
    if request.is_valid.is_some() {
        require_rest(&own)?;
    }
    sqlx::query!(
        r#"UPDATE artworks
              SET is_valid = coalesce($2, is_valid),
                  validation_reason = CASE WHEN coalesce($2, is_valid) THEN NULL ELSE coalesce($3, validation_reason) END
            WHERE id = $1"#,
        id.get(),
        request.is_valid,
        request.validation_reason,
    )
    .execute(&mut *tx)
    .await?;
    if let Some(tags) = &request.tags {
        sqlx::query!("DELETE FROM artwork_tags WHERE artwork_id = $1", id.get())
            .execute(&mut *tx)
            .await?;
        set_tags(&mut tx, id.get(), tags).await?;
    }
    feed::append(&mut tx, caller.user, Change::Style(style)).await?;
    tx.commit().await?;
    Ok(Json(view(&app.pool, id.get()).await?))
}

/// Removes an artwork.
#[utoipa::path(delete, path = "/artworks/{id}", tag = "artworks", params(("id" = ArtworkId, Path)),
    responses((status = 204)))]
async fn remove(State(app): State<App>, caller: Caller, Path(id): Path<ArtworkId>) -> Answer<StatusCode> {
    let mut tx = app.pool.begin().await?;
    let (style, own) = lock_with_style(&mut tx, caller.user, id).await?;
    require_rest(&own)?;
    sqlx::query!("DELETE FROM artworks WHERE id = $1", id.get())
        .execute(&mut *tx)
        .await?;
    feed::append(&mut tx, caller.user, Change::Style(style)).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The picture itself.
#[utoipa::path(get, path = "/artworks/{id}/picture", tag = "artworks", params(("id" = ArtworkId, Path)),
    responses((status = 200, content_type = "image/png"), (status = 307)))]
async fn picture(State(app): State<App>, caller: Caller, Path(id): Path<ArtworkId>) -> Answer<Response> {
    let key = sqlx::query_scalar!(
        r#"SELECT artworks.image_url
             FROM artworks
             JOIN styles ON styles.id = artworks.style_id
            WHERE artworks.id = $1 AND styles.artist_id = $2"#,
        id.get(),
        caller.user.get(),
    )
    .fetch_optional(&app.pool)
    .await?
    .ok_or_else(|| missing(id))?;
    uploads::serve(&app, &key).await
}

fn missing(id: ArtworkId) -> Refused {
    Refusal::ArtworkUnknown { artwork: id.get() }.into()
}

/// Locks the style of an artwork that the caller owns.
async fn lock_with_style(tx: &mut PgTransaction<'_>, artist: UserId, id: ArtworkId) -> Answer<(StyleId, Own)> {
    let style = sqlx::query_scalar!(
        r#"SELECT styles.id AS "id: StyleId"
             FROM artworks
             JOIN styles ON styles.id = artworks.style_id
            WHERE artworks.id = $1 AND styles.artist_id = $2"#,
        id.get(),
        artist.get(),
    )
    .fetch_optional(&mut **tx)
    .await?
    .ok_or_else(|| missing(id))?;
    let own = lock_own(tx, artist, style).await?;
    // Another request may have removed it while this one waited for the style.
    sqlx::query_scalar!("SELECT id FROM artworks WHERE id = $1 FOR UPDATE", id.get())
        .fetch_optional(&mut **tx)
        .await?
        .ok_or_else(|| missing(id))?;
    Ok((style, own))
}

fn require_rest(own: &Own) -> Answer<()> {
    if own.training_status == "training" {
        return Err(Refusal::StyleInTraining {
            style: own.name.clone(),
        }
        .into());
    }
    Ok(())
}

async fn set_tags(tx: &mut PgTransaction<'_>, artwork: i64, tags: &[Tag]) -> Answer<()> {
    let ids: Vec<i64> = tags::ids(tx, tags).await?.into_iter().map(i64::from).collect();
    sqlx::query!(
        r#"INSERT INTO artwork_tags (artwork_id, tag_id, sequence)
           SELECT $1, tag_id, place
             FROM unnest($2::bigint[]) WITH ORDINALITY AS given(tag_id, place)"#,
        artwork,
        &ids,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

async fn view(pool: &PgPool, id: i64) -> Answer<ArtworkView> {
    views(pool, &[id])
        .await?
        .pop()
        .ok_or_else(|| sqlx::Error::RowNotFound.into())
}

struct ArtworkRow {
    id: ArtworkId,
    style: StyleId,
    is_valid: bool,
    validation_reason: Option<String>,
    created_at: DateTime<Utc>,
    tags: Vec<String>,
}

async fn views(pool: &PgPool, ids: &[i64]) -> Answer<Vec<ArtworkView>> {
    let rows = sqlx::query_as!(
        ArtworkRow,
        r#"SELECT artworks.id AS "id: ArtworkId", artworks.style_id AS "style: StyleId", artworks.is_valid,
                  artworks.validation_reason, artworks.created_at,
                  ARRAY(SELECT tags.name
                          FROM artwork_tags
                          JOIN tags ON tags.id = artwork_tags.tag_id
                         WHERE artwork_tags.artwork_id = artworks.id
                      ORDER BY artwork_tags.sequence) AS "tags!: Vec<String>"
             FROM artworks
            WHERE artworks.id = ANY($1)
         ORDER BY artworks.id"#,
        ids,
    )
    .fetch_all(pool)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| ArtworkView {
            id: row.id,
            style: row.style,
            image_url: format!("/artworks/{}/picture", row.id),
            is_valid: row.is_valid,
            validation_reason: row.validation_reason,
            tags: parsed(&row.tags),
            created_at: row.created_at,
        })
        .collect())
}
