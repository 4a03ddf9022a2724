//! Users: one's own account, what everybody sees of somebody, and becoming an artist.

mod artist;
mod export;

use atelier_contract::{
    Account, AccountChange, ArtistAccount, BIO_CHARS_MAX, Refusal, USERNAME_CHARS_MAX, UploadPurpose, UserId, UserView,
};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, Utc};
use sqlx::PgTransaction;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::caller::{Caller, MaybeCaller};
use crate::columns::column;
use crate::feed::{self, Change};
use crate::refused::{Answer, Refused};
use crate::resources::uploads;
use crate::sessions::{self, End};

pub(crate) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(me, change))
        .routes(routes!(deactivate))
        .routes(routes!(export::export))
        .routes(routes!(artist::become_artist))
        .routes(routes!(artist::signature))
        .routes(routes!(show))
        .routes(routes!(picture))
}

/// The caller's account.
#[utoipa::path(get, path = "/users/me", tag = "users", responses((status = 200, body = Account)))]
async fn me(State(app): State<App>, caller: Caller) -> Answer<Json<Account>> {
    Ok(Json(account(&app, caller.user).await?))
}

/// Changes the caller's profile.
#[utoipa::path(patch, path = "/users/me", tag = "users", request_body = AccountChange,
    responses((status = 200, body = Account)))]
async fn change(State(app): State<App>, caller: Caller, Json(request): Json<AccountChange>) -> Answer<Json<Account>> {
    if let Some(username) = &request.username {
        check_username(username)?;
    }
    check_bio(request.bio.as_deref())?;
    if request.profile_image.is_some() && request.without_profile_image {
        return Err(invalid("a picture is either set or taken away").into());
    }
    let mut tx = app.pool.begin().await?;
    let image = match request.profile_image {
        Some(upload) => {
            let taken = uploads::take(&mut tx, upload, caller.user, UploadPurpose::ProfileImage).await?;
            Some(taken.object_key)
        }
        None => None,
    };
    let replaced = image.is_some() || request.without_profile_image;
    let changed = sqlx::query!(
        r#"UPDATE users
              SET username = coalesce($2, username),
                  bio = CASE WHEN $3::text IS NULL THEN bio ELSE nullif($3, '') END,
                  profile_image = CASE WHEN $5 THEN $4 ELSE profile_image END,
                  updated_at = now()
            WHERE id = $1"#,
        caller.user.get(),
        request.username,
        request.bio,
        image,
        replaced,
    )
    .execute(&mut *tx)
    .await;
    changed.map_err(|error| name_taken(error, request.username.as_deref().unwrap_or_default()))?;
    feed::append(&mut tx, caller.user, Change::Profile).await?;
    tx.commit().await?;
    Ok(Json(account(&app, caller.user).await?))
}

/// Deactivates the caller's account: every session ends, nothing is lost. Signing in again offers to reactivate it.
#[utoipa::path(post, path = "/users/me/deactivate", tag = "users", responses((status = 204)))]
async fn deactivate(State(app): State<App>, caller: Caller) -> Answer<StatusCode> {
    let mut tx = app.pool.begin().await?;
    set_active(&mut tx, caller.user, false).await?;
    sessions::end(&mut tx, caller.user, None, End::Deactivated).await?;
    feed::append(&mut tx, caller.user, Change::Profile).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes an account out of use or back into it; gives whether it was otherwise before.
pub(crate) async fn set_active(tx: &mut PgTransaction<'_>, user: UserId, active: bool) -> sqlx::Result<bool> {
    let changed = sqlx::query!(
        "UPDATE users SET is_active = $2, updated_at = now() WHERE id = $1 AND is_active <> $2",
        user.get(),
        active,
    )
    .execute(&mut **tx)
    .await?;
    Ok(changed.rows_affected() > 0)
}

/// What everybody sees of a user.
#[utoipa::path(get, path = "/users/{id}", tag = "users", security((), ("bearer" = [])), params(("id" = UserId, Path)),
    responses((status = 200, body = UserView)))]
async fn show(State(app): State<App>, _: MaybeCaller, Path(id): Path<UserId>) -> Answer<Json<UserView>> {
    let row = sqlx::query!(
        r#"SELECT username, role, bio, profile_image IS NOT NULL AS "has_image!", users.created_at, users.updated_at,
                  artists.artist_name AS "artist_name?", artists.follower_count AS "follower_count?"
             FROM users
        LEFT JOIN artists ON artists.user_id = users.id
            WHERE users.id = $1 AND users.is_active AND users.provider <> 'platform'"#,
        id.get(),
    )
    .fetch_optional(&app.reads)
    .await?
    .ok_or_else(|| unknown(id))?;
    Ok(Json(UserView {
        id,
        username: row.username,
        role: column(row.role.parse())?,
        bio: row.bio,
        profile_image: row.has_image.then(|| image_url(id, row.updated_at)),
        artist_name: row.artist_name,
        follower_count: row
            .follower_count
            .and_then(|count| u32::try_from(count).ok())
            .unwrap_or(0),
        created_at: row.created_at,
    }))
}

