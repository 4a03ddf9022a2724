//! Comments on generations, and replies to them. Everything that changes how many there are holds the generation's row, so that its count
//! is exact. What somebody said who has left is kept and counted but not shown, with the replies to it, until they are back.

mod writing;

use atelier_contract::{CommentChange, CommentId, CommentView, GenerationId, NewComment, Page, Refusal, UserId};
use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use sqlx::{PgExecutor, PgPool};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::generations;
use crate::app::App;
use crate::caller::{Caller, MaybeCaller};
use crate::feed::Changes;
use crate::idempotency::{self, IdempotencyKey};
use crate::pages::{NEWEST, OLDEST, PageQuery};
use crate::refused::{Answer, Refused};

pub(crate) use writing::{add_in, edit_in, remove_in};

pub(crate) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list, add))
        .routes(routes!(show, edit, remove))
        .routes(routes!(replies))
}

struct Row {
    id: CommentId,
    generation: GenerationId,
    user: UserId,
    username: String,
    parent: Option<CommentId>,
    content: String,
    reply_count: i32,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<Row> for CommentView {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            generation: row.generation,
            user: row.user,
            username: row.username,
            parent: row.parent,
            content: row.content,
            like_count: 0,
            reply_count: u32::try_from(row.reply_count).unwrap_or(0),
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// Those of `ids` that are for `viewer`, in that order.
///
/// # Errors
/// The database's.
pub(crate) async fn views(db: impl PgExecutor<'_>, ids: &[i64], viewer: Option<UserId>) -> Answer<Vec<CommentView>> {
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT comments.id AS "id: CommentId", comments.generation_id AS "generation: GenerationId",
                  comments.user_id AS "user: UserId", users.username, comments.parent_id AS "parent: CommentId",
                  comments.content, comments.reply_count, comments.created_at, comments.updated_at
             FROM unnest($1::bigint[]) WITH ORDINALITY AS wanted(id, place)
             JOIN comments ON comments.id = wanted.id
             JOIN users ON users.id = comments.user_id
             JOIN generations ON generations.id = comments.generation_id
             JOIN users AS owners ON owners.id = generations.user_id
        LEFT JOIN comments AS parents ON parents.id = comments.parent_id
        LEFT JOIN users AS parent_authors ON parent_authors.id = parents.user_id
            WHERE (generations.user_id = $2 OR (generations.is_public AND owners.is_active))
              AND (comments.user_id = $2 OR (users.is_active AND parent_authors.is_active IS NOT FALSE))
         ORDER BY wanted.place"#,
        ids,
        viewer.map(UserId::get),
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(CommentView::from).collect())
}

async fn view(db: impl PgExecutor<'_>, id: CommentId, viewer: Option<UserId>) -> Answer<CommentView> {
    views(db, &[id.get()], viewer).await?.pop().ok_or_else(|| unknown(id))
}

fn unknown(id: CommentId) -> Refused {
    Refusal::CommentUnknown { comment: id.get() }.into()
}

/// Comments on a generation, the newest first; replies have lists of their own.
#[utoipa::path(get, path = "/generations/{id}/comments", tag = "comments", security((), ("bearer" = [])),
    params(("id" = GenerationId, Path), PageQuery), responses((status = 200, body = Page<CommentView>)))]
async fn list(
    State(app): State<App>,
    MaybeCaller(caller): MaybeCaller,
    Path(id): Path<GenerationId>,
    Query(page): Query<PageQuery>,
) -> Answer<Json<Page<CommentView>>> {
    let viewer = caller.map(|caller| caller.user);
    generations::visible(&app.reads, id, viewer).await?;
    let ids = sqlx::query_scalar!(
        r#"SELECT id
             FROM comments
            WHERE generation_id = $1 AND parent_id IS NULL AND id < $2
         ORDER BY id DESC
            LIMIT $3"#,
        id.get(),
        page.after(NEWEST)?,
        page.rows(),
    )
    .fetch_all(&app.reads)
    .await?;
    shown(&app.reads, ids, viewer, &page).await
}

