//! Styles: begun by an artist, trained on artworks, put up for others on the artist's terms.
//!
//! `pending → training → completed | failed`; only a completed one is put up, and a used one is never deleted. Others see a style
//! while it is put up, in use and not flagged; its artist always does.

mod listing;
mod package;
mod terms;
mod training;
mod view;

use atelier_contract::{
    DESCRIPTION_CHARS_MAX, NewStyle, Page, Refusal, STYLE_NAME_CHARS_MAX, StyleCard, StyleChange, StyleId, StyleView,
    Tag, UploadPurpose, UserId,
};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{NaiveDate, Utc};
use sqlx::PgTransaction;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::caller::{ArtistCaller, Caller, MaybeCaller};
use crate::feed::{self, Change};
use crate::idempotency::{self, IdempotencyKey};
use crate::refused::{Answer, Refused};
use crate::resources::{tags, uploads};

pub(crate) use package::{Version, device_of, package};
pub(crate) use view::views;
use view::{view, views_in};

pub(crate) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(listing::list, create))
        .routes(routes!(listing::mine))
        .routes(routes!(show, change, remove))
        .routes(routes!(thumbnail))
        .routes(routes!(training::report))
        .routes(routes!(terms::put_up, terms::take_down))
        .routes(routes!(package::fetch))
        .routes(routes!(package::lora))
}

/// Begins a style.
#[utoipa::path(post, path = "/styles", tag = "styles", request_body = NewStyle,
    params(("Idempotency-Key" = String, Header)), responses((status = 201, body = StyleView)))]
async fn create(
    State(app): State<App>,
    ArtistCaller(caller): ArtistCaller,
    key: IdempotencyKey,
    Json(request): Json<NewStyle>,
) -> Answer<(StatusCode, Json<StyleView>)> {
    check_name(&request.name)?;
    check_description(request.description.as_deref())?;
    let styles_max = app.config.styles_per_artist_max;
    let begun = idempotency::once(&app, caller.user, &key, "POST /styles", &request, async |tx| {
        let id = create_in(tx, caller.user, &request, styles_max).await?;
        let view = views_in(tx, &[id.get()], Some(caller.user)).await?.pop();
        view.ok_or_else(|| unknown(id))
    })
    .await?;
    Ok((StatusCode::CREATED, Json(begun)))
}

async fn create_in(tx: &mut PgTransaction<'_>, artist: UserId, request: &NewStyle, styles_max: u32) -> Answer<StyleId> {
    // The artist's own row, so that two requests at once do not both find room for one more.
    sqlx::query_scalar!("SELECT id FROM users WHERE id = $1 FOR NO KEY UPDATE", artist.get())
        .fetch_one(&mut **tx)
        .await?;
    let there = sqlx::query_scalar!(
        r#"SELECT count(*) AS "there!" FROM styles WHERE artist_id = $1 AND is_active"#,
        artist.get(),
    )
    .fetch_one(&mut **tx)
    .await?;
    if there >= i64::from(styles_max) {
        return Err(Refusal::StyleLimitReached { styles_max }.into());
    }
    let id = sqlx::query_scalar!(
        r#"INSERT INTO styles (artist_id, name, description)
           VALUES ($1, $2, nullif($3, ''))
        RETURNING id AS "id: StyleId""#,
        artist.get(),
        request.name,
        request.description,
    )
    .fetch_one(&mut **tx)
    .await
    .map_err(name_taken(&request.name))?;
    set_tags(tx, id, &request.tags).await?;
    feed::append(tx, artist, Change::Style(id)).await?;
    Ok(id)
}

/// A style with everything that is told of it.
#[utoipa::path(get, path = "/styles/{id}", tag = "styles", security((), ("bearer" = [])), params(("id" = StyleId, Path)),
    responses((status = 200, body = StyleView)))]
async fn show(
    State(app): State<App>,
    MaybeCaller(caller): MaybeCaller,
    Path(id): Path<StyleId>,
) -> Answer<Json<StyleView>> {
    // From the primary: an artist reads what was just written.
    Ok(Json(view(&app.pool, id, caller.map(|caller| caller.user)).await?))
}

