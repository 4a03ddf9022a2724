//! What is new in the public gallery, for who has read its lists: by transaction, so that nothing is skipped.

use atelier_contract::{GenerationId, NewsItem, NewsPage};
use axum::Json;
use axum::extract::{Query, State};
use serde::{Deserialize, Serialize};
use sqlx::PgPool;

use super::view::views;
use crate::app::App;
use crate::caller::MaybeCaller;
use crate::columns::column;
use crate::pages::{Cursor, PageQuery};
use crate::refused::Answer;

/// How far somebody has read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    /// Of which history: another after the database was restored.
    history: String,
    /// Up to which transaction, and up to which generation of those that it changed.
    xid: u64,
    generation: i64,
}

/// What came to the gallery, changed there or left it since a cursor; without one only a cursor, for who is about to read the lists. A
/// picture that changed often is there once. Likes and comments are no change.
#[utoipa::path(get, path = "/generations/news", tag = "generations", security((), ("bearer" = [])), params(PageQuery),
    responses((status = 200, body = NewsPage)))]
pub(crate) async fn news(
    State(app): State<App>,
    MaybeCaller(caller): MaybeCaller,
    Query(page): Query<PageQuery>,
) -> Answer<Json<NewsPage>> {
    let known: Option<Place> = page.after.as_deref().map(Cursor::decode).transpose()?;
    // The primary's: a replica goes over to another history later, and does not know its own.
    let history = sqlx::query_scalar!(r#"SELECT database_history() AS "history!""#)
        .fetch_one(&app.pool)
        .await?;
    let restarted = known.as_ref().is_some_and(|place| place.history != history);
    let Some(mut place) = known.filter(|_| !restarted) else {
        let cursor = Cursor::encode(&now(&app.reads, history).await?)?;
        return Ok(Json(NewsPage {
            items: Vec::new(),
            cursor,
            more: false,
            restarted,
        }));
    };
    let limit = usize::from(page.limit());
    let mut changes = changes(&app.reads, &place, i64::from(page.limit()) + 1).await?;
    let more = changes.len() > limit;
    changes.truncate(limit);
    if let Some(last) = changes.last() {
        place.xid = column(last.xid.parse())?;
        place.generation = last.generation.get();
    }
    let ids: Vec<GenerationId> = changes.iter().map(|change| change.generation).collect();
    let seen = views(&app.reads, &ids, caller.map(|caller| caller.user)).await?;
    // Its maker sees what is hidden, but not in the gallery.
    let mut seen = seen.into_iter().filter(|view| view.is_public).peekable();
    let items = ids.into_iter().map(|id| NewsItem {
        id,
        state: seen.next_if(|view| view.id == id).map(Box::new),
    });
    Ok(Json(NewsPage {
        items: items.collect(),
        cursor: Cursor::encode(&place)?,
        more,
        restarted: false,
    }))
}

/// Before the first transaction that is still under way: all before it is in the lists by now.
async fn now(reads: &PgPool, history: String) -> Answer<Place> {
    let xid = sqlx::query_scalar!(r#"SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS "xid!""#)
        .fetch_one(reads)
        .await?;
    Ok(Place {
        history,
        xid: column(xid.parse())?,
        generation: 0,
    })
}

struct Change {
    generation: GenerationId,
    /// As Postgres writes it.
    xid: String,
}

/// Changes after `place`, up to the first transaction that is still under way: one that commits later has a later place than all that was read,
/// here and on a replica, which knows of every transaction that it has not seen the end of.
async fn changes(reads: &PgPool, place: &Place, limit: i64) -> Answer<Vec<Change>> {
    let changes = sqlx::query_as!(
        Change,
        r#"SELECT generation_id AS "generation: GenerationId", changed_xid::text AS "xid!"
             FROM publication_changes
            WHERE (changed_xid, generation_id) > ($1::text::xid8, $2)
              AND changed_xid < pg_snapshot_xmin(pg_current_snapshot())
         ORDER BY publication_changes.changed_xid, generation_id
            LIMIT $3"#,
        place.xid.to_string(),
        place.generation,
        limit,
    )
    .fetch_all(reads)
    .await?;
    Ok(changes)
}
