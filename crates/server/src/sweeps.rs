//! What runs by the clock. Each sweep is safe on any number of replicas at a time.

use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use metrics::counter;

use crate::app::App;
use crate::feed::sweep as feed_sweep;
use crate::metrics::{SWEEPS_FAILED, SWEPT};
use crate::resources::{generations::sweep, mutations, notifications, purchases::settling, uploads};
use crate::{counts, idempotency, ledger, sessions};

/// How often each sweep runs.
const EVERY: Duration = Duration::from_secs(30);

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
        ("purchases", settling::sweep(app).boxed()),
        ("payment_events", settling::events(app).boxed()),
        ("old_payment_events", settling::forget_events(app).boxed()),
        ("uploads", uploads::sweep(app).boxed()),
        ("sessions", sessions::sweep(app).boxed()),
        ("notifications", notifications::sweep(app).boxed()),
        ("mutations", mutations::sweep(app).boxed()),
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
            match sweep.await {
                Ok(rows) => counter!(SWEPT, "sweep" => name).increment(rows),
                Err(error) => {
                    counter!(SWEEPS_FAILED, "sweep" => name).increment(1);
                    tracing::error!(sweep = name, %error, "a sweep failed");
                }
            }
        }
    }
}
