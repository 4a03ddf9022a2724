//! Who follows whom. A row is made and removed together with the artist's count of followers.

use atelier_contract::{FollowView, NotificationType, Page, PersonCard, Refusal, TargetType, UserId};
use axum::Json;
use axum::extract::{Path, Query, State};
use sqlx::{PgPool, PgTransaction};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::people::{self, Person};
use crate::app::App;
use crate::caller::Caller;
use crate::feed::{Change, Changes};
use crate::notices::{self, NewNotice};
use crate::pages::{NEWEST, PageQuery};
use crate::refused::Answer;

pub(crate) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(show, follow, unfollow))
        .routes(routes!(followers))
        .routes(routes!(following))
}

/// Whether the caller follows somebody.
#[utoipa::path(get, path = "/users/{id}/follow", tag = "follows", params(("id" = UserId, Path)),
    responses((status = 200, body = FollowView)))]
async fn show(State(app): State<App>, caller: Caller, Path(user): Path<UserId>) -> Answer<Json<FollowView>> {
    let view = views(&app.pool, caller.user, &[user.get()]).await?.pop();
    view.map(Json)
        .ok_or_else(|| Refusal::UserUnknown { user: user.get() }.into())
}

/// Follows somebody. Nothing happens to who does already.
#[utoipa::path(put, path = "/users/{id}/follow", tag = "follows", params(("id" = UserId, Path)),
    responses((status = 200, body = FollowView)))]
async fn follow(State(app): State<App>, caller: Caller, Path(user): Path<UserId>) -> Answer<Json<FollowView>> {
    change(&app, caller.user, user, true).await
}

/// Follows somebody no longer.
#[utoipa::path(delete, path = "/users/{id}/follow", tag = "follows", params(("id" = UserId, Path)),
    responses((status = 200, body = FollowView)))]
async fn unfollow(State(app): State<App>, caller: Caller, Path(user): Path<UserId>) -> Answer<Json<FollowView>> {
    change(&app, caller.user, user, false).await
}

async fn change(app: &App, follower: UserId, user: UserId, following: bool) -> Answer<Json<FollowView>> {
    let mut tx = app.pool.begin().await?;
    let mut changes = Changes::default();
    set(&mut tx, follower, user, following, &mut changes).await?;
    changes.append(&mut tx).await?;
    tx.commit().await?;
    Ok(Json(FollowView { user, following }))
}

/// Whether `follower` follows each of `users` that there is, in that order.
///
/// # Errors
/// The database's.
pub(crate) async fn views(pool: &PgPool, follower: UserId, users: &[i64]) -> Answer<Vec<FollowView>> {
    let views = sqlx::query_as!(
        FollowView,
        r#"SELECT users.id AS "user: UserId",
                  EXISTS (SELECT FROM follows WHERE follower_id = $2 AND following_id = users.id) AS "following!"
             FROM unnest($1::bigint[]) WITH ORDINALITY AS wanted(id, place)
             JOIN users ON users.id = wanted.id
         ORDER BY wanted.place"#,
        users,
        follower.get(),
    )
    .fetch_all(pool)
    .await?;
    Ok(views)
}

/// Makes `follower` follow `user`, or no longer.
///
/// # Errors
/// [`Refusal::UserUnknown`] for nobody, or somebody who has left; [`Refusal::RequestInvalid`] for oneself.
pub(crate) async fn set(
    tx: &mut PgTransaction<'_>,
    follower: UserId,
    user: UserId,
    following: bool,
    changes: &mut Changes,
) -> Answer<()> {
    if follower == user {
        let reason = "nobody follows themselves".to_owned();
        return Err(Refusal::RequestInvalid { reason }.into());
    }
    // A user may become an artist just now: that waits for this lock before it counts who follows, or this waits for that.
    let there = sqlx::query_scalar!(
        r#"SELECT is_active AND provider <> 'platform' AS "there!" FROM users WHERE id = $1 FOR KEY SHARE"#,
        user.get(),
    )
    .fetch_optional(&mut **tx)
    .await?;
    // Who has left can still be unfollowed.
    if there.is_none_or(|there| following && !there) {
        return Err(Refusal::UserUnknown { user: user.get() }.into());
    }
    if !(if following {
        begin(tx, follower, user).await?
    } else {
        end(tx, follower, user).await?
    }) {
        return Ok(());
    }
    changes.note(follower, Change::Follow(user));
    // How many follow them is part of it.
    changes.note(user, Change::Profile);
    if following {
        let notice = NewNotice {
            recipient: user,
            actor: Some(follower),
            kind: NotificationType::Follow,
            target: Some((TargetType::User, follower.get())),
            metadata: None,
        };
        notices::write_once(tx, notice, changes).await?;
    }
    Ok(())
}

