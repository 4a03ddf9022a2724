//! What a user is told, and whether they have read it.

use atelier_contract::{
    NotificationChange, NotificationId, NotificationView, Page, ReadUntil, Refusal, Unread, UserId,
};
use axum::Json;
use axum::extract::{Path, Query, State};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use sqlx::{PgPool, PgTransaction, Postgres, QueryBuilder};
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::caller::Caller;
use crate::columns::column;
use crate::feed::{Change, Changes};
use crate::pages::{NEWEST, PageQuery};
use crate::refused::{Answer, Refused};

/// Most that are counted: who has more sees "99+".
const UNREAD_MAX: i64 = 100;
/// Days for which what was read is kept.
const READ_DAYS: i32 = 30;
/// Notifications that one statement of the sweep removes.
const BATCH_ROWS: i64 = 10_000;
/// Notifications that one transaction marks as read: what takes longer goes on in the next, and keeps what was done.
const MARKED_MAX: i64 = 1_000;

pub(crate) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(unread))
        .routes(routes!(read))
        .routes(routes!(show, change))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct NotificationFilter {
    /// Only those that are read, or only those that are not.
    is_read: Option<bool>,
}

struct Row {
    id: NotificationId,
    kind: String,
    actor: Option<UserId>,
    actor_name: Option<String>,
    target_type: Option<String>,
    target_id: Option<i64>,
    is_read: bool,
    metadata: Option<serde_json::Value>,
    created_at: DateTime<Utc>,
}

impl Row {
    fn view(self) -> Answer<NotificationView> {
        Ok(NotificationView {
            id: self.id,
            kind: column(self.kind.parse())?,
            actor: self.actor,
            actor_name: self.actor_name,
            target_type: self.target_type.and_then(|kind| kind.parse().ok()),
            target_id: self.target_id,
            is_read: self.is_read,
            metadata: self.metadata.and_then(|json| serde_json::from_value(json).ok()),
            created_at: self.created_at,
        })
    }
}

/// Those of `ids` that are the user's, in that order. Who has left is neither named nor quoted, until they are back.
///
/// # Errors
/// The database's.
pub(crate) async fn views(pool: &PgPool, user: UserId, ids: &[i64]) -> Answer<Vec<NotificationView>> {
    // Not `=`, for which a plan may go through all that are theirs, in search of these.
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT notifications.id AS "id: NotificationId", type AS kind, actor_id AS "actor: UserId",
                  CASE WHEN users.is_active THEN users.username END AS actor_name, target_type, target_id, is_read,
                  CASE WHEN users.is_active IS FALSE THEN metadata - 'preview' ELSE metadata END AS metadata,
                  notifications.created_at
             FROM unnest($2::bigint[]) WITH ORDINALITY AS wanted(id, place)
             JOIN notifications ON notifications.id = wanted.id
        LEFT JOIN users ON users.id = actor_id
            WHERE recipient_id IS NOT DISTINCT FROM $1
         ORDER BY wanted.place"#,
        user.get(),
        ids,
    )
    .fetch_all(pool)
    .await?;
    rows.into_iter().map(Row::view).collect()
}

/// What the caller is told, the newest first.
#[utoipa::path(get, path = "/notifications", tag = "notifications", params(NotificationFilter, PageQuery),
    responses((status = 200, body = Page<NotificationView>)))]
async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(filter): Query<NotificationFilter>,
    Query(page): Query<PageQuery>,
) -> Answer<Json<Page<NotificationView>>> {
    let mut query = QueryBuilder::<Postgres>::new("SELECT id FROM notifications WHERE recipient_id = ");
    query.push_bind(caller.user.get());
    query.push(" AND id < ").push_bind(page.after(NEWEST)?);
    // As the indexes say it: of the read ones and of the others there is one each.
    match filter.is_read {
        Some(true) => query.push(" AND is_read"),
        Some(false) => query.push(" AND NOT is_read"),
        None => &mut query,
    };
    query.push(" ORDER BY id DESC LIMIT ").push_bind(page.rows());
    let ids: Vec<i64> = query.build_query_scalar().fetch_all(&app.pool).await?;
    let (ids, next) = page.cut(ids, |id| *id)?;
    let items = views(&app.pool, caller.user, &ids).await?;
    Ok(Json(Page { items, next }))
}

/// How many the caller has not read.
#[utoipa::path(get, path = "/notifications/unread", tag = "notifications", responses((status = 200, body = Unread)))]
async fn unread(State(app): State<App>, caller: Caller) -> Answer<Json<Unread>> {
    let unread = sqlx::query_scalar!(
        r#"SELECT count(*) AS "unread!"
             FROM (SELECT FROM notifications WHERE recipient_id = $1 AND NOT is_read LIMIT $2) AS first"#,
        caller.user.get(),
        UNREAD_MAX,
    )
    .fetch_one(&app.pool)
    .await?;
    Ok(Json(Unread {
        unread: u32::try_from(unread).unwrap_or(u32::MAX),
    }))
}

