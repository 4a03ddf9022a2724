//! How a training goes, as the artist's studio reports it.

use atelier_contract::{
    NotificationType, Refusal, STYLE_ARTWORKS_MAX, STYLE_ARTWORKS_MIN, StyleId, StyleView, TargetType, TrainingReport,
    TrainingStatus, UploadPurpose, UserId,
};
use axum::Json;
use axum::extract::{Path, State};
use sqlx::PgTransaction;

use super::view::view;
use super::{Own, lock_own};
use crate::app::App;
use crate::caller::Caller;
use crate::columns::column;
use crate::feed::{self, Change};
use crate::notices::{self, NewNotice};
use crate::refused::Answer;
use crate::resources::uploads;

/// Where a training stands. A report of the present status again brings progress only; a move that is not allowed is refused.
#[utoipa::path(put, path = "/styles/{id}/training", tag = "styles", params(("id" = StyleId, Path)),
    request_body = TrainingReport, responses((status = 200, body = StyleView)))]
pub(crate) async fn report(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<StyleId>,
    Json(request): Json<TrainingReport>,
) -> Answer<Json<StyleView>> {
    let mut tx = app.pool.begin().await?;
    let own = lock_own(&mut tx, caller.user, id).await?;
    let present: TrainingStatus = column(own.training_status.parse())?;
    let next = request.status;
    if present != next {
        if !present.may_become(next) {
            return Err(Refusal::TrainingMoveRefused {
                style: own.name,
                from: present.to_string(),
                to: next.to_string(),
            }
            .into());
        }
        if next == TrainingStatus::Training {
            require_artworks(&mut tx, id, &own).await?;
        }
        if next == TrainingStatus::Completed {
            take_lora(&mut tx, caller.user, id, &own, &request).await?;
        }
    }
    // What there is to show while it trains is gone when it ended.
    let progress = (next == TrainingStatus::Training)
        .then_some(request.progress)
        .flatten()
        .and_then(|progress| serde_json::to_value(progress).ok());
    sqlx::query!(
        r#"UPDATE styles
              SET training_status = $2::text,
                  training_progress = CASE WHEN $2::text = 'training' THEN coalesce($3, training_progress) END,
                  training_metric = coalesce($4, training_metric),
                  updated_at = now()
            WHERE id = $1"#,
        id.get(),
        next.as_str(),
        progress,
        request.metric.map(serde_json::Value::Object),
    )
    .execute(&mut *tx)
    .await?;
    if present != next {
        tell(&mut tx, caller.user, id, next).await?;
    }
    feed::append(&mut tx, caller.user, Change::Style(id)).await?;
    tx.commit().await?;
    Ok(Json(view(&app.pool, id, Some(caller.user)).await?))
}

/// Tells the artist that a training ended.
async fn tell(tx: &mut PgTransaction<'_>, artist: UserId, id: StyleId, status: TrainingStatus) -> sqlx::Result<()> {
    let kind = match status {
        TrainingStatus::Completed => NotificationType::StyleTrainingComplete,
        TrainingStatus::Failed => NotificationType::StyleTrainingFailed,
        TrainingStatus::Pending | TrainingStatus::Training => return Ok(()),
    };
    let notice = NewNotice {
        recipient: artist,
        actor: None,
        kind,
        target: Some((TargetType::Style, id.get())),
        metadata: None,
    };
    notices::notify(tx, notice).await
}

async fn require_artworks(tx: &mut PgTransaction<'_>, id: StyleId, own: &Own) -> Answer<()> {
    let valid = sqlx::query_scalar!(
        r#"SELECT count(*) AS "valid!" FROM artworks WHERE style_id = $1 AND is_valid"#,
        id.get(),
    )
    .fetch_one(&mut **tx)
    .await?;
    let valid = u32::try_from(valid).unwrap_or(u32::MAX);
    let style = own.name.clone();
    if valid < STYLE_ARTWORKS_MIN {
        let valid_min = STYLE_ARTWORKS_MIN;
        return Err(Refusal::StyleTooFewArtworks {
            style,
            valid,
            valid_min,
        }
        .into());
    }
    if valid > STYLE_ARTWORKS_MAX {
        let valid_max = STYLE_ARTWORKS_MAX;
        return Err(Refusal::StyleTooManyArtworks {
            style,
            valid,
            valid_max,
        }
        .into());
    }
    Ok(())
}

/// Makes the uploaded LoRA the style's newest version.
async fn take_lora(
    tx: &mut PgTransaction<'_>,
    artist: UserId,
    id: StyleId,
    own: &Own,
    request: &TrainingReport,
) -> Answer<()> {
    let Some(lora) = &request.lora else {
        return Err(Refusal::StyleNotTrained {
            style: own.name.clone(),
        }
        .into());
    };
    if lora.base_model.is_empty() || lora.base_model.chars().count() > 100 || lora.base_model.contains(char::is_control)
    {
        return Err(Refusal::RequestInvalid {
            reason: "base_model has 1 to 100 characters".to_owned(),
        }
        .into());
    }
    let file = uploads::take(tx, lora.upload, artist, UploadPurpose::Lora).await?;
    let content_key = file.content_key.ok_or(Refusal::UploadUnknown {
        upload: lora.upload.get(),
    })?;
    sqlx::query!(
        r#"INSERT INTO style_versions (style_id, number, object_key, bytes, sha256, base_model, content_key)
           SELECT $1, coalesce(max(number), 0) + 1, $2, $3, $4, $5, $6
             FROM style_versions
            WHERE style_id = $1"#,
        id.get(),
        file.object_key,
        file.bytes,
        file.sha256,
        lora.base_model,
        content_key,
    )
    .execute(&mut **tx)
    .await?;
    sqlx::query!(
        "UPDATE styles SET model_path = $2 WHERE id = $1",
        id.get(),
        file.object_key
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}
