//! Generations: what people made, are making, and show to others.
//!
//! A paid one is made by a ticket (`tickets`) or a voucher (`vouchers`); with one's own style or a free one it is reported when it is
//! there. A picture is shown to others only when it is completed and uploaded: one that was paid back is neither.

mod attempts;
mod claims;
mod journal;
mod listing;
mod news;
mod reserve;
pub(crate) mod sweep;
pub(crate) mod tickets;
mod view;
pub(crate) mod void;
mod vouchers;

use atelier_contract::{
    GenerationChange, GenerationId, GenerationView, MadeGeneration, Refusal, StyleId, UploadPurpose, UserId,
};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use sqlx::{PgPool, PgTransaction};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::caller::{Caller, MaybeCaller};
use crate::feed::{Change, Changes, append};
use crate::idempotency::{self, IdempotencyKey};
use crate::refused::{Answer, Refused};
use crate::resources::styles::{check_description, today};
use crate::resources::{styles, tags, uploads};

pub(crate) use view::{view, views};
pub(crate) use vouchers::views as voucher_views;

pub(crate) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(listing::list, reserve::reserve))
        .routes(routes!(listing::mine))
        .routes(routes!(news::news))
        .routes(routes!(report_made))
        .routes(routes!(show, change))
        .routes(routes!(picture))
        .routes(routes!(tickets::show))
        .routes(routes!(attempts::begin))
        .routes(routes!(attempts::heartbeat))
        .routes(routes!(attempts::fail))
        .routes(routes!(tickets::commit))
        .routes(routes!(tickets::complete))
        .routes(routes!(void::give_back))
        .routes(routes!(vouchers::list, vouchers::buy))
        .routes(routes!(journal::push))
}

/// A generation, as far as it is for the caller.
#[utoipa::path(get, path = "/generations/{id}", tag = "generations", security((), ("bearer" = [])), params(("id" = GenerationId, Path)),
    responses((status = 200, body = GenerationView)))]
async fn show(
    State(app): State<App>,
    MaybeCaller(caller): MaybeCaller,
    Path(id): Path<GenerationId>,
) -> Answer<Json<GenerationView>> {
    Ok(Json(view(&app.pool, id, caller.map(|caller| caller.user)).await?))
}

/// Reports a picture that needed no ticket: made with one's own style, or with a free one.
#[utoipa::path(post, path = "/generations/made", tag = "generations", request_body = MadeGeneration,
    params(("Idempotency-Key" = String, Header)), responses((status = 201, body = GenerationView)))]
async fn report_made(
    State(app): State<App>,
    caller: Caller,
    key: IdempotencyKey,
    Json(request): Json<MadeGeneration>,
) -> Answer<(StatusCode, Json<GenerationView>)> {
    let made = idempotency::once(
        &app,
        caller.user,
        &key,
        "POST /generations/made",
        &request,
        async |tx| {
            let id = made_in(tx, caller.user, &request).await?;
            view(&mut **tx, id, Some(caller.user)).await
        },
    )
    .await?;
    Ok((StatusCode::CREATED, Json(made)))
}

async fn made_in(tx: &mut PgTransaction<'_>, user: UserId, request: &MadeGeneration) -> Answer<GenerationId> {
    let style = sqlx::query!(
        r#"SELECT styles.name,
                  styles.artist_id = $2 AS "own!",
                  styles.published_at IS NOT NULL AND styles.is_active AND NOT styles.is_flagged
                      AND styles.valid_from <= $3 AND (styles.valid_to IS NULL OR styles.valid_to >= $3)
                      AND users.is_active AS "put_up!",
                  styles.training_status = 'completed' AS "trained!",
                  styles.generation_cost_tokens
             FROM styles
             JOIN users ON users.id = styles.artist_id
            WHERE styles.id = $1"#,
        request.style.get(),
        user.get(),
        today(),
    )
    .fetch_optional(&mut **tx)
    .await?
    .filter(|style| style.own || style.put_up)
    .ok_or_else(|| styles::unknown(request.style))?;
    if !style.trained {
        return Err(Refusal::StyleNotTrained { style: style.name }.into());
    }
    if !style.own && style.generation_cost_tokens > 0 {
        return Err(Refusal::PriceDiffers {
            style: style.name,
            cost: style.generation_cost_tokens,
            expected: 0,
        }
        .into());
    }
    let tags: Vec<i64> = tags::ids(tx, &request.tags).await?.into_iter().map(i64::from).collect();
    let id = sqlx::query_scalar!(
        r#"WITH made AS (
               INSERT INTO generations (user_id, style_id, aspect_ratio, seed, status)
               VALUES ($1, $2, $3, $4, 'completed')
            RETURNING id
           ), tagged AS (
               INSERT INTO generation_tags (generation_id, tag_id, sequence)
               SELECT made.id, given.tag_id, given.place
                 FROM made, unnest($5::bigint[]) WITH ORDINALITY AS given(tag_id, place)
           )
           SELECT id AS "id!: GenerationId" FROM made"#,
        user.get(),
        request.style.get(),
        request.aspect_ratio.as_str(),
        request.seed.to_column(),
        &tags,
    )
    .fetch_one(&mut **tx)
    .await?;
    append(tx, user, Change::Generation(id)).await?;
    Ok(id)
}

