//! Whether this process lives, and whether it may be sent requests.

use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;

use crate::app::App;

/// Longest wait for the database.
const PATIENCE: Duration = Duration::from_secs(2);

pub(crate) fn router() -> Router<App> {
    Router::new().route("/healthz", get(live)).route("/readyz", get(ready))
}

/// Always answers; a process that does not is to be started anew.
async fn live() -> &'static str {
    "live\n"
}

/// Whether a balancer should send requests here: not while the database is away or behind this program, nor once it was asked to stop.
async fn ready(State(app): State<App>) -> (StatusCode, &'static str) {
    const NOT_NOW: StatusCode = StatusCode::SERVICE_UNAVAILABLE;
    if app.stopping.is_cancelled() {
        return (NOT_NOW, "stopping\n");
    }
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
