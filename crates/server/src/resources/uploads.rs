//! Uploads: declared, brought, checked, and then taken by the row that they are for.
//!
//! Nothing of a file is used before its size and SHA-256 are those that were declared and its content is of the right kind. Pictures
//! are decoded under limits and written anew, so that no metadata and no trick of a format survives; a LoRA is checked and
//! encrypted. What nobody takes within a day is removed.

mod discarded;
mod lora;
mod picture;
mod verify;

use atelier_contract::{NewUpload, Refusal, Sha256, Upload, UploadId, UploadPurpose, UploadStatus, UserId};
use axum::Json;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use chrono::{DateTime, Duration, Utc};
use sqlx::PgTransaction;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::caller::Caller;
use crate::columns::column;
use crate::objects::{Declared, PutError};
use crate::refused::{Answer, Refused};
use verify::verify;

pub(crate) use discarded::sweep as sweep_discarded;

const MIB: u64 = 1 << 20;
/// How long an upload may be brought and taken.
const VALID: Duration = Duration::hours(24);
/// How long a presigned address is good for.
const ADDRESS_VALID: std::time::Duration = std::time::Duration::from_secs(15 * 60);
/// When to bring again what somebody else is bringing.
const TURN_RETRY_S: u64 = 10;
/// Uploads that a user may have open: the artworks of a style, and some.
const OPEN_MAX: i64 = 200;

/// Largest file of a purpose.
const fn bytes_max(purpose: UploadPurpose) -> u64 {
    match purpose {
        UploadPurpose::Artwork | UploadPurpose::Picture => 20 * MIB,
        UploadPurpose::Lora => 512 * MIB,
        UploadPurpose::Thumbnail | UploadPurpose::ProfileImage => 5 * MIB,
        UploadPurpose::Signature => 2 * MIB,
    }
}

pub(crate) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(declare))
        .routes(routes!(show))
        .routes(routes!(check))
        // Its own limit, that of the purpose, is kept while it streams.
        .merge(
            OpenApiRouter::new()
                .routes(routes!(bring))
                .layer(DefaultBodyLimit::disable()),
        )
}

/// Declares a file.
#[utoipa::path(post, path = "/uploads", tag = "uploads", request_body = NewUpload, responses((status = 201, body = Upload)))]
async fn declare(
    State(app): State<App>,
    caller: Caller,
    Json(request): Json<NewUpload>,
) -> Answer<(StatusCode, Json<Upload>)> {
    let max = bytes_max(request.purpose);
    if !(1..=max).contains(&request.bytes) {
        return Err(Refusal::NumberOutOfRange {
            name: "bytes".to_owned(),
            value: request.bytes.to_string(),
            min: "1".to_owned(),
            max: max.to_string(),
        }
        .into());
    }
    let id = sqlx::query_scalar!(
        r#"INSERT INTO uploads (user_id, purpose, bytes, sha256, expires_at)
           SELECT $1, $2, $3, $4, $5
            WHERE (SELECT count(*) FROM uploads WHERE user_id = $1 AND status <> 'used' AND expires_at > now()) < $6
        RETURNING id AS "id: UploadId""#,
        caller.user.get(),
        request.purpose.as_str(),
        i64::try_from(request.bytes).unwrap_or(i64::MAX),
        request.sha256.as_bytes().as_slice(),
        Utc::now() + VALID,
        OPEN_MAX,
    )
    .fetch_optional(&app.pool)
    .await?
    .ok_or_else(|| Refusal::NumberOutOfRange {
        name: "open uploads".to_owned(),
        value: (OPEN_MAX + 1).to_string(),
        min: "0".to_owned(),
        max: OPEN_MAX.to_string(),
    })?;
    Ok((
        StatusCode::CREATED,
        Json(view(&app, find(&app, caller.user, id).await?).await?),
    ))
}

/// An upload as it stands.
#[utoipa::path(get, path = "/uploads/{id}", tag = "uploads", params(("id" = UploadId, Path)),
    responses((status = 200, body = Upload)))]
