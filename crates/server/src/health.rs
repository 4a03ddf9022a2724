//! Whether this process lives, and whether it may be sent requests.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use tokio::sync::Mutex;

use crate::app::App;

/// Longest wait for the database.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long what was found is told: nothing stands before these routes, so that asking has to cost the database nothing.
const FRESH: Duration = Duration::from_secs(1);
const NOT_NOW: StatusCode = StatusCode::SERVICE_UNAVAILABLE;

type Found = (StatusCode, &'static str);

pub(crate) fn router() -> Router<App> {
    let lately = Arc::new(Lately::default());
    let ready = move |State(app): State<App>| {
        let lately = lately.clone();
        async move { ready(&app, &lately).await }
    };
    Router::new().route("/healthz", get(live)).route("/readyz", get(ready))
}

/// Always answers; a process that does not is to be started anew.
async fn live() -> &'static str {
    "live\n"
}

/// Whether a balancer should send requests here: not while the database is away or behind this program, nor once it was asked to stop.
async fn ready(app: &App, lately: &Lately) -> Found {
    if app.stopping.is_cancelled() {
        return (NOT_NOW, "stopping\n");
    }
    lately.found(Instant::now(), async || look(app).await).await
}

async fn look(app: &App) -> Found {
    match tokio::time::timeout(PATIENCE, app.is_migrated()).await {
        Ok(Ok(true)) => (StatusCode::OK, "ready\n"),
        Ok(Ok(false)) => (
            NOT_NOW,
            "the tables are older than this program: atelier-server migrate\n",
        ),
        Ok(Err(error)) => {
            tracing::warn!(%error, "not ready");
            (NOT_NOW, "the database failed\n")
        }
        Err(_) => (NOT_NOW, "the database does not answer\n"),
    }
}

/// What was found last, and when. One looks at a time, and whoever comes meanwhile gets what is found then.
#[derive(Debug, Default)]
struct Lately(Mutex<Option<(Instant, Found)>>);

impl Lately {
    async fn found(&self, now: Instant, look: impl AsyncFnOnce() -> Found) -> Found {
        let mut last = self.0.lock().await;
        if let Some((at, found)) = *last
            && now < at + FRESH
        {
            return found;
        }
        let found = look().await;
        *last = Some((Instant::now(), found));
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn however_many_ask_the_database_is_asked_once_in_a_while() {
        let lately = Lately::default();
        let now = Instant::now();
        let first = lately.found(now, async || (StatusCode::OK, "ready")).await;
        let again = lately.found(now, async || panic!("it was asked just now")).await;
        assert_eq!(first, again);
        let later = Instant::now() + FRESH;
        let (status, _) = lately.found(later, async || (NOT_NOW, "away")).await;
        assert_eq!(status, NOT_NOW);
    }
}
