//! Comments on generations, and replies to them. Everything that changes how many there are holds the generation's row, so that its count
//! is exact. What somebody said who has left is kept and counted but not shown, with the replies to it, until they are back.

use atelier_contract::{
    COMMENT_CHARS_MAX, CommentChange, CommentId, CommentView, GenerationId, NewComment, NotificationId,
    NotificationType, Page, Refusal, TargetType, UserId,
};
use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde_json::json;
use sqlx::{PgExecutor, PgPool, PgTransaction};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::generations;
use crate::app::App;
use crate::caller::{Caller, MaybeCaller};
use crate::feed::{Change, Changes};
use crate::idempotency::{self, IdempotencyKey};
use crate::notices::{self, NewNotice};
use crate::pages::{NEWEST, OLDEST, PageQuery};
use crate::refused::{Answer, Refused};

/// Characters of a comment that its notification shows.
const PREVIEW_CHARS: usize = 80;

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

/// Adds a comment of `user`'s.
///
/// # Errors
/// [`Refusal::GenerationUnknown`], [`Refusal::CommentUnknown`] for a parent that is not there, [`Refusal::ReplyTooDeep`],
/// [`Refusal::NumberOutOfRange`] for words that are too many or none.
pub(crate) async fn add_in(
    tx: &mut PgTransaction<'_>,
    user: UserId,
    generation: GenerationId,
    comment: &NewComment,
    changes: &mut Changes,
) -> Answer<CommentId> {
    let content = words(&comment.content)?;
    let owner = generations::owner_of_visible(tx, generation, user).await?;
    count(tx, generation, 1).await?;
    let replied_to = match comment.parent {
        Some(parent) => Some(author_of(tx, parent, generation).await?),
        None => None,
    };
    let id = sqlx::query_scalar!(
        r#"INSERT INTO comments (generation_id, user_id, parent_id, content)
           VALUES ($1, $2, $3, $4)
        RETURNING id AS "id: CommentId""#,
        generation.get(),
        user.get(),
        comment.parent.map(CommentId::get),
        content,
    )
    .fetch_one(&mut **tx)
    .await?;
    changes.note(user, Change::Comment(id));
    changes.note(owner, Change::Generation(generation));
    if let (Some(parent), Some(author)) = (comment.parent, replied_to) {
        changes.note(author, Change::Comment(parent));
    }
    let preview: String = content.chars().take(PREVIEW_CHARS).collect();
    for recipient in [Some(owner), replied_to.filter(|author| *author != owner)]
        .into_iter()
        .flatten()
    {
        let notice = NewNotice {
            recipient,
            actor: Some(user),
            kind: NotificationType::Comment,
            target: Some((TargetType::Comment, id.get())),
            metadata: Some(json!({ "generation": generation, "preview": preview })),
        };
        notices::write(tx, notice, changes).await?;
    }
    Ok(id)
}

/// Who wrote the comment that is replied to. The generation's row is held, so it stays.
async fn author_of(tx: &mut PgTransaction<'_>, parent: CommentId, generation: GenerationId) -> Answer<UserId> {
    let row = sqlx::query!(
        r#"SELECT user_id AS "user: UserId", parent_id IS NOT NULL AS "reply!"
             FROM comments
            WHERE id = $1 AND generation_id = $2"#,
        parent.get(),
        generation.get(),
    )
    .fetch_optional(&mut **tx)
    .await?
    .ok_or_else(|| unknown(parent))?;
    if row.reply {
        return Err(Refusal::ReplyTooDeep { comment: parent.get() }.into());
    }
    Ok(row.user)
}