/// One of the caller's.
#[utoipa::path(get, path = "/notifications/{id}", tag = "notifications", params(("id" = NotificationId, Path)),
    responses((status = 200, body = NotificationView)))]
async fn show(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<NotificationId>,
) -> Answer<Json<NotificationView>> {
    Ok(Json(view(&app, caller.user, id).await?))
}

async fn view(app: &App, user: UserId, id: NotificationId) -> Answer<NotificationView> {
    views(&app.pool, user, &[id.get()])
        .await?
        .pop()
        .ok_or_else(|| unknown(id))
}

fn unknown(id: NotificationId) -> Refused {
    Refusal::NotificationUnknown { notification: id.get() }.into()
}

/// Marks one as read, or as not read.
#[utoipa::path(patch, path = "/notifications/{id}", tag = "notifications", params(("id" = NotificationId, Path)),
    request_body = NotificationChange, responses((status = 200, body = NotificationView)))]
async fn change(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<NotificationId>,
    Json(request): Json<NotificationChange>,
) -> Answer<Json<NotificationView>> {
    let mut tx = app.pool.begin().await?;
    let mut changes = Changes::default();
    mark(&mut tx, caller.user, id, request.is_read, &mut changes).await?;
    changes.append(&mut tx).await?;
    tx.commit().await?;
    Ok(Json(view(&app, caller.user, id).await?))
}

/// Marks one of the user's as read, or as not read.
///
/// # Errors
/// [`Refusal::NotificationUnknown`].
pub(crate) async fn mark(
    tx: &mut PgTransaction<'_>,
    user: UserId,
    id: NotificationId,
    is_read: bool,
    changes: &mut Changes,
) -> Answer<()> {
    let marked = sqlx::query!(
        "UPDATE notifications SET is_read = $3 WHERE id = $1 AND recipient_id = $2",
        id.get(),
        user.get(),
        is_read,
    )
    .execute(&mut **tx)
    .await?;
    if marked.rows_affected() == 0 {
        return Err(unknown(id));
    }
    changes.note(user, Change::Notification(id));
    Ok(())
}

/// Marks all as read that the person has seen.
#[utoipa::path(post, path = "/notifications/read", tag = "notifications", request_body = ReadUntil,
    responses((status = 200, body = Unread)))]
async fn read(State(app): State<App>, caller: Caller, Json(request): Json<ReadUntil>) -> Answer<Json<Unread>> {
    let mut more = true;
    while more {
        let mut tx = app.pool.begin().await?;
        let mut changes = Changes::default();
        more = mark_until(&mut tx, caller.user, request.until, &mut changes).await?;
        changes.append(&mut tx).await?;
        tx.commit().await?;
    }
    unread(State(app), caller).await
}

/// Marks those of the user's up to `until` as read, [`MARKED_MAX`] at most; gives whether there may be more of them.
///
/// # Errors
/// The database's.
pub(crate) async fn mark_until(
    tx: &mut PgTransaction<'_>,
    user: UserId,
    until: NotificationId,
    changes: &mut Changes,
) -> Answer<bool> {
    let marked = sqlx::query_scalar!(
        r#"UPDATE notifications
              SET is_read = TRUE
            WHERE id IN (SELECT id
                           FROM notifications
                          WHERE recipient_id = $1 AND id <= $2 AND NOT is_read
                       ORDER BY id DESC
                          LIMIT $3
                            FOR NO KEY UPDATE)
        RETURNING id AS "id: NotificationId""#,
        user.get(),
        until.get(),
        MARKED_MAX,
    )
    .fetch_all(&mut **tx)
    .await?;
    let more = i64::try_from(marked.len()) == Ok(MARKED_MAX);
    for id in marked {
        changes.note(user, Change::Notification(id));
    }
    Ok(more)
}

/// Removes what was read and is older than [`READ_DAYS`]; feeds tell that it is gone. What another replica removes just now is passed over.
///
/// # Errors
/// The database's.
pub(crate) async fn sweep(app: &App) -> sqlx::Result<u64> {
    let mut all = 0;
    loop {
        let rows = sqlx::query_scalar!(
            r#"WITH gone AS (
                   DELETE FROM notifications
                    WHERE id IN (SELECT id
                                   FROM notifications
                                  WHERE is_read AND created_at < now() - make_interval(days => $1)
                               ORDER BY created_at
                                  LIMIT $2
                                    FOR UPDATE SKIP LOCKED)
                RETURNING recipient_id, id
               ), changed AS (
                   INSERT INTO feed_changes (user_id, kind, target_id)
                   SELECT recipient_id, 'notification', id FROM gone
               )
               SELECT count(*) AS "rows!" FROM gone"#,
            READ_DAYS,
            BATCH_ROWS,
        )
        .fetch_one(&app.pool)
        .await?;
        all += rows;
        if rows < BATCH_ROWS {
            return Ok(all.unsigned_abs());
        }
    }
}
