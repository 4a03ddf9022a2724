//! What runs by the clock. Each sweep is safe on any number of replicas at a time.

use std::time::Duration;

use chrono::Utc;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use metrics::{counter, gauge};

use crate::app::App;
use crate::feed::sweep as feed_sweep;
use crate::metrics::{SWEEP_DONE, SWEEPS_FAILED, SWEPT};
use crate::resources::{generations::sweep, mutations, notifications, purchases::following, uploads};
use crate::{counts, idempotency, ledger, sessions};

/// How often each sweep runs.
const EVERY: Duration = Duration::from_secs(30);
/// Longest time of one: a connection whose other end is gone without a word never answers, and would hold up all that come after.
const LONGEST: Duration = Duration::from_secs(300);

/// By name, one after the other; each gives the rows that it took.
fn all(app: &App) -> Vec<(&'static str, BoxFuture<'_, sqlx::Result<u64>>)> {
    vec![
        ("style_uses", counts::style_uses(app).boxed()),
        ("tag_uses", counts::tag_uses(app).boxed()),
        ("likes", counts::likes(app).boxed()),
        ("expired_reservations", sweep::expired_reservations(app).boxed()),
        ("lapsed_leases", sweep::lapsed_leases(app).boxed()),
        ("unacknowledged", sweep::unacknowledged(app).boxed()),
        ("unspent_vouchers", sweep::unspent_vouchers(app).boxed()),
        ("earnings", ledger::settle(app).boxed()),
        ("purchases", following::due(app).boxed()),
        ("payment_events", following::events(app).boxed()),
        ("old_payment_events", following::forget_events(app).boxed()),
        ("uploads", uploads::sweep(app).boxed()),
        ("discarded_objects", uploads::sweep_discarded(app).boxed()),
        ("sessions", sessions::sweep(app).boxed()),
        ("notifications", notifications::sweep(app).boxed()),
        ("mutations", mutations::sweep(app).boxed()),
        ("shown_changes", feed_sweep::shown(app).boxed()),
        // After the others, which note what they change.
        ("feed_changes", feed_sweep::changes(app).boxed()),
        ("feed_gone", feed_sweep::gone(app).boxed()),
        ("idempotency_keys", idempotency::sweep(app).boxed()),
    ]
}

/// Runs every sweep once, for who does not want to wait for the clock. Gives the rows each one took.
///
/// # Errors
/// The first that the database gives.
pub async fn run_all(app: &App) -> Result<Vec<(&'static str, u64)>, sqlx::Error> {
    let mut took = Vec::new();
    for (name, sweep) in all(app) {
        took.push((name, sweep.await?));
    }
    Ok(took)
}

/// Runs them by the clock until the server is asked to stop. One that fails keeps no other from running.
pub async fn run_by_the_clock(app: App) {
    let mut clock = tokio::time::interval(EVERY);
    clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while app.stopping.run_until_cancelled(clock.tick()).await.is_some() {
        for (name, sweep) in all(&app) {
            run(name, sweep, LONGEST).await;
        }
    }
}

/// One of them, and what is counted of it. What it had not committed when its time was over is undone.
async fn run(name: &'static str, sweep: impl Future<Output = sqlx::Result<u64>>, longest: Duration) {
    match tokio::time::timeout(longest, sweep).await {
        Ok(Ok(rows)) => {
            counter!(SWEPT, "sweep" => name).increment(rows);
            #[expect(clippy::cast_precision_loss, reason = "exact for the next hundred million years")]
            gauge!(SWEEP_DONE, "sweep" => name).set(Utc::now().timestamp() as f64);
            return;
        }
        Ok(Err(error)) => tracing::error!(sweep = name, %error, "a sweep failed"),
        Err(_) => tracing::error!(sweep = name, "a sweep did not end in time"),
    }
    counter!(SWEEPS_FAILED, "sweep" => name).increment(1);
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use metrics_exporter_prometheus::PrometheusBuilder;

    use super::*;

    #[test]
    fn a_sweep_that_hangs_is_given_up_and_one_that_went_through_says_when() {
        let recorder = PrometheusBuilder::new().build_recorder();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        metrics::with_local_recorder(&recorder, || {
            runtime.expect("a runtime").block_on(async {
                run("hangs", pending(), Duration::from_millis(1)).await;
                run("works", ready(Ok(7)), LONGEST).await;
            });
        });
        let told = recorder.handle().render();
        assert!(told.contains("sweep_failures_total{sweep=\"hangs\"} 1"), "{told}");
        assert!(
            !told.contains("sweep_done_timestamp_seconds{sweep=\"hangs\"}"),
            "{told}"
        );
        assert!(told.contains("sweep_rows_total{sweep=\"works\"} 7"), "{told}");
        let done = told
            .split_once("sweep_done_timestamp_seconds{sweep=\"works\"} ")
            .expect("when")
            .1;
        let done: i64 = done.lines().next().and_then(|at| at.parse().ok()).expect("seconds");
        assert!((Utc::now().timestamp() - done).abs() < 60, "{told}");
    }
}
