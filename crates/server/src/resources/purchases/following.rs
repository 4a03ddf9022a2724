//! What follows purchases up: by the clock, and when a webhook hints at something.

use std::sync::Arc;

use atelier_contract::{PurchaseId, UserId};
use tokio::sync::{Mutex, Semaphore};

use super::settling::{Asked, Purchase, ask, of_order};
use crate::app::App;

/// How many a sweep asks about in one run.
const ASKED_MAX: i64 = 100;
/// Hints that are forgotten in one run.
const FORGOTTEN_MAX: i64 = 10_000;
/// Times that the provider is away one after the other, after which a run asks no more: it must not hold up what else runs by the clock.
const AWAY_MAX: u32 = 3;

/// One run that follows hints up, and one that waits for it: whatever came meanwhile is in that one, however much it is.
#[derive(Debug, Clone)]
pub(crate) struct Hints {
    runs: Arc<Semaphore>,
    running: Arc<Mutex<()>>,
}

impl Default for Hints {
    fn default() -> Self {
        Self {
            runs: Arc::new(Semaphore::new(2)),
            running: Arc::default(),
        }
    }
}

impl Hints {
    /// Follows up what was hinted at, without being waited for. What fails, the clock does again.
    pub(crate) fn follow(&self, app: &App) {
        let (app, running) = (app.clone(), self.running.clone());
        let Ok(run) = self.runs.clone().try_acquire_owned() else {
            return;
        };
        tokio::spawn(async move {
            let alone = running.lock().await;
            if let Err(error) = events(&app).await {
                tracing::warn!(%error, "hints wait");
            }
            drop((alone, run));
        });
    }
}

/// Asks about purchases whose time has come: those that nobody came back from after 40 minutes, those that were agreed to and never
/// clearly answered, and those that are paid, which may have been cancelled since without a word arriving. Each is asked about again
/// later and later; a paid one whenever its age has doubled, for three months.
pub(crate) async fn due(app: &App) -> Result<u64, sqlx::Error> {
    if app.payments.is_none() {
        return Ok(0);
    }
    // Taken before they are asked about, so that no other replica asks as well.
    let due = sqlx::query_as!(
        Purchase,
        r#"UPDATE purchases
              SET ask_at = CASE WHEN status <> 'paid' THEN now() + greatest(interval '1 minute', (now() - created_at) / 4)
                                WHEN created_at < now() - interval '45 days' THEN 'infinity'
                                ELSE now() + greatest(interval '40 minutes', now() - created_at)
                           END
            WHERE id IN (SELECT id
                           FROM purchases
                          WHERE status IN ('pending', 'authorized', 'paid') AND ask_at <= now()
                       ORDER BY ask_at
                          LIMIT $1
                            FOR UPDATE SKIP LOCKED)
        RETURNING id AS "id: PurchaseId", buyer_id AS "buyer: UserId", provider_order_id AS "order",
                  provider_payment_key AS key, agreed_keys, amount_tokens AS tokens, price_per_token, total_price AS "total!",
                  currency_code AS "currency!", status, created_at < now() - interval '40 minutes' AS "lapsed!""#,
        ASKED_MAX,
    )
    .fetch_all(&app.pool)
    .await?;
    let (mut away, mut asked) = (0, 0);
    for purchase in &due {
        let came = followed_up(app, purchase).await;
        away = if came == Asked::Away { away + 1 } else { 0 };
        if away == AWAY_MAX {
            break;
        }
        asked += 1;
    }
    Ok(asked)
}

/// Follows up the hints that webhooks gave.
pub(crate) async fn events(app: &App) -> Result<u64, sqlx::Error> {
    let due = sqlx::query!(
        r#"UPDATE payment_events
              SET ask_at = now() + greatest(interval '1 minute', now() - received_at)
            WHERE transmission_id IN (SELECT transmission_id
                                        FROM payment_events
                                       WHERE handled_at IS NULL AND ask_at <= now()
                                    ORDER BY ask_at
                                       LIMIT $1
                                         FOR UPDATE SKIP LOCKED)
        RETURNING transmission_id, order_id"#,
        ASKED_MAX,
    )
    .fetch_all(&app.pool)
    .await?;
    let mut handled = Vec::with_capacity(due.len());
    let mut away = 0;
    for event in due {
        let came = match of_order(app, &event.order_id).await? {
            Some(purchase) => followed_up(app, &purchase).await,
            None => Asked::Clear,
        };
        if came == Asked::Clear {
            handled.push(event.transmission_id);
        }
        away = if came == Asked::Away { away + 1 } else { 0 };
        if away == AWAY_MAX {
            break;
        }
    }
    sqlx::query!(
        "UPDATE payment_events SET handled_at = now() WHERE transmission_id = ANY($1)",
        &handled
    )
    .execute(&app.pool)
    .await?;
    Ok(u64::try_from(handled.len()).unwrap_or(0))
}

/// Forgets hints of long ago, some in each run; the provider repeats none after four days.
pub(crate) async fn forget_events(app: &App) -> Result<u64, sqlx::Error> {
    let gone = sqlx::query!(
        r#"DELETE FROM payment_events
            WHERE transmission_id IN (SELECT transmission_id
                                        FROM payment_events
                                       WHERE received_at < now() - interval '30 days'
                                    ORDER BY received_at
                                       LIMIT $1)"#,
        FORGOTTEN_MAX,
    )
    .execute(&app.pool)
    .await?;
    Ok(gone.rows_affected())
}

/// As `ask`; what is refused stands in the log, and keeps no other from being asked about.
async fn followed_up(app: &App, purchase: &Purchase) -> Asked {
    ask(app, purchase).await.unwrap_or_else(|refused| {
        tracing::error!(purchase = %purchase.id, ?refused, "a purchase could not be followed up");
        Asked::Unclear
    })
}
