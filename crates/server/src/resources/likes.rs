//! Who likes what. A row is made and removed together with the generation's count.

use atelier_contract::{GenerationId, LikeView, NotificationType, Page, PersonCard, TargetType, UserId};
use axum::Json;
use axum::extract::{Path, Query, State};
use sqlx::{PgPool, PgTransaction};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::generations;
use super::people::{self, Person};
use crate::app::App;
use crate::caller::{Caller, MaybeCaller};
use crate::feed::{Change, Changes};
use crate::notices::{self, NewNotice};
use crate::pages::{NEWEST, PageQuery};
use crate::refused::Answer;

pub(crate) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(show, like, unlike))
        .routes(routes!(list))
}

/// Whether the caller likes a generation.
#[utoipa::path(get, path = "/generations/{id}/like", tag = "likes", params(("id" = GenerationId, Path)),
    responses((status = 200, body = LikeView)))]
async fn show(State(app): State<App>, caller: Caller, Path(id): Path<GenerationId>) -> Answer<Json<LikeView>> {
    view(&app, caller.user, id).await
}

/// Likes a generation. Nothing happens to who does already.
#[utoipa::path(put, path = "/generations/{id}/like", tag = "likes", params(("id" = GenerationId, Path)),
    responses((status = 200, body = LikeView)))]
async fn like(State(app): State<App>, caller: Caller, Path(id): Path<GenerationId>) -> Answer<Json<LikeView>> {
    change(&app, caller.user, id, true).await
}

/// Likes a generation no longer.
#[utoipa::path(delete, path = "/generations/{id}/like", tag = "likes", params(("id" = GenerationId, Path)),
    responses((status = 200, body = LikeView)))]
async fn unlike(State(app): State<App>, caller: Caller, Path(id): Path<GenerationId>) -> Answer<Json<LikeView>> {
    change(&app, caller.user, id, false).await
}

async fn change(app: &App, user: UserId, id: GenerationId, liked: bool) -> Answer<Json<LikeView>> {
    let mut tx = app.pool.begin().await?;
    let mut changes = Changes::default();
    set(&mut tx, user, id, liked, &mut changes).await?;
    changes.append(&mut tx).await?;
    tx.commit().await?;
    // Not to be seen any more: then only what was done is told.
    let view = views(&app.pool, user, &[id.get()]).await?.pop();
    Ok(Json(view.unwrap_or(LikeView {
        generation: id,
        liked,
        like_count: 0,
    })))
}

async fn view(app: &App, user: UserId, id: GenerationId) -> Answer<Json<LikeView>> {
    let view = views(&app.pool, user, &[id.get()]).await?.pop();
    view.map(Json).ok_or_else(|| generations::unknown(id))
}

/// Whether the user likes each of `ids` that is for them to see, in that order.
///
/// # Errors
/// The database's.
pub(crate) async fn views(pool: &PgPool, user: UserId, ids: &[i64]) -> Answer<Vec<LikeView>> {
    let rows = sqlx::query!(
        r#"SELECT generations.id AS "generation: GenerationId", generations.like_count,
                  EXISTS (SELECT FROM likes WHERE user_id = $2 AND generation_id = generations.id) AS "liked!"
             FROM unnest($1::bigint[]) WITH ORDINALITY AS wanted(id, place)
             JOIN generations ON generations.id = wanted.id
             JOIN users ON users.id = generations.user_id
            WHERE generations.user_id = $2 OR (generations.is_public AND users.is_active)
         ORDER BY wanted.place"#,
        ids,
        user.get(),
    )
    .fetch_all(pool)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| LikeView {
            generation: row.generation,
            liked: row.liked,
            like_count: u32::try_from(row.like_count).unwrap_or(0),
        })
        .collect())
}

/// Makes `user` like a generation, or no longer.
///
/// # Errors
/// [`atelier_contract::Refusal::GenerationUnknown`] when it is not for them to see, and not liked by them.
pub(crate) async fn set(
    tx: &mut PgTransaction<'_>,
    user: UserId,
    id: GenerationId,
    liked: bool,
    changes: &mut Changes,
) -> Answer<()> {
    let owner = generations::owner_of_visible(tx, id, user).await;
    // Who liked what was hidden since can still take that back.
    if liked && let Err(refused) = owner {
        return Err(refused);
    }
    let rows = if liked {
        sqlx::query!(
            "INSERT INTO likes (user_id, generation_id) VALUES ($1, $2) ON CONFLICT DO NOTHING",
            user.get(),
            id.get(),
        )
        .execute(&mut **tx)
        .await?
    } else {
        sqlx::query!(
            "DELETE FROM likes WHERE user_id = $1 AND generation_id = $2",
            user.get(),
            id.get(),
        )
        .execute(&mut **tx)
        .await?
    };
    if rows.rows_affected() == 0 {
        return owner.map(|_| ());
    }
    // Its maker's feed is told later: a popular one's would be locked by everybody.
    sqlx::query!(
        r#"WITH counted AS (
               UPDATE generations
                  SET like_count = like_count + $2
                WHERE id = $1
            RETURNING user_id, id
           )
           INSERT INTO feed_changes (user_id, kind, target_id)
           SELECT user_id, 'generation', id FROM counted"#,
        id.get(),
        if liked { 1 } else { -1 },
    )
    .execute(&mut **tx)
    .await?;
    changes.note(user, Change::Like(id));
    if liked && let Ok(recipient) = owner {
        let notice = NewNotice {
            recipient,
            actor: Some(user),
            kind: NotificationType::Like,
            target: Some((TargetType::Generation, id.get())),
            metadata: None,
        };
        notices::write_once(tx, notice, changes).await?;
    }
    Ok(())
}

/// Who likes a generation, the newest first.
#[utoipa::path(get, path = "/generations/{id}/likes", tag = "likes", security((), ("bearer" = [])),
    params(("id" = GenerationId, Path), PageQuery), responses((status = 200, body = Page<PersonCard>)))]
async fn list(
    State(app): State<App>,
    MaybeCaller(caller): MaybeCaller,
    Path(id): Path<GenerationId>,
    Query(page): Query<PageQuery>,
) -> Answer<Json<Page<PersonCard>>> {
    generations::visible(&app.reads, id, caller.map(|caller| caller.user)).await?;
    let rows = sqlx::query_as!(
        Person,
        r#"SELECT likes.id, users.id AS "user: UserId", users.username, artists.artist_name AS "artist_name?",
                  likes.created_at AS since
             FROM likes
             JOIN users ON users.id = likes.user_id
        LEFT JOIN artists ON artists.user_id = users.id
            WHERE likes.generation_id = $1 AND likes.id < $2 AND users.is_active
         ORDER BY likes.id DESC
            LIMIT $3"#,
        id.get(),
        page.after(NEWEST)?,
        page.rows(),
    )
    .fetch_all(&app.reads)
    .await?;
    Ok(Json(people::page(&page, rows)?))
}