/// A user's picture.
#[utoipa::path(get, path = "/users/{id}/picture", tag = "users", security((), ("bearer" = [])),
    params(("id" = UserId, Path)),
    responses((status = 200, content_type = "image/png"),
              (status = 307)))]
async fn picture(State(app): State<App>, _: MaybeCaller, Path(id): Path<UserId>) -> Answer<Response> {
    let key = sqlx::query_scalar!("SELECT profile_image FROM users WHERE id = $1 AND is_active", id.get())
        .fetch_optional(&app.pool)
        .await?
        .flatten()
        .ok_or_else(|| unknown(id))?;
    uploads::serve(&app, &key).await
}

fn unknown(user: UserId) -> Refusal {
    Refusal::UserUnknown { user: user.get() }
}

/// Where a picture is; the time of the last change makes a changed one another address, for caches.
fn image_url(user: UserId, changed: DateTime<Utc>) -> String {
    format!("/users/{user}/picture?v={}", changed.timestamp())
}

/// The account of a user.
pub(crate) async fn account(app: &App, user: UserId) -> Answer<Account> {
    let row = sqlx::query!(
        r#"SELECT username, provider, role, bio, profile_image IS NOT NULL AS "has_image!", token_balance,
                  users.created_at, users.updated_at,
                  artists.artist_name AS "artist_name?", artists.signature_image_url AS "signature?",
                  artists.verified_email AS "verified_email?", artists.earned_token_balance AS "earned?",
                  artists.follower_count AS "follower_count?", artists.created_at AS "artist_since?"
             FROM users
        LEFT JOIN artists ON artists.user_id = users.id
            WHERE users.id = $1"#,
        user.get(),
    )
    .fetch_one(&app.pool)
    .await?;
    let artist = match (row.artist_since, row.earned) {
        (Some(created_at), Some(earned)) => Some(ArtistAccount {
            artist_name: row.artist_name,
            signature: row.signature.map(|_| "/users/me/artist/signature".to_owned()),
            verified_email: row.verified_email,
            earned_token_balance: column(earned.try_into())?,
            follower_count: row
                .follower_count
                .and_then(|count| u32::try_from(count).ok())
                .unwrap_or(0),
            created_at,
        }),
        _ => None,
    };
    Ok(Account {
        id: user,
        username: row.username,
        provider: row.provider,
        role: column(row.role.parse())?,
        bio: row.bio,
        profile_image: row.has_image.then(|| image_url(user, row.updated_at)),
        token_balance: column(row.token_balance.try_into())?,
        artist,
        created_at: row.created_at,
        updated_at: row.updated_at,
    })
}

/// A name as the column takes it, which nobody mistakes for another by what cannot be seen.
pub(crate) fn check_username(name: &str) -> Result<(), Refusal> {
    check_name("username", name, USERNAME_CHARS_MAX)
}

fn check_name(what: &str, name: &str, chars_max: usize) -> Result<(), Refusal> {
    let chars = name.chars().count();
    if !(1..=chars_max).contains(&chars) {
        return Err(Refusal::NumberOutOfRange {
            name: format!("{what}, characters"),
            value: chars.to_string(),
            min: "1".to_owned(),
            max: chars_max.to_string(),
        });
    }
    if name.trim() != name || name.chars().any(|c| c.is_control() || is_invisible(c)) {
        return Err(invalid(
            "a name has no space at its ends, and nothing that cannot be seen",
        ));
    }
    Ok(())
}

/// Characters of no width, and those that turn the direction of what follows.
const fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

fn check_bio(bio: Option<&str>) -> Result<(), Refusal> {
    let bio = bio.unwrap_or_default();
    if bio.contains('\0') {
        return Err(invalid("a text has no control characters"));
    }
    let chars = bio.chars().count();
    if chars > BIO_CHARS_MAX {
        return Err(Refusal::NumberOutOfRange {
            name: "bio, characters".to_owned(),
            value: chars.to_string(),
            min: "0".to_owned(),
            max: BIO_CHARS_MAX.to_string(),
        });
    }
    Ok(())
}

fn invalid(reason: &str) -> Refusal {
    Refusal::RequestInvalid {
        reason: reason.to_owned(),
    }
}

/// Somebody else's name is an answer, not a defect.
pub(crate) fn name_taken(error: sqlx::Error, username: &str) -> Refused {
    match &error {
        sqlx::Error::Database(database) if database.constraint() == Some("users_username_key") => {
            Refusal::UsernameTaken {
                username: username.to_owned(),
            }
            .into()
        }
        _ => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_what_one_sees() {
        for good in ["a", "김 하나", "user-0f", &"x".repeat(50)] {
            assert!(check_username(good).is_ok(), "{good}");
        }
        for bad in ["", " a", "a\n", "a\u{200b}b", "\u{202e}nimda", &"x".repeat(51)] {
            assert!(check_username(bad).is_err(), "{bad:?}");
        }
    }
}