/// Brings the picture, its description, and whether everybody sees it.
#[utoipa::path(patch, path = "/generations/{id}", tag = "generations", params(("id" = GenerationId, Path)),
    request_body = GenerationChange, responses((status = 200, body = GenerationView)))]
async fn change(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<GenerationId>,
    Json(request): Json<GenerationChange>,
) -> Answer<Json<GenerationView>> {
    let mut tx = app.pool.begin().await?;
    let mut changes = Changes::default();
    change_in(&mut tx, caller.user, id, &request, &mut changes).await?;
    changes.append(&mut tx).await?;
    tx.commit().await?;
    Ok(Json(view(&app.pool, id, Some(caller.user)).await?))
}

/// Changes a generation of `user`'s.
///
/// # Errors
/// [`Refusal::GenerationUnknown`] for one that is not theirs, [`Refusal::GenerationNotShowable`], [`Refusal::GenerationHidden`],
/// [`Refusal::UploadUnknown`].
pub(crate) async fn change_in(
    tx: &mut PgTransaction<'_>,
    user: UserId,
    id: GenerationId,
    request: &GenerationChange,
    changes: &mut Changes,
) -> Answer<()> {
    check_description(request.description.as_deref())?;
    let row = sqlx::query!(
        r#"SELECT status, result_url IS NOT NULL AS "has_result!"
             FROM generations
            WHERE id = $1 AND user_id = $2
              FOR NO KEY UPDATE"#,
        id.get(),
        user.get(),
    )
    .fetch_optional(&mut **tx)
    .await?
    .ok_or_else(|| unknown(id))?;
    let completed = row.status == "completed";
    let publishes = request.is_public == Some(true);
    if (request.result.is_some() && (!completed || row.has_result))
        || (publishes && !(completed && (row.has_result || request.result.is_some())))
    {
        return Err(Refusal::GenerationNotShowable { generation: id.get() }.into());
    }
    if publishes {
        require_not_hidden(tx, id).await?;
    }
    let result = match request.result {
        Some(upload) => Some(
            uploads::take(tx, upload, user, UploadPurpose::Picture)
                .await?
                .object_key,
        ),
        None => None,
    };
    sqlx::query!(
        r#"UPDATE generations
              SET result_url = coalesce($2, result_url),
                  description = CASE WHEN $3::text IS NULL THEN description ELSE nullif($3, '') END,
                  is_public = coalesce($4, is_public),
                  updated_at = now()
            WHERE id = $1"#,
        id.get(),
        result,
        request.description,
        request.is_public,
    )
    .execute(&mut **tx)
    .await?;
    changes.note(user, Change::Generation(id));
    Ok(())
}

/// Refuses to show what an operator took out of the gallery. Asked after the generation's row is locked: what waited for the lock sees
/// what was done meanwhile.
async fn require_not_hidden(tx: &mut PgTransaction<'_>, id: GenerationId) -> Answer<()> {
    let hidden = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM hidden_generations WHERE generation_id = $1) AS "hidden!""#,
        id.get(),
    )
    .fetch_one(&mut **tx)
    .await?;
    if hidden {
        return Err(Refusal::GenerationHidden { generation: id.get() }.into());
    }
    Ok(())
}

