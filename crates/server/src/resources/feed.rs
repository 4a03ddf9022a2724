//! What of the caller's changed: pages by cursor, which are the truth, and a stream that only says that there is more.

mod items;

use std::convert::Infallible;
use std::time::Duration;

use atelier_contract::{FeedPage, UserId};
use axum::Json;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use chrono::Utc;
use futures_util::stream::{self, Stream};
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::caller::Caller;
use crate::pages::{Cursor, PageQuery};
use crate::refused::Answer;

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
    /// Where the feed ended when they began with nothing: what was gone by then they never had.
    #[serde(default)]
    begun: i64,
}

/// Where the feed of a user ends now.
struct End {
    history: String,
    seq: i64,
    /// The newest that was dropped, because what it named is gone.
    dropped: i64,
}

impl End {
    async fn of(app: &App, user: UserId) -> Answer<Self> {
        let end = sqlx::query_as!(
            Self,
            r#"SELECT database_history() AS "history!", coalesce(seq, 0) AS "seq!", coalesce(dropped_seq, 0) AS "dropped!"
                 FROM (VALUES ($1::bigint)) AS reader(user_id)
            LEFT JOIN user_feed USING (user_id)"#,
            user.get(),
        )
        .fetch_one(&app.pool)
        .await?;
        Ok(end)
    }

    /// Whether all that changed after `place` is still told.
    fn follows(&self, place: &Place) -> bool {
        place.history == self.history && place.seq <= self.seq && place.seq.max(place.begun) >= self.dropped
    }
}

/// What changed since a cursor; everything without one.
#[utoipa::path(get, path = "/feed", tag = "feed", params(PageQuery), responses((status = 200, body = FeedPage)))]
async fn pull(State(app): State<App>, caller: Caller, Query(page): Query<PageQuery>) -> Answer<Json<FeedPage>> {
    let known: Option<Place> = page.after.as_deref().map(Cursor::decode).transpose()?;
    let restarted = known.is_some();
    if let Some(place) = known {
        // Read first and looked at afterwards: what is dropped in between is noticed.
        let entries = entries(&app, caller.user, place.seq, page.limit()).await?;
        if End::of(&app, caller.user).await?.follows(&place) {
            return shown(&app, caller.user, entries, place, page.limit()).await.map(Json);
        }
    }
    let end = End::of(&app, caller.user).await?;
    let place = Place {
        history: end.history,
        seq: 0,
        begun: end.seq,
    };
    let entries = entries(&app, caller.user, 0, page.limit()).await?;
    let first = shown(&app, caller.user, entries, place, page.limit()).await?;
    Ok(Json(FeedPage { restarted, ..first }))
}

/// Entries after `seen`, one more than the page has when there are more.
async fn entries(app: &App, user: UserId, seen: i64, limit: u16) -> Answer<Vec<Entry>> {
    let entries = sqlx::query_as!(
        Entry,
        r#"SELECT seq, kind, target_id AS target
             FROM feed_entries
            WHERE user_id = $1 AND seq > $2
         ORDER BY seq
            LIMIT $3"#,
        user.get(),
        seen,
        i64::from(limit) + 1,
    )
    .fetch_all(&app.pool)
    .await?;
    Ok(entries)
}

/// The page of `entries` that come after `place`.
async fn shown(app: &App, user: UserId, mut entries: Vec<Entry>, mut place: Place, limit: u16) -> Answer<FeedPage> {
    let limit = usize::from(limit);
    let more = entries.len() > limit;
    entries.truncate(limit);
    place.seq = entries.last().map_or(place.seq, |entry| entry.seq);
    Ok(FeedPage {
        items: items::items(app, user, &entries).await?,
        cursor: Cursor::encode(&place)?,
        more,
        restarted: false,
    })
}

struct Entry {
    seq: i64,
    kind: String,
    target: i64,
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
    let end = End::of(&app, caller.user).await?;
    // Of another history: there is more at once, and the pull says the rest.
    let told = match known {
        Some(known) if known.history == end.history => known.seq,
        Some(_) => -1,
        None => end.seq,
    };
    let receiver = app.hub.watch(caller.user, end.seq);
    let end = Place {
        history: end.history,
        seq: end.seq,
        begun: 0,
    };
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
