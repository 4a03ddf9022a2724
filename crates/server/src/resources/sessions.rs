//! Sessions: the browser's way to a sign-in and back, and what a studio does with the session that it gets.

mod browser;
mod people;

use atelier_contract::{
    DEVICE_NAME_CHARS_MAX, NewSession, Page, Refresh, Refusal, SessionId, SessionTokens, SessionView, UserId,
};
use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use sqlx::PgTransaction;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::caller::Caller;
use crate::feed::{self, Change};
use crate::pages::{NEWEST, PageQuery};
use crate::refused::Answer;
use crate::sessions::{self, End, Opening, hashed};
use crate::sign_in::refusal;

/// Longest word that is looked at: twice what this server gives out.
const WORD_CHARS_MAX: usize = 128;

pub(crate) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list, open))
        .routes(routes!(refresh))
        .routes(routes!(sign_out))
        .routes(routes!(end))
        .routes(routes!(browser::begin))
        .routes(routes!(browser::callback))
}

/// Exchanges what the browser brought for a session. A deactivated account is refused unless it is to be reactivated.
#[utoipa::path(post, path = "/sessions", tag = "sessions", security(()), request_body = NewSession,
    responses((status = 201, body = SessionTokens)))]
async fn open(State(app): State<App>, Json(request): Json<NewSession>) -> Answer<(StatusCode, Json<SessionTokens>)> {
    let name = request.device_name.as_deref().unwrap_or_default();
    if name.chars().count() > DEVICE_NAME_CHARS_MAX || name.chars().any(char::is_control) {
        return Err(Refusal::RequestInvalid {
            reason: format!(
                "a device's name has at most {DEVICE_NAME_CHARS_MAX} characters, and no control characters"
            ),
        }
        .into());
    }
    if request.code.len() > WORD_CHARS_MAX || request.verifier.len() > WORD_CHARS_MAX {
        return Err(refusal("the code is unknown or ran out"));
    }
    let mut tx = app.pool.begin().await?;
    let attempt = sqlx::query!(
        r#"DELETE FROM sign_in_attempts
            WHERE code_sha256 = $1 AND expires_at > now()
        RETURNING user_id AS "user!: UserId", challenge, verified_email"#,
        hashed(&request.code),
    )
    .fetch_optional(&mut *tx)
    .await?
    .ok_or_else(|| refusal("the code is unknown or ran out"))?;
    if attempt.challenge != hashed(&request.verifier) {
        // Somebody else's studio has the code: it is good for nobody now.
        tx.commit().await?;
        return Err(refusal("the code is another studio's"));
    }
    let reactivated = admit(&mut tx, attempt.user, request.reactivate).await?;
    let opening = Opening {
        user: attempt.user,
        device: request.device,
        device_name: request.device_name.filter(|name| !name.is_empty()),
        verified_email: attempt.verified_email,
    };
    let tokens = sessions::open(&mut tx, &app.signer, opening).await?;
    if reactivated {
        feed::append(&mut tx, attempt.user, Change::Profile).await?;
    }
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(tokens)))
}

/// Lets an active account in, and one that its owner deactivated if it is to be active again; gives whether it was reactivated.
async fn admit(tx: &mut PgTransaction<'_>, user: UserId, reactivate: bool) -> Answer<bool> {
    let row = sqlx::query!(
        r#"SELECT is_active, EXISTS (SELECT FROM suspensions WHERE user_id = users.id) AS "suspended!"
             FROM users
            WHERE id = $1
              FOR NO KEY UPDATE"#,
        user.get(),
    )
    .fetch_one(&mut **tx)
    .await?;
    if row.is_active {
        return Ok(false);
    }
    if row.suspended {
        return Err(Refusal::AccountSuspended {}.into());
    }
    if !reactivate {
        return Err(Refusal::AccountInactive {}.into());
    }
    sqlx::query!(
        "UPDATE users SET is_active = TRUE, updated_at = now() WHERE id = $1",
        user.get()
    )
    .execute(&mut **tx)
    .await?;
    Ok(true)
}

/// Gives the next tokens. The refresh token is replaced; it may come once more within 30 seconds and gets the same answer. One that is
/// older ends the session.
#[utoipa::path(post, path = "/sessions/refresh", tag = "sessions", security(()), request_body = Refresh,
    responses((status = 200, body = SessionTokens)))]
async fn refresh(State(app): State<App>, Json(request): Json<Refresh>) -> Answer<Json<SessionTokens>> {
    if request.refresh_token.len() > WORD_CHARS_MAX {
        return Err(Refusal::NotSignedIn {}.into());
    }
    Ok(Json(sessions::refresh(&app, &request.refresh_token).await?))
}

/// The caller's open sessions, newest first.
#[utoipa::path(get, path = "/sessions", tag = "sessions", params(PageQuery),
    responses((status = 200, body = Page<SessionView>)))]
async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(page): Query<PageQuery>,
) -> Answer<Json<Page<SessionView>>> {
    let rows = sqlx::query_as!(
        SessionView,
        r#"SELECT id AS "id: SessionId", device_name, id = $2 AS "is_this!", created_at, used_at
             FROM sessions
            WHERE user_id = $1 AND ended_at IS NULL AND id < $3
         ORDER BY id DESC
            LIMIT $4"#,
        caller.user.get(),
        caller.session.get(),
        page.after(NEWEST)?,
        page.rows(),
    )
    .fetch_all(&app.pool)
    .await?;
    let (items, next) = page.cut(rows, |row| row.id)?;
    Ok(Json(Page { items, next }))
}

/// Signs out: the session that asks ends.
#[utoipa::path(delete, path = "/sessions/current", tag = "sessions", responses((status = 204)))]
async fn sign_out(State(app): State<App>, caller: Caller) -> Answer<StatusCode> {
    end_one(&app, caller.user, caller.session).await
}

/// Ends a session of the caller's; one that is over already, or is nobody's, is over.
#[utoipa::path(delete, path = "/sessions/{id}", tag = "sessions", params(("id" = SessionId, Path)),
    responses((status = 204)))]
async fn end(State(app): State<App>, caller: Caller, Path(id): Path<SessionId>) -> Answer<StatusCode> {
    end_one(&app, caller.user, id).await
}

async fn end_one(app: &App, user: UserId, session: SessionId) -> Answer<StatusCode> {
    let mut tx = app.pool.begin().await?;
    sessions::end(&mut tx, user, Some(session), End::SignedOut).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