/// Whose it is, if `viewer` may see it.
///
/// # Errors
/// [`Refusal::GenerationUnknown`].
pub(crate) async fn owner_of_visible(tx: &mut PgTransaction<'_>, id: GenerationId, viewer: UserId) -> Answer<UserId> {
    sqlx::query_scalar!(
        r#"SELECT generations.user_id AS "owner: UserId"
             FROM generations
             JOIN users ON users.id = generations.user_id
            WHERE generations.id = $1 AND (generations.user_id = $2 OR (generations.is_public AND users.is_active))"#,
        id.get(),
        viewer.get(),
    )
    .fetch_optional(&mut **tx)
    .await?
    .ok_or_else(|| unknown(id))
}

/// Looks whether `viewer` may see it.
///
/// # Errors
/// [`Refusal::GenerationUnknown`].
pub(crate) async fn visible(pool: &PgPool, id: GenerationId, viewer: Option<UserId>) -> Answer<()> {
    let visible = sqlx::query_scalar!(
        r#"SELECT EXISTS (
               SELECT FROM generations
                 JOIN users ON users.id = generations.user_id
                WHERE generations.id = $1 AND (generations.user_id = $2 OR (generations.is_public AND users.is_active))
           ) AS "visible!""#,
        id.get(),
        viewer.map(UserId::get),
    )
    .fetch_one(pool)
    .await?;
    if visible { Ok(()) } else { Err(unknown(id)) }
}

/// The picture itself.
#[utoipa::path(get, path = "/generations/{id}/picture", tag = "generations", security((), ("bearer" = [])), params(("id" = GenerationId, Path)),
    responses((status = 200, content_type = "image/png"), (status = 307)))]
async fn picture(
    State(app): State<App>,
    MaybeCaller(caller): MaybeCaller,
    Path(id): Path<GenerationId>,
) -> Answer<Response> {
    let key = sqlx::query_scalar!(
        r#"SELECT generations.result_url AS "key!"
             FROM generations
             JOIN users ON users.id = generations.user_id
            WHERE generations.id = $1
              AND generations.result_url IS NOT NULL
              AND (generations.user_id = $2 OR (generations.is_public AND users.is_active))"#,
        id.get(),
        caller.map(|caller| caller.user.get()),
    )
    .fetch_optional(&app.pool)
    .await?
    .ok_or_else(|| unknown(id))?;
    uploads::serve(&app, &key).await
}

pub(crate) fn unknown(id: GenerationId) -> Refused {
    Refusal::GenerationUnknown { generation: id.get() }.into()
}

/// What a reservation or a purchase of vouchers needs to know of a style that is put up.
struct ForSale {
    artist: UserId,
    cost: i64,
    version: i64,
    version_number: i32,
}

/// The style, if `buyer` may buy pictures of it at `expected` now.
async fn for_sale(tx: &mut PgTransaction<'_>, style: StyleId, buyer: UserId, expected: i64) -> Answer<ForSale> {
    let row = sqlx::query!(
        r#"SELECT styles.name, styles.artist_id AS "artist: UserId", styles.generation_cost_tokens AS cost,
                  styles.published_at IS NOT NULL AS "put_up!",
                  styles.is_active AND NOT styles.is_flagged AND styles.training_status = 'completed'
                      AND styles.valid_from <= $2 AND (styles.valid_to IS NULL OR styles.valid_to >= $2)
                      AND users.is_active AS "usable!",
                  newest.id AS "version?", newest.number AS "version_number?"
             FROM styles
             JOIN users ON users.id = styles.artist_id
        LEFT JOIN LATERAL (
                      SELECT id, number
                        FROM style_versions
                       WHERE style_id = styles.id
                    ORDER BY number DESC
                       LIMIT 1
                  ) AS newest ON TRUE
            WHERE styles.id = $1"#,
        style.get(),
        today(),
    )
    .fetch_optional(&mut **tx)
    .await?
    .filter(|row| row.put_up || row.artist == buyer)
    .ok_or_else(|| styles::unknown(style))?;
    if row.artist == buyer || row.cost == 0 {
        return Err(Refusal::RequestInvalid {
            reason: "one's own styles and free ones need no ticket".to_owned(),
        }
        .into());
    }
    let (Some(version), Some(version_number), true) = (row.version, row.version_number, row.usable) else {
        return Err(Refusal::StyleUnavailable { style: row.name }.into());
    };
    if row.cost != expected {
        return Err(Refusal::PriceDiffers {
            style: row.name,
            cost: row.cost,
            expected,
        }
        .into());
    }
    Ok(ForSale {
        artist: row.artist,
        cost: row.cost,
        version,
        version_number,
    })
}