async fn show(State(app): State<App>, caller: Caller, Path(id): Path<UploadId>) -> Answer<Json<Upload>> {
    let row = find(&app, caller.user, id).await?;
    Ok(Json(view(&app, row).await?))
}

/// Brings the bytes. They are checked while they come and once they are there; a repeat changes nothing, also one that comes while the
/// first is under way.
#[utoipa::path(put, path = "/uploads/{id}/content", tag = "uploads", params(("id" = UploadId, Path)),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"), responses((status = 200, body = Upload)))]
async fn bring(State(app): State<App>, caller: Caller, Path(id): Path<UploadId>, body: Body) -> Answer<Json<Upload>> {
    let _seat = app.gate.uploads.take(caller.user)?;
    find(&app, caller.user, id).await?;
    let key = quarantine(id);
    let Some(_turn) = app.objects.turn(&key).await else {
        return Err(Refusal::ServerBusy { retry_s: TURN_RETRY_S }.into());
    };
    let row = find(&app, caller.user, id).await?;
    if row.status()? == UploadStatus::Declared {
        let put = app
            .objects
            .put_quarantined(&key, body.into_data_stream(), row.declared()?);
        verify(&app, &row, put.await).await?;
    }
    Ok(Json(view(&app, find(&app, caller.user, id).await?).await?))
}

/// Checks bytes that were brought to the store's own address. What is not as declared is removed there, but for what is shorter, of which
/// more may be on its way.
#[utoipa::path(post, path = "/uploads/{id}/check", tag = "uploads", params(("id" = UploadId, Path)),
    responses((status = 200, body = Upload)))]
async fn check(State(app): State<App>, caller: Caller, Path(id): Path<UploadId>) -> Answer<Json<Upload>> {
    // As dear as bringing them: they are read, looked at and written anew.
    let _seat = app.gate.uploads.take(caller.user)?;
    find(&app, caller.user, id).await?;
    let key = quarantine(id);
    let Some(_turn) = app.objects.turn(&key).await else {
        return Err(Refusal::ServerBusy { retry_s: TURN_RETRY_S }.into());
    };
    let row = find(&app, caller.user, id).await?;
    if row.status()? == UploadStatus::Declared {
        let brought = app.objects.check_quarantined(&key, row.declared()?).await;
        verify(&app, &row, brought).await?;
    }
    Ok(Json(view(&app, find(&app, caller.user, id).await?).await?))
}

struct Row {
    id: UploadId,
    purpose: String,
    status: String,
    bytes: i64,
    sha256: Vec<u8>,
    reason: Option<String>,
    expires_at: DateTime<Utc>,
}

impl Row {
    fn status(&self) -> Answer<UploadStatus> {
        column(self.status.parse())
    }

    fn declared(&self) -> Answer<Declared> {
        Ok(Declared {
            bytes: column(u64::try_from(self.bytes))?,
            sha256: column(Sha256::try_from(self.sha256.as_slice()))?,
        })
    }
}

async fn find(app: &App, user: UserId, id: UploadId) -> Answer<Row> {
    sqlx::query_as!(
        Row,
        r#"SELECT id AS "id: UploadId", purpose, status, bytes, sha256, reason, expires_at
             FROM uploads
            WHERE id = $1 AND user_id = $2 AND (status = 'used' OR expires_at > now())"#,
        id.get(),
        user.get(),
    )
    .fetch_optional(&app.pool)
    .await?
    .ok_or_else(|| Refusal::UploadUnknown { upload: id.get() }.into())
}

async fn view(app: &App, row: Row) -> Answer<Upload> {
    let status = row.status()?;
    let declared = row.declared()?;
    let put = if status == UploadStatus::Declared {
        let presigned = app.objects.presign_put(&quarantine(row.id), ADDRESS_VALID).await;
        Some(presigned.map_or_else(|| format!("/uploads/{}/content", row.id), String::from))
    } else {
        None
    };
    Ok(Upload {
        id: row.id,
        purpose: column(row.purpose.parse())?,
        status,
        bytes: declared.bytes,
        sha256: declared.sha256,
        put,
        reason: row.reason,
        expires_at: row.expires_at,
    })
}

