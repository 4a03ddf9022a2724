//! Becoming an artist, and what an artist is called and signs with.

use atelier_contract::{ARTIST_NAME_CHARS_MAX, Account, ArtistProfile, Refusal, Role, UploadPurpose};
use axum::Json;
use axum::extract::State;
use axum::response::Response;

use super::{account, check_name, invalid};
use crate::app::App;
use crate::caller::{ArtistCaller, Caller};
use crate::feed::{self, Change};
use crate::refused::Answer;
use crate::resources::uploads;

/// Makes the caller an artist, or changes what they are as one. The first time needs a signature; it goes on pictures made in their
/// styles.
#[utoipa::path(put, path = "/users/me/artist", tag = "users", request_body = ArtistProfile,
    responses((status = 200, body = Account)))]
pub(crate) async fn become_artist(
    State(app): State<App>,
    caller: Caller,
    Json(request): Json<ArtistProfile>,
) -> Answer<Json<Account>> {
    check_name("artist_name", &request.artist_name, ARTIST_NAME_CHARS_MAX)?;
    let mut tx = app.pool.begin().await?;
    // Two at once are one after the other.
    sqlx::query!(
        "SELECT id FROM users WHERE id = $1 FOR NO KEY UPDATE",
        caller.user.get()
    )
    .fetch_one(&mut *tx)
    .await?;
    let old = sqlx::query_scalar!(
        "SELECT signature_image_url FROM artists WHERE user_id = $1",
        caller.user.get()
    )
    .fetch_optional(&mut *tx)
    .await?
    .flatten();
    let signature = match request.signature {
        Some(upload) => {
            let taken = uploads::take(&mut tx, upload, caller.user, UploadPurpose::Signature).await?;
            Some(taken.object_key)
        }
        None if old.is_none() => return Err(invalid("an artist needs a signature").into()),
        None => None,
    };
    sqlx::query!(
        r#"INSERT INTO artists (user_id, artist_name, signature_image_url, verified_email)
           SELECT $1, $2, $3, (SELECT verified_email FROM sessions WHERE id = $4)
               ON CONFLICT (user_id) DO UPDATE
              SET artist_name = excluded.artist_name,
                  signature_image_url = coalesce(excluded.signature_image_url, artists.signature_image_url),
                  verified_email = coalesce(excluded.verified_email, artists.verified_email),
                  updated_at = now()"#,
        caller.user.get(),
        request.artist_name,
        signature,
        caller.session.get(),
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!(
        "UPDATE users SET role = $2, updated_at = now() WHERE id = $1",
        caller.user.get(),
        Role::Artist.as_str(),
    )
    .execute(&mut *tx)
    .await?;
    feed::append_all(&mut tx, caller.user, &[Change::Profile, Change::Earnings]).await?;
    tx.commit().await?;
    Ok(Json(account(&app, caller.user).await?))
}

/// The caller's own signature.
#[utoipa::path(get, path = "/users/me/artist/signature", tag = "users",
    responses((status = 200, content_type = "image/png"),
              (status = 307)))]
pub(crate) async fn signature(State(app): State<App>, ArtistCaller(caller): ArtistCaller) -> Answer<Response> {
    let key = sqlx::query_scalar!(
        "SELECT signature_image_url FROM artists WHERE user_id = $1",
        caller.user.get()
    )
    .fetch_optional(&app.pool)
    .await?
    .flatten()
    .ok_or(Refusal::RouteUnknown {})?;
    uploads::serve(&app, &key).await
}