/// Changes what is told of a style.
#[utoipa::path(patch, path = "/styles/{id}", tag = "styles", params(("id" = StyleId, Path)), request_body = StyleChange,
    responses((status = 200, body = StyleView)))]
async fn change(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<StyleId>,
    Json(request): Json<StyleChange>,
) -> Answer<Json<StyleView>> {
    if let Some(name) = &request.name {
        check_name(name)?;
    }
    check_description(request.description.as_deref())?;
    let styles_max = app.config.styles_per_artist_max;
    let mut tx = app.pool.begin().await?;
    let own = lock_own(&mut tx, caller.user, id).await?;
    if request.is_active == Some(true) && !own.is_active {
        require_not_suspended(&mut tx, id, &own).await?;
        let others = sqlx::query_scalar!(
            r#"SELECT count(*) AS "others!" FROM styles WHERE artist_id = $1 AND is_active"#,
            caller.user.get(),
        )
        .fetch_one(&mut *tx)
        .await?;
        if others >= i64::from(styles_max) {
            return Err(Refusal::StyleLimitReached { styles_max }.into());
        }
    }
    let thumbnail = match request.thumbnail {
        Some(upload) => Some(
            uploads::take(&mut tx, upload, caller.user, UploadPurpose::Thumbnail)
                .await?
                .object_key,
        ),
        None => None,
    };
    sqlx::query!(
        r#"UPDATE styles
              SET name = coalesce($2, name),
                  description = CASE WHEN $3::text IS NULL THEN description ELSE nullif($3, '') END,
                  thumbnail_url = coalesce($4, thumbnail_url),
                  is_active = coalesce($5, is_active),
                  updated_at = now()
            WHERE id = $1"#,
        id.get(),
        request.name,
        request.description,
        thumbnail,
        request.is_active,
    )
    .execute(&mut *tx)
    .await
    .map_err(name_taken(request.name.as_deref().unwrap_or_default()))?;
    if let Some(tags) = &request.tags {
        sqlx::query!("DELETE FROM style_tags WHERE style_id = $1", id.get())
            .execute(&mut *tx)
            .await?;
        set_tags(&mut tx, id, tags).await?;
    }
    feed::append(&mut tx, caller.user, Change::Style(id)).await?;
    tx.commit().await?;
    Ok(Json(view(&app.pool, id, Some(caller.user)).await?))
}

/// Deletes a style that nobody ever used; its artworks go with it. A used one can only be taken out of use.
#[utoipa::path(delete, path = "/styles/{id}", tag = "styles", params(("id" = StyleId, Path)), responses((status = 204)))]
async fn remove(State(app): State<App>, caller: Caller, Path(id): Path<StyleId>) -> Answer<StatusCode> {
    let mut tx = app.pool.begin().await?;
    let own = lock_own(&mut tx, caller.user, id).await?;
    sqlx::query!("DELETE FROM styles WHERE id = $1", id.get())
        .execute(&mut *tx)
        .await
        .map_err(|error| match &error {
            sqlx::Error::Database(database) if database.is_foreign_key_violation() => {
                Refused::from(Refusal::StyleInUse { style: own.name })
            }
            _ => error.into(),
        })?;
    feed::append(&mut tx, caller.user, Change::Style(id)).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A style's picture.
#[utoipa::path(get, path = "/styles/{id}/thumbnail", tag = "styles", security((), ("bearer" = [])), params(("id" = StyleId, Path)),
    responses((status = 200, content_type = "image/png"), (status = 307)))]
async fn thumbnail(
    State(app): State<App>,
    MaybeCaller(caller): MaybeCaller,
    Path(id): Path<StyleId>,
) -> Answer<Response> {
    let viewer = caller.map(|caller| caller.user.get());
    let key = sqlx::query_scalar!(
        r#"SELECT styles.thumbnail_url AS "key!"
             FROM styles
             JOIN users ON users.id = styles.artist_id
            WHERE styles.id = $1
              AND styles.thumbnail_url IS NOT NULL
              AND (styles.artist_id = $2
                   OR (styles.published_at IS NOT NULL AND styles.is_active AND NOT styles.is_flagged AND users.is_active))"#,
        id.get(),
        viewer,
    )
    .fetch_optional(&app.pool)
    .await?
    .ok_or_else(|| unknown(id))?;
    uploads::serve(&app, &key).await
}