/// Whether that is new.
async fn begin(tx: &mut PgTransaction<'_>, follower: UserId, user: UserId) -> sqlx::Result<bool> {
    let made = sqlx::query!(
        "INSERT INTO follows (follower_id, following_id) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        follower.get(),
        user.get(),
    )
    .execute(&mut **tx)
    .await?;
    count(tx, user, made.rows_affected(), 1).await
}

/// Whether that was so.
async fn end(tx: &mut PgTransaction<'_>, follower: UserId, user: UserId) -> sqlx::Result<bool> {
    let removed = sqlx::query!(
        "DELETE FROM follows WHERE follower_id = $1 AND following_id = $2",
        follower.get(),
        user.get(),
    )
    .execute(&mut **tx)
    .await?;
    count(tx, user, removed.rows_affected(), -1).await
}

async fn count(tx: &mut PgTransaction<'_>, user: UserId, rows: u64, by: i32) -> sqlx::Result<bool> {
    if rows == 0 {
        return Ok(false);
    }
    sqlx::query!(
        "UPDATE artists SET follower_count = follower_count + $2 WHERE user_id = $1",
        user.get(),
        by,
    )
    .execute(&mut **tx)
    .await?;
    Ok(true)
}

/// Refuses to list for nobody, or for who has left.
async fn require_here(pool: &PgPool, user: UserId) -> Answer<()> {
    let here = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM users WHERE id = $1 AND is_active AND provider <> 'platform') AS "here!""#,
        user.get(),
    )
    .fetch_one(pool)
    .await?;
    if !here {
        return Err(Refusal::UserUnknown { user: user.get() }.into());
    }
    Ok(())
}

/// Who follows somebody, the newest first.
#[utoipa::path(get, path = "/users/{id}/followers", tag = "follows", security((), ("bearer" = [])),
    params(("id" = UserId, Path), PageQuery), responses((status = 200, body = Page<PersonCard>)))]
async fn followers(
    State(app): State<App>,
    Path(user): Path<UserId>,
    Query(page): Query<PageQuery>,
) -> Answer<Json<Page<PersonCard>>> {
    require_here(&app.reads, user).await?;
    let rows = sqlx::query_as!(
        Person,
        r#"SELECT follows.id, users.id AS "user: UserId", users.username, artists.artist_name AS "artist_name?",
                  follows.created_at AS since
             FROM follows
             JOIN users ON users.id = follows.follower_id
        LEFT JOIN artists ON artists.user_id = users.id
            WHERE follows.following_id = $1 AND follows.id < $2 AND users.is_active
         ORDER BY follows.id DESC
            LIMIT $3"#,
        user.get(),
        page.after(NEWEST)?,
        page.rows(),
    )
    .fetch_all(&app.reads)
    .await?;
    Ok(Json(people::page(&page, rows)?))
}

/// Whom somebody follows, the newest first.
#[utoipa::path(get, path = "/users/{id}/following", tag = "follows", security((), ("bearer" = [])),
    params(("id" = UserId, Path), PageQuery), responses((status = 200, body = Page<PersonCard>)))]
async fn following(
    State(app): State<App>,
    Path(user): Path<UserId>,
    Query(page): Query<PageQuery>,
) -> Answer<Json<Page<PersonCard>>> {
    require_here(&app.reads, user).await?;
    let rows = sqlx::query_as!(
        Person,
        r#"SELECT follows.id, users.id AS "user: UserId", users.username, artists.artist_name AS "artist_name?",
                  follows.created_at AS since
             FROM follows
             JOIN users ON users.id = follows.following_id
        LEFT JOIN artists ON artists.user_id = users.id
            WHERE follows.follower_id = $1 AND follows.id < $2 AND users.is_active
         ORDER BY follows.id DESC
            LIMIT $3"#,
        user.get(),
        page.after(NEWEST)?,
        page.rows(),
    )
    .fetch_all(&app.reads)
    .await?;
    Ok(Json(people::page(&page, rows)?))
}
