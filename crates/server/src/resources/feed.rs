//! What of the caller's changed: pages by cursor, which are the truth, and a stream that only says that there is more.

use std::convert::Infallible;
use std::time::Duration;

use atelier_contract::{FeedItem, FeedPage, GenerationId, StyleId, UserId};
use axum::Json;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
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
use crate::sessions::ACCESS_VALID;

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
    let mut items = Vec::with_capacity(entries.len());
    for entry in &entries {
        items.extend(entry.item(&app, caller.user).await?);
    }
    Ok(Json(FeedPage {
        items,
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

impl Entry {
    /// The thing as it is now. A kind that a newer server wrote is passed over.
    async fn item(&self, app: &App, user: UserId) -> Answer<Option<FeedItem>> {
        let (pool, target) = (&app.pool, self.target);
        Ok(Some(match self.kind.as_str() {
            "profile" => FeedItem::Profile {},
            "balance" => FeedItem::Balance {
                state: transactions::balance_of(app, user).await?,
            },
            "generation" => {
                let id = column(GenerationId::try_from(target))?;
                let state = generations::views(pool, &[id], Some(user)).await?.pop().map(Box::new);
                FeedItem::Generation { id, state }
            }
            "style" => {
                let id = column(StyleId::try_from(target))?;
                let state = styles::find(pool, id, Some(user)).await?.map(Box::new);
                FeedItem::Style { id, state }
            }
            "notification" => FeedItem::Notification {
                id: column(target.try_into())?,
                state: notifications::views(pool, user, &[target]).await?.pop(),
            },
            "purchase" => {
                let id = column(target.try_into())?;
                let state = purchases::find(app, user, id).await?;
                FeedItem::Purchase { id, state }
            }
            "withdrawal" => FeedItem::Withdrawal {
                id: column(target.try_into())?,
                state: withdrawals::find(pool, user, target).await?,
            },
            "follow" => FeedItem::Follow {
                state: follows::view(app, user, column(target.try_into())?).await?,
            },
            "like" => {
                let id = column(target.try_into())?;
                let state = likes::view(app, user, id).await?;
                FeedItem::Like { id, state }
            }
            "comment" => FeedItem::Comment {
                id: column(target.try_into())?,
                state: comments::views(pool, &[target], Some(user)).await?.pop(),
            },
            _ => return Ok(None),
        }))
    }
}

/// Says whenever there is more, and nothing else: the id of an event is the cursor up to which there is. It ends after as long
/// as an access token is good; who comes again says in `Last-Event-ID` where they were.
#[utoipa::path(get, path = "/feed/events", tag = "feed",
    params(("Last-Event-ID" = Option<String>, Header, description = "A cursor; from now on when absent.")),
    responses((status = 200, content_type = "text/event-stream", body = String)))]
async fn events(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
) -> Answer<Sse<impl Stream<Item = Result<Event, Infallible>>>> {
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
    let until = tokio::time::Instant::now() + ACCESS_VALID.to_std().unwrap_or_default();
    let state = (receiver, told, end, app.stopping.clone());
    let stream = stream::unfold(state, move |(mut receiver, told, mut end, stopping)| async move {
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
            () = stopping.cancelled() => return None,
        };
        end.seq = newest;
        let id = Cursor::encode(&end).ok()?;
        let event = Event::default().event("more").id(id).data("{}");
        Some((Ok(event), (receiver, newest, end, stopping)))
    });
    Ok(Sse::new(stream).keep_alive(KeepAlive::new().interval(ALIVE_EVERY)))
}
