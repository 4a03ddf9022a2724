//! On what terms others may use a style, and since when.

use atelier_contract::{Refusal, StyleId, StyleTerms, StyleView};
use axum::Json;
use axum::extract::{Path, State};

use super::view::view;
use super::{lock_own, today};
use crate::app::App;
use crate::caller::Caller;
use crate::feed::{self, Change};
use crate::refused::Answer;

/// Price that no style may exceed, so that a sum over many stays far within 63 bits.
const COST_TOKENS_MAX: i64 = 1_000_000;

/// Puts a completed style up for others, or changes its terms. Tickets already bought keep theirs.
#[utoipa::path(put, path = "/styles/{id}/terms", tag = "styles", params(("id" = StyleId, Path)),
    request_body = StyleTerms, responses((status = 200, body = StyleView)))]
pub(crate) async fn put_up(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<StyleId>,
    Json(request): Json<StyleTerms>,
) -> Answer<Json<StyleView>> {
    if request.generation_cost_tokens.get() > COST_TOKENS_MAX {
        return Err(Refusal::NumberOutOfRange {
            name: "generation_cost_tokens".to_owned(),
            value: request.generation_cost_tokens.get().to_string(),
            min: "0".to_owned(),
            max: COST_TOKENS_MAX.to_string(),
        }
        .into());
    }
    let valid_from = request.valid_from.unwrap_or_else(today);
    if request.valid_to.is_some_and(|last| last < valid_from) {
        return Err(Refusal::RequestInvalid {
            reason: "valid_to comes before valid_from".to_owned(),
        }
        .into());
    }
    let mut tx = app.pool.begin().await?;
    let own = lock_own(&mut tx, caller.user, id).await?;
    if !own.is_active || own.is_flagged {
        return Err(Refusal::StyleUnavailable { style: own.name }.into());
    }
    let moved = sqlx::query!(
        r#"UPDATE styles
              SET generation_cost_tokens = $2,
                  license_type = $3,
                  valid_from = $4,
                  valid_to = $5,
                  published_at = coalesce(published_at, now()),
                  updated_at = now()
            WHERE id = $1
              AND training_status = 'completed'
              AND EXISTS (SELECT FROM style_versions WHERE style_id = $1)"#,
        id.get(),
        request.generation_cost_tokens.get(),
        request.license_type.as_str(),
        valid_from,
        request.valid_to,
    )
    .execute(&mut *tx)
    .await?;
    if moved.rows_affected() == 0 {
        return Err(Refusal::StyleNotTrained { style: own.name }.into());
    }
    feed::append(&mut tx, caller.user, Change::Style(id)).await?;
    tx.commit().await?;
    Ok(Json(view(&app.pool, id, Some(caller.user)).await?))
}

/// Takes a style out of the lists. Tickets already bought are still good.
#[utoipa::path(delete, path = "/styles/{id}/terms", tag = "styles", params(("id" = StyleId, Path)),
    responses((status = 200, body = StyleView)))]
pub(crate) async fn take_down(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<StyleId>,
) -> Answer<Json<StyleView>> {
    let mut tx = app.pool.begin().await?;
    lock_own(&mut tx, caller.user, id).await?;
    sqlx::query!(
        "UPDATE styles SET published_at = NULL, updated_at = now() WHERE id = $1",
        id.get()
    )
    .execute(&mut *tx)
    .await?;
    feed::append(&mut tx, caller.user, Change::Style(id)).await?;
    tx.commit().await?;
    Ok(Json(view(&app.pool, id, Some(caller.user)).await?))
}