/// Where the bytes lie until they are checked.
fn quarantine(id: UploadId) -> String {
    format!("quarantine/{id}")
}

fn not_as_declared(id: UploadId, error: PutError) -> Refused {
    let reason = match error {
        PutError::Size { .. } | PutError::Hash | PutError::Missing | PutError::Changed => error.to_string(),
        PutError::Body(error) => {
            tracing::info!(%id, %error, "an upload broke off");
            "the upload broke off".to_owned()
        }
        PutError::Store(error) => return error.into(),
    };
    refused(id, reason)
}

fn refused(id: UploadId, reason: String) -> Refused {
    Refusal::UploadRefused {
        upload: id.get(),
        reason,
    }
    .into()
}

/// What a row gets that takes an upload.
pub(crate) struct Taken {
    pub(crate) object_key: String,
    pub(crate) bytes: i64,
    pub(crate) sha256: Vec<u8>,
    pub(crate) content_key: Option<Vec<u8>>,
}

/// Makes a verified upload the caller's row's own. From then on it is nobody else's.
///
/// # Errors
/// [`Refusal::UploadUnknown`] when there is none of this user and purpose that is verified and not taken.
pub(crate) async fn take(
    tx: &mut PgTransaction<'_>,
    id: UploadId,
    user: UserId,
    purpose: UploadPurpose,
) -> Answer<Taken> {
    sqlx::query_as!(
        Taken,
        r#"UPDATE uploads
              SET status = 'used'
            WHERE id = $1 AND user_id = $2 AND purpose = $3 AND status = 'verified' AND expires_at > now()
        RETURNING object_key AS "object_key!", bytes, sha256, content_key"#,
        id.get(),
        user.get(),
        purpose.as_str(),
    )
    .fetch_optional(&mut **tx)
    .await?
    .ok_or_else(|| Refusal::UploadUnknown { upload: id.get() }.into())
}

/// An object as an answer: the address of the store when it has one, else the bytes. Who may have it is for the caller to know.
pub(crate) async fn serve(app: &App, key: &str) -> Answer<Response> {
    if let Some(address) = app.objects.presign_get(key, ADDRESS_VALID).await {
        return Ok(Redirect::temporary(&address).into_response());
    }
    let object = app.objects.get(key).await?;
    let media_type = match key.rsplit_once('.') {
        Some((_, "png")) => "image/png",
        Some((_, "jpg")) => "image/jpeg",
        _ => "application/octet-stream",
    };
    let length = HeaderValue::from(object.meta.size);
    let mut response = Body::from_stream(object.into_stream()).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(header::CONTENT_LENGTH, length);
    // Whoever may see it now may not for ever.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, max-age=300"));
    Ok(response)
}

/// Removes an object that no row names any more. One that stays behind is noted as discarded, so that this fails in silence but for the log.
async fn forget(app: &App, key: &str) {
    if let Err(error) = app.objects.delete(key).await {
        tracing::warn!(%key, %error, "an object stays behind");
    }
}

/// Removes what nobody took in time, and the rows of what was taken then. Their objects are noted as discarded by a trigger.
///
/// # Errors
/// The database's.
pub(crate) async fn sweep(app: &App) -> Result<u64, sqlx::Error> {
    let gone = sqlx::query!(
        r#"DELETE FROM uploads
            WHERE id IN (SELECT id
                           FROM uploads
                          WHERE expires_at < now() - interval '1 hour'
                       ORDER BY expires_at
                          LIMIT 500
                            FOR UPDATE SKIP LOCKED)"#,
    )
    .execute(&app.pool)
    .await?;
    Ok(gone.rows_affected())
}
