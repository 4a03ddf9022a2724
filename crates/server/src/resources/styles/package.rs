//! The LoRA of a style for one device: encrypted at rest, its key wrapped for whoever may use it.

use atelier_contract::{Refusal, SealKey, StyleId, StylePackage, hex};
use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;
use sqlx::PgPool;

use super::view::version;
use super::{today, unknown};
use crate::app::App;
use crate::caller::Caller;
use crate::refused::{Answer, Refused};
use crate::resources::uploads;
use crate::sealing;

/// A row of `style_versions`.
pub(crate) struct Version {
    pub(crate) style: StyleId,
    pub(crate) number: i32,
    pub(crate) bytes: i64,
    pub(crate) sha256: Vec<u8>,
    pub(crate) base_model: String,
    pub(crate) content_key: Vec<u8>,
}

/// The key that things are wrapped to on the caller's device.
///
/// # Errors
/// [`Refusal::DeviceElsewhere`] when the session belongs to no device.
pub(crate) fn device_of(caller: &Caller) -> Answer<SealKey> {
    caller.device.ok_or_else(|| Refusal::DeviceElsewhere {}.into())
}

/// What `device` needs to use `row`.
pub(crate) fn package(row: Version, device: &SealKey) -> Answer<StylePackage> {
    let content_key: [u8; 32] = row
        .content_key
        .as_slice()
        .try_into()
        .map_err(|error: std::array::TryFromSliceError| Refused::from(sqlx::Error::Decode(error.into())))?;
    let wrapped = sealing::wrap(device, &content_key, &row.sha256).map_err(|error| {
        tracing::info!(%error, "a device's key cannot be sealed to");
        Refusal::DeviceElsewhere {}
    })?;
    Ok(StylePackage {
        style: row.style,
        url: format!("/styles/{}/versions/{}", row.style, row.number),
        version: version(row.number, row.base_model, row.bytes, &row.sha256)?,
        wrapped_key: hex(&wrapped),
    })
}

/// One version of a style, or its newest.
pub(crate) async fn find(pool: &PgPool, style: StyleId) -> Answer<Option<Version>> {
    let row = sqlx::query_as!(
        Version,
        r#"SELECT style_id AS "style: StyleId", number, bytes, sha256, base_model, content_key
             FROM style_versions
            WHERE style_id = $1
         ORDER BY number DESC
            LIMIT 1"#,
        style.get(),
    )
    .fetch_optional(pool)
    .await?;
    Ok(row)
}

/// The style for this device, without a ticket: one's own, or a free one that is put up.
#[utoipa::path(get, path = "/styles/{id}/package", tag = "styles", params(("id" = StyleId, Path)),
    responses((status = 200, body = StylePackage)))]
pub(crate) async fn fetch(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<StyleId>,
) -> Answer<Json<StylePackage>> {
    let device = device_of(&caller)?;
    let row = sqlx::query!(
        r#"SELECT styles.name,
                  styles.artist_id = $2 AS "own!",
                  styles.generation_cost_tokens = 0
                      AND styles.published_at IS NOT NULL AND styles.is_active AND NOT styles.is_flagged
                      AND styles.training_status = 'completed'
                      AND styles.valid_from <= $3 AND (styles.valid_to IS NULL OR styles.valid_to >= $3)
                      AND users.is_active AS "free!",
                  styles.published_at IS NOT NULL AS "put_up!"
             FROM styles
             JOIN users ON users.id = styles.artist_id
            WHERE styles.id = $1"#,
        id.get(),
        caller.user.get(),
        today(),
    )
    .fetch_optional(&app.pool)
    .await?
    .filter(|row| row.own || row.put_up)
    .ok_or_else(|| unknown(id))?;
    if !row.own && !row.free {
        return Err(Refusal::StyleUnavailable { style: row.name }.into());
    }
    let newest = find(&app.pool, id)
        .await?
        .ok_or(Refusal::StyleNotTrained { style: row.name })?;
    Ok(Json(package(newest, &device)?))
}

/// The encrypted LoRA, of no use without a wrapped key: of one's own style, of one that others see, and of a version that one has a ticket
/// or a voucher for. Nobody else learns that there is one.
#[utoipa::path(get, path = "/styles/{id}/versions/{number}", tag = "styles",
    params(("id" = StyleId, Path), ("number" = i32, Path, minimum = 1)),
    responses((status = 200, content_type = "application/octet-stream"), (status = 307)))]
pub(crate) async fn lora(
    State(app): State<App>,
    caller: Caller,
    Path((id, number)): Path<(StyleId, i32)>,
) -> Answer<Response> {
    // From the primary: a ticket was bought a moment ago.
    let key = sqlx::query_scalar!(
        r#"SELECT style_versions.object_key
             FROM style_versions
             JOIN styles ON styles.id = style_versions.style_id
             JOIN users ON users.id = styles.artist_id
            WHERE style_versions.style_id = $1
              AND style_versions.number = $2
              AND (styles.artist_id = $3
                   OR (styles.published_at IS NOT NULL AND styles.is_active AND NOT styles.is_flagged AND users.is_active)
                   OR EXISTS (SELECT FROM tickets WHERE user_id = $3 AND style_version_id = style_versions.id)
                   OR EXISTS (SELECT FROM vouchers WHERE user_id = $3 AND style_version_id = style_versions.id))"#,
        id.get(),
        number,
        caller.user.get(),
    )
    .fetch_optional(&app.pool)
    .await?
    .ok_or_else(|| unknown(id))?;
    uploads::serve(&app, &key).await
}