async fn count(tx: &mut PgTransaction<'_>, generation: GenerationId, by: i32) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE generations SET comment_count = comment_count + $2 WHERE id = $1",
        generation.get(),
        by,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

fn words(content: &str) -> Result<&str, Refusal> {
    let content = content.trim();
    let chars = content.chars().count();
    if content.contains('\0') {
        return Err(Refusal::RequestInvalid {
            reason: "a comment has no control characters".to_owned(),
        });
    }
    if (1..=COMMENT_CHARS_MAX).contains(&chars) {
        return Ok(content);
    }
    Err(Refusal::NumberOutOfRange {
        name: "comment, characters".to_owned(),
        value: chars.to_string(),
        min: 1.to_string(),
        max: COMMENT_CHARS_MAX.to_string(),
    })
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

/// Other words for a comment of `user`'s.
///
/// # Errors
/// [`Refusal::CommentUnknown`] for one that is not theirs, [`Refusal::NumberOutOfRange`].
pub(crate) async fn edit_in(
    tx: &mut PgTransaction<'_>,
    user: UserId,
    id: CommentId,
    content: &str,
    changes: &mut Changes,
) -> Answer<()> {
    let content = words(content)?;
    let edited = sqlx::query!(
        r#"UPDATE comments
              SET content = $3, updated_at = now()
             FROM generations, users AS owners
            WHERE comments.id = $1 AND comments.user_id = $2
              AND generations.id = comments.generation_id AND owners.id = generations.user_id
              AND (generations.user_id = $2 OR (generations.is_public AND owners.is_active))"#,
        id.get(),
        user.get(),
        content,
    )
    .execute(&mut **tx)
    .await?;
    if edited.rows_affected() == 0 {
        return Err(unknown(id));
    }
    changes.note(user, Change::Comment(id));
    Ok(())
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

/// Removes a comment that `user` wrote or that is on their picture, with its replies.
///
/// # Errors
/// [`Refusal::CommentUnknown`].
pub(crate) async fn remove_in(
    tx: &mut PgTransaction<'_>,
    user: UserId,
    id: CommentId,
    changes: &mut Changes,
) -> Answer<()> {
    // Held from here on: nobody adds a reply in between.
    let on = sqlx::query!(
        r#"SELECT generations.id AS "generation: GenerationId", generations.user_id AS "owner: UserId",
                  comments.parent_id AS "parent: CommentId", parents.user_id AS "author?: UserId"
             FROM generations
             JOIN comments ON comments.generation_id = generations.id
        LEFT JOIN comments AS parents ON parents.id = comments.parent_id
            WHERE comments.id = $1 AND (comments.user_id = $2 OR generations.user_id = $2)
              FOR NO KEY UPDATE OF generations"#,
        id.get(),
        user.get(),
    )
    .fetch_optional(&mut **tx)
    .await?
    .ok_or_else(|| unknown(id))?;
    let gone = sqlx::query_as!(
        Gone,
        r#"SELECT id AS "id: CommentId", user_id AS "user: UserId" FROM comments WHERE id = $1 OR parent_id = $1"#,
        id.get()
    )
    .fetch_all(&mut **tx)
    .await?;
    if gone.is_empty() {
        // Another removed it while this waited.
        return Err(unknown(id));
    }
    sqlx::query!("DELETE FROM comments WHERE id = $1", id.get())
        .execute(&mut **tx)
        .await?;
    count(tx, on.generation, -i32::try_from(gone.len()).unwrap_or(i32::MAX)).await?;
    forget_previews(tx, &gone, changes).await?;
    for comment in gone {
        changes.note(comment.user, Change::Comment(comment.id));
    }
    changes.note(on.owner, Change::Generation(on.generation));
    if let (Some(parent), Some(author)) = (on.parent, on.author) {
        changes.note(author, Change::Comment(parent));
    }
    Ok(())
}

/// A comment that is gone, and who wrote it.
struct Gone {
    id: CommentId,
    user: UserId,
}

/// Takes the words of comments that are gone out of what was told of them.
async fn forget_previews(tx: &mut PgTransaction<'_>, gone: &[Gone], changes: &mut Changes) -> sqlx::Result<()> {
    let comments: Vec<i64> = gone.iter().map(|comment| comment.id.get()).collect();
    let authors: Vec<i64> = gone.iter().map(|comment| comment.user.get()).collect();
    let told = sqlx::query!(
        r#"UPDATE notifications
              SET metadata = metadata - 'preview'
             FROM unnest($1::bigint[], $2::bigint[]) AS gone(comment, author)
            WHERE actor_id = gone.author AND type = 'comment' AND target_id = gone.comment
        RETURNING id AS "id: NotificationId", recipient_id AS "recipient: UserId""#,
        &comments,
        &authors,
    )
    .fetch_all(&mut **tx)
    .await?;
    for notice in told {
        changes.note(notice.recipient, Change::Notification(notice.id));
    }
    Ok(())
}