/// What a write needs to know of a style that the caller owns; its row is locked.
pub(crate) struct Own {
    pub(crate) name: String,
    pub(crate) training_status: String,
    pub(crate) is_active: bool,
    pub(crate) is_flagged: bool,
}

/// Locks the artist's row, then the style's; whoever only refers to it, as every sale does, is let pass. `StyleUnknown` when it is somebody
/// else's: who may not see a draft does not learn of it.
pub(crate) async fn lock_own(tx: &mut PgTransaction<'_>, artist: UserId, id: StyleId) -> Answer<Own> {
    sqlx::query_scalar!("SELECT id FROM users WHERE id = $1 FOR NO KEY UPDATE", artist.get())
        .fetch_one(&mut **tx)
        .await?;
    sqlx::query_as!(
        Own,
        r#"SELECT name, training_status, is_active, is_flagged
             FROM styles
            WHERE id = $1 AND artist_id = $2
              FOR NO KEY UPDATE"#,
        id.get(),
        artist.get(),
    )
    .fetch_optional(&mut **tx)
    .await?
    .ok_or_else(|| unknown(id))
}

/// Refuses to put back what an operator took out of use. Asked after the style's row is locked: what waited for the lock sees what was
/// done meanwhile.
async fn require_not_suspended(tx: &mut PgTransaction<'_>, id: StyleId, own: &Own) -> Answer<()> {
    let suspended = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM suspended_styles WHERE style_id = $1) AS "suspended!""#,
        id.get(),
    )
    .fetch_one(&mut **tx)
    .await?;
    if suspended {
        let style = own.name.clone();
        return Err(Refusal::StyleSuspended { style }.into());
    }
    Ok(())
}

pub(crate) fn unknown(id: StyleId) -> Refused {
    Refusal::StyleUnknown { style: id.to_string() }.into()
}

async fn set_tags(tx: &mut PgTransaction<'_>, style: StyleId, tags: &[Tag]) -> Answer<()> {
    let ids: Vec<i64> = tags::ids(tx, tags).await?.into_iter().map(i64::from).collect();
    sqlx::query!(
        r#"INSERT INTO style_tags (style_id, tag_id, sequence)
           SELECT $1, tag_id, place
             FROM unnest($2::bigint[]) WITH ORDINALITY AS given(tag_id, place)"#,
        style.get(),
        &ids,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

fn check_name(name: &str) -> Result<(), Refusal> {
    let chars = name.chars().count();
    if name.trim() != name || chars == 0 || name.chars().any(char::is_control) {
        return Err(Refusal::RequestInvalid {
            reason: "a name has no control characters and no space at its ends".to_owned(),
        });
    }
    in_range("name", chars, 1, STYLE_NAME_CHARS_MAX)
}

pub(crate) fn check_description(description: Option<&str>) -> Result<(), Refusal> {
    let description = description.unwrap_or_default();
    if description.contains('\0') {
        return Err(Refusal::RequestInvalid {
            reason: "a description has no control characters".to_owned(),
        });
    }
    in_range("description", description.chars().count(), 0, DESCRIPTION_CHARS_MAX)
}

fn in_range(name: &str, value: usize, min: usize, max: usize) -> Result<(), Refusal> {
    if (min..=max).contains(&value) {
        return Ok(());
    }
    Err(Refusal::NumberOutOfRange {
        name: format!("{name}, characters"),
        value: value.to_string(),
        min: min.to_string(),
        max: max.to_string(),
    })
}

fn name_taken(name: &str) -> impl FnOnce(sqlx::Error) -> Refused {
    move |error| match &error {
        sqlx::Error::Database(database) if database.constraint() == Some("unique_artist_style_name") => {
            Refusal::StyleNameTaken { style: name.to_owned() }.into()
        }
        _ => error.into(),
    }
}

/// Today, where the days of a style's terms are counted: in UTC.
pub(crate) fn today() -> NaiveDate {
    Utc::now().date_naive()
}

type StylePage = Page<StyleCard>;
