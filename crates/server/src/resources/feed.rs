//! What of the caller's changed: pages by cursor, which are the truth, and a stream that only says that there is more.

use std::collections::HashMap;
use std::convert::Infallible;
use std::time::Duration;

use atelier_contract::{FeedItem, FeedPage, GenerationId, UserId};
use axum::Json;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use chrono::Utc;
use futures_util::stream::{self, Stream};
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{comments, follows, generations, likes, notifications, purchases, styles, transactions, withdrawals};
use crate::app::App;
use crate::caller::Caller;
use crate::pages::{Cursor, PageQuery};
use crate::refused::Answer;
use crate::resources::styles::column;

/// How often a stream that has nothing to say shows that it lives.
const ALIVE_EVERY: Duration = Duration::from_secs(15);

pub(crate) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(pull)).routes(routes!(events))
}

/// How far somebody has read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    /// Of which history: another after the database was restored.
    history: String,
    seq: i64,
}

/// Where the feed of a user ends now.
async fn end(app: &App, user: UserId) -> Answer<Place> {
    // The timeline of the log is another after every restore to a point in time and every failover, the system another after a dump.
    let row = sqlx::query!(
        r#"SELECT system_identifier::text || '/' || left(pg_walfile_name(pg_current_wal_lsn()), 8) AS "history!",
                  coalesce((SELECT seq FROM user_feed WHERE user_id = $1), 0) AS "seq!"
             FROM pg_control_system()"#,
        user.get(),
    )
    .fetch_one(&app.pool)
    .await?;
    Ok(Place {
        history: row.history,
        seq: row.seq,
    })
}

/// What changed since a cursor; everything without one.
#[utoipa::path(get, path = "/feed", tag = "feed", params(PageQuery), responses((status = 200, body = FeedPage)))]
async fn pull(State(app): State<App>, caller: Caller, Query(page): Query<PageQuery>) -> Answer<Json<FeedPage>> {
    let known: Option<Place> = page.after.as_deref().map(Cursor::decode).transpose()?;
    let end = end(&app, caller.user).await?;
    let restarted = known
        .as_ref()
        .is_some_and(|known| known.history != end.history || known.seq > end.seq);
    let seen = known.filter(|_| !restarted).map_or(0, |known| known.seq);
    let limit = usize::from(page.limit());
    let mut entries = sqlx::query_as!(
        Entry,
        r#"SELECT seq, kind, target_id AS target
             FROM feed_entries
            WHERE user_id = $1 AND seq > $2
         ORDER BY seq
            LIMIT $3"#,
        caller.user.get(),
        seen,
        i64::from(page.limit()) + 1,
    )
    .fetch_all(&app.pool)
    .await?;
    let more = entries.len() > limit;
    entries.truncate(limit);
    let cursor = Cursor::encode(&Place {
        history: end.history,
        seq: entries.last().map_or(seen, |entry| entry.seq),
    })?;
    Ok(Json(FeedPage {
        items: items(&app, caller.user, &entries).await?,
        cursor,
        more,
        restarted,
    }))
}

struct Entry {
    seq: i64,
    kind: String,
    target: i64,
}

