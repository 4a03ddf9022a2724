//! What is counted, for Prometheus, and where it is told.

use std::sync::OnceLock;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use metrics::{Unit, describe_counter, describe_gauge, describe_histogram, gauge};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use crate::app::App;

/// Requests answered, by method, route and status.
pub(crate) const REQUESTS: &str = "http_requests_total";
/// Seconds until an answer began, by method and route.
pub(crate) const REQUEST_SECONDS: &str = "http_request_duration_seconds";
/// Requests under way.
pub(crate) const REQUESTS_NOW: &str = "http_requests_in_flight";
/// Requests turned away, by reason.
pub(crate) const TURNED_AWAY: &str = "http_requests_turned_away_total";
/// Rows that a sweep took.
pub(crate) const SWEPT: &str = "sweep_rows_total";
/// Sweeps that failed.
pub(crate) const SWEEPS_FAILED: &str = "sweep_failures_total";
/// When a sweep last went through, in seconds since 1970.
pub(crate) const SWEEP_DONE: &str = "sweep_done_timestamp_seconds";
const CONNECTIONS: &str = "database_connections";
const CONNECTIONS_IDLE: &str = "database_connections_idle";

/// Upper ends of the buckets of a request's time, in seconds.
const SECONDS: [f64; 11] = [0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0];

static RECORDER: OnceLock<Option<PrometheusHandle>> = OnceLock::new();

/// Starts to count, once in a process. `None` when something else counts already.
pub fn install() -> Option<&'static PrometheusHandle> {
    RECORDER
        .get_or_init(|| {
            let builder = PrometheusBuilder::new()
                .set_buckets_for_metric(Matcher::Full(REQUEST_SECONDS.to_owned()), &SECONDS)
                .inspect_err(|error| tracing::error!(%error, "the buckets of request times"))
                .ok()?;
            let handle = builder.install_recorder();
            describe();
            handle
                .inspect_err(|error| tracing::error!(%error, "nothing is counted"))
                .ok()
        })
        .as_ref()
}

fn describe() {
    describe_counter!(REQUESTS, "Requests answered");
    describe_histogram!(REQUEST_SECONDS, Unit::Seconds, "Time until an answer began");
    describe_gauge!(REQUESTS_NOW, "Requests under way");
    describe_counter!(TURNED_AWAY, "Requests turned away");
    describe_counter!(SWEPT, "Rows that a sweep took");
    describe_counter!(SWEEPS_FAILED, "Sweeps that failed");
    describe_gauge!(SWEEP_DONE, Unit::Seconds, "When a sweep last went through, since 1970");
    describe_gauge!(CONNECTIONS, "Connections to the database");
    describe_gauge!(CONNECTIONS_IDLE, "Connections to the database that wait for work");
}

/// `/metrics`, for a listener of its own that only the collector reaches.
pub fn router(app: App) -> Router {
    Router::new().route("/metrics", get(render)).with_state(app)
}

async fn render(State(app): State<App>) -> String {
    for (name, pool) in [("writes", &app.pool), ("reads", &app.reads)] {
        gauge!(CONNECTIONS, "pool" => name).set(pool.size());
        gauge!(CONNECTIONS_IDLE, "pool" => name).set(u32::try_from(pool.num_idle()).unwrap_or(u32::MAX));
    }
    let handle = install();
    handle
        .inspect(|handle| handle.run_upkeep())
        .map(PrometheusHandle::render)
        .unwrap_or_default()
}