/// Replies to a comment, the oldest first.
#[utoipa::path(get, path = "/comments/{id}/replies", tag = "comments", security((), ("bearer" = [])),
    params(("id" = CommentId, Path), PageQuery), responses((status = 200, body = Page<CommentView>)))]
async fn replies(
    State(app): State<App>,
    MaybeCaller(caller): MaybeCaller,
    Path(id): Path<CommentId>,
    Query(page): Query<PageQuery>,
) -> Answer<Json<Page<CommentView>>> {
    let viewer = caller.map(|caller| caller.user);
    if views(&app.reads, &[id.get()], viewer).await?.is_empty() {
        return Err(unknown(id));
    }
    let ids = sqlx::query_scalar!(
        r#"SELECT id
             FROM comments
            WHERE parent_id = $1 AND id > $2
         ORDER BY id
            LIMIT $3"#,
        id.get(),
        page.after(OLDEST)?,
        page.rows(),
    )
    .fetch_all(&app.reads)
    .await?;
    shown(&app.reads, ids, viewer, &page).await
}

async fn shown(
    pool: &PgPool,
    ids: Vec<i64>,
    viewer: Option<UserId>,
    page: &PageQuery,
) -> Answer<Json<Page<CommentView>>> {
    let (ids, next) = page.cut(ids, |id| *id)?;
    let items = views(pool, &ids, viewer).await?;
    Ok(Json(Page { items, next }))
}

/// A comment.
#[utoipa::path(get, path = "/comments/{id}", tag = "comments", security((), ("bearer" = [])), params(("id" = CommentId, Path)),
    responses((status = 200, body = CommentView)))]
async fn show(
    State(app): State<App>,
    MaybeCaller(caller): MaybeCaller,
    Path(id): Path<CommentId>,
) -> Answer<Json<CommentView>> {
    Ok(Json(view(&app.pool, id, caller.map(|caller| caller.user)).await?))
}

/// Says something about a generation, or replies to who did.
#[utoipa::path(post, path = "/generations/{id}/comments", tag = "comments", request_body = NewComment,
    params(("id" = GenerationId, Path), ("Idempotency-Key" = String, Header)), responses((status = 201, body = CommentView)))]
async fn add(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<GenerationId>,
    key: IdempotencyKey,
    Json(request): Json<NewComment>,
) -> Answer<(StatusCode, Json<CommentView>)> {
    let comment = idempotency::once(
        &app,
        caller.user,
        &key,
        "POST /generations/{id}/comments",
        &(id, &request),
        async |tx| {
            let mut changes = Changes::default();
            let comment = add_in(tx, caller.user, id, &request, &mut changes).await?;
            changes.append(tx).await?;
            view(&mut **tx, comment, Some(caller.user)).await
        },
    )
    .await?;
    Ok((StatusCode::CREATED, Json(comment)))
}

/// Says it in other words. Only who wrote it may.
#[utoipa::path(patch, path = "/comments/{id}", tag = "comments", params(("id" = CommentId, Path)),
    request_body = CommentChange, responses((status = 200, body = CommentView)))]
async fn edit(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<CommentId>,
    Json(request): Json<CommentChange>,
) -> Answer<Json<CommentView>> {
    let mut tx = app.pool.begin().await?;
    let mut changes = Changes::default();
    edit_in(&mut tx, caller.user, id, &request.content, &mut changes).await?;
    changes.append(&mut tx).await?;
    tx.commit().await?;
    Ok(Json(view(&app.pool, id, Some(caller.user)).await?))
}

/// Removes a comment and its replies. Who wrote it may, and whose picture it is on.
#[utoipa::path(delete, path = "/comments/{id}", tag = "comments", params(("id" = CommentId, Path)), responses((status = 204)))]
async fn remove(State(app): State<App>, caller: Caller, Path(id): Path<CommentId>) -> Answer<StatusCode> {
    let mut tx = app.pool.begin().await?;
    let mut changes = Changes::default();
    remove_in(&mut tx, caller.user, id, &mut changes).await?;
    changes.append(&mut tx).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