/// The things that entries name, as they are now. A kind that a newer server wrote is passed over.
async fn items(app: &App, user: UserId, entries: &[Entry]) -> Answer<Vec<FeedItem>> {
    let pool = &app.pool;
    let of_own = async |ids: &[i64]| {
        let ids: Vec<GenerationId> = ids.iter().map(|id| column((*id).try_into())).collect::<Answer<_>>()?;
        generations::views(pool, &ids, Some(user)).await
    };
    let mut generations = of_kind(entries, "generation", of_own, |view| view.id.get()).await?;
    let find = async |ids: &[i64]| styles::views(pool, ids, Some(user)).await;
    let mut styles = of_kind(entries, "style", find, |view| view.card.id.get()).await?;
    let find = async |ids: &[i64]| notifications::views(pool, user, ids).await;
    let mut notifications = of_kind(entries, "notification", find, |view| view.id.get()).await?;
    let find = async |ids: &[i64]| purchases::views(app, user, ids).await;
    let mut purchases = of_kind(entries, "purchase", find, |view| view.id.get()).await?;
    let find = async |ids: &[i64]| withdrawals::views(pool, user, ids).await;
    let mut withdrawals = of_kind(entries, "withdrawal", find, |view| view.id.get()).await?;
    let find = async |ids: &[i64]| follows::views(pool, user, ids).await;
    let mut follows = of_kind(entries, "follow", find, |view| view.user.get()).await?;
    let find = async |ids: &[i64]| likes::views(pool, user, ids).await;
    let mut likes = of_kind(entries, "like", find, |view| view.generation.get()).await?;
    let find = async |ids: &[i64]| comments::views(pool, ids, Some(user)).await;
    let mut comments = of_kind(entries, "comment", find, |view| view.id.get()).await?;
    let mut items = Vec::with_capacity(entries.len());
    for Entry { kind, target, .. } in entries {
        items.push(match kind.as_str() {
            "profile" => FeedItem::Profile {},
            "balance" => FeedItem::Balance {
                state: transactions::balance_of(app, user).await?,
            },
            "generation" => FeedItem::Generation {
                id: column((*target).try_into())?,
                state: generations.remove(target).map(Box::new),
            },
            "style" => FeedItem::Style {
                id: column((*target).try_into())?,
                state: styles.remove(target).map(Box::new),
            },
            "notification" => FeedItem::Notification {
                id: column((*target).try_into())?,
                state: notifications.remove(target),
            },
            "purchase" => FeedItem::Purchase {
                id: column((*target).try_into())?,
                state: purchases.remove(target),
            },
            "withdrawal" => FeedItem::Withdrawal {
                id: column((*target).try_into())?,
                state: withdrawals.remove(target),
            },
            "follow" => FeedItem::Follow {
                state: follows.remove(target).ok_or(sqlx::Error::RowNotFound)?,
            },
            "like" => FeedItem::Like {
                id: column((*target).try_into())?,
                state: likes.remove(target),
            },
            "comment" => FeedItem::Comment {
                id: column((*target).try_into())?,
                state: comments.remove(target),
            },
            _ => continue,
        });
    }
    Ok(items)
}

/// Those of one kind by their numbers, asked for at once.
async fn of_kind<V>(
    entries: &[Entry],
    kind: &str,
    find: impl AsyncFnOnce(&[i64]) -> Answer<Vec<V>>,
    number: impl Fn(&V) -> i64,
) -> Answer<HashMap<i64, V>> {
    let of_kind = entries.iter().filter(|entry| entry.kind == kind);
    let targets: Vec<i64> = of_kind.map(|entry| entry.target).collect();
    if targets.is_empty() {
        return Ok(HashMap::new());
    }
    let views = find(&targets).await?;
    Ok(views.into_iter().map(|view| (number(&view), view)).collect())
}

/// Says whenever there is more, and nothing else: the id of an event is the cursor up to which there is. It ends with the access
/// token; who comes again says in `Last-Event-ID` where they were.
#[utoipa::path(get, path = "/feed/events", tag = "feed",
    params(("Last-Event-ID" = Option<String>, Header, description = "A cursor; from now on when absent.")),
    responses((status = 200, content_type = "text/event-stream", body = String)))]
async fn events(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
) -> Answer<Sse<impl Stream<Item = Result<Event, Infallible>>>> {
    let seat = app.gate.streams.take(caller.user)?;
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let known: Option<Place> = last.map(Cursor::decode).transpose()?;
    let end = end(&app, caller.user).await?;
    // Of another history: there is more at once, and the pull says the rest.
    let told = match known {
        Some(known) if known.history == end.history => known.seq,
        Some(_) => -1,
        None => end.seq,
    };
    let receiver = app.hub.watch(caller.user, end.seq);
    let until = tokio::time::Instant::now() + (caller.until - Utc::now()).to_std().unwrap_or_default();
    let state = (receiver, told, end, app.closing.clone(), seat);
    let stream = stream::unfold(state, move |(mut receiver, told, mut end, closing, seat)| async move {
        let next = async {
            loop {
                let newest = (*receiver.borrow_and_update()).max(end.seq);
                if newest != told {
                    return Some(newest);
                }
                receiver.changed().await.ok()?;
            }
        };
        let newest = tokio::select! {
            newest = next => newest?,
            () = tokio::time::sleep_until(until) => return None,
            () = closing.cancelled() => return None,
        };
        end.seq = newest;
        let id = Cursor::encode(&end).ok()?;
        let event = Event::default().event("more").id(id).data("{}");
        Some((Ok(event), (receiver, newest, end, closing, seat)))
    });
    Ok(Sse::new(stream).keep_alive(KeepAlive::new().interval(ALIVE_EVERY)))
}
