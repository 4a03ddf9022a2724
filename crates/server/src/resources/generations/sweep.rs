//! What befalls tickets and vouchers by the clock. Each row in a transaction of its own, each safe on any number of replicas.

use atelier_contract::{GenerationId, TicketState, VoucherId};
use chrono::Utc;
use sqlx::PgTransaction;

use super::tickets::{complete_in, lock_any};
use super::void::{self, Why};
use super::vouchers;
use crate::app::App;
use crate::refused::Refused;

/// Rows that one run takes; the rest is for the next.
const ROWS_MAX: u64 = 1_000;

/// Voids reservations that ran out.
pub(crate) async fn expired_reservations(app: &App) -> Result<u64, sqlx::Error> {
    let mut done = 0;
    while done < ROWS_MAX {
        let mut tx = app.pool.begin().await?;
        let next = sqlx::query_scalar!(
            r#"SELECT generation_id AS "id: GenerationId"
                 FROM tickets
                WHERE state = 'reserved' AND expires_at < $1
             ORDER BY expires_at
                LIMIT 1
                  FOR UPDATE SKIP LOCKED"#,
            Utc::now(),
        )
        .fetch_optional(&mut *tx)
        .await?;
        let Some(id) = next else { break };
        if let Some(mut ticket) = lock_any(&mut tx, id).await? {
            settle(void::void(&mut tx, &mut ticket, Why::NeverBegun).await, id)?;
        }
        tx.commit().await?;
        done += 1;
    }
    Ok(done)
}

/// Gives up what was begun a day ago and shows no sign of life.
pub(crate) async fn lapsed_leases(app: &App) -> Result<u64, sqlx::Error> {
    let mut done = 0;
    while done < ROWS_MAX {
        let mut tx = app.pool.begin().await?;
        let next = sqlx::query_scalar!(
            r#"SELECT generation_id AS "id: GenerationId"
                 FROM tickets
                WHERE state = 'released'
                  AND first_started_at < now() - interval '24 hours'
                  AND (lease_until IS NULL OR lease_until < now())
             ORDER BY first_started_at
                LIMIT 1
                  FOR UPDATE SKIP LOCKED"#,
        )
        .fetch_optional(&mut *tx)
        .await?;
        let Some(id) = next else { break };
        if let Some(mut ticket) = lock_any(&mut tx, id).await? {
            settle(void::give_up(&mut tx, &mut ticket).await, id)?;
        }
        tx.commit().await?;
        done += 1;
    }
    Ok(done)
}

/// Completes what was paid 30 days ago and never acknowledged: the right to make it again has ended.
pub(crate) async fn unacknowledged(app: &App) -> Result<u64, sqlx::Error> {
    let mut done = 0;
    while done < ROWS_MAX {
        let mut tx = app.pool.begin().await?;
        let next = sqlx::query_scalar!(
            r#"SELECT generation_id AS "id: GenerationId"
                 FROM tickets
                WHERE state = 'committed' AND committed_at < now() - interval '30 days'
             ORDER BY committed_at
                LIMIT 1
                  FOR UPDATE SKIP LOCKED"#,
        )
        .fetch_optional(&mut *tx)
        .await?;
        let Some(id) = next else { break };
        if let Some(ticket) = lock_any(&mut tx, id)
            .await?
            .filter(|ticket| ticket.state == TicketState::Committed.as_str())
        {
            settle(complete_in(&mut tx, &ticket).await, id)?;
        }
        tx.commit().await?;
        done += 1;
    }
    Ok(done)
}

/// Pays vouchers back that nobody spent, after a time in which a device that was offline may still bring its journal.
pub(crate) async fn unspent_vouchers(app: &App) -> Result<u64, sqlx::Error> {
    let mut done = 0;
    while done < ROWS_MAX {
        let mut tx: PgTransaction<'_> = app.pool.begin().await?;
        let next = sqlx::query_scalar!(
            r#"SELECT id AS "id: VoucherId"
                 FROM vouchers
                WHERE state = 'held' AND expires_at < $1
             ORDER BY expires_at
                LIMIT 1
                  FOR UPDATE SKIP LOCKED"#,
            Utc::now() - vouchers::GRACE,
        )
        .fetch_optional(&mut *tx)
        .await?;
        let Some(id) = next else { break };
        settle(vouchers::return_in(&mut tx, id).await, id)?;
        tx.commit().await?;
        done += 1;
    }
    Ok(done)
}

/// A refusal inside a sweep is a defect: the row is left as it is, the log names it, and the run ends.
fn settle(answer: Result<(), Refused>, id: impl std::fmt::Display) -> Result<(), sqlx::Error> {
    answer.map_err(|refused| {
        tracing::error!(%id, ?refused, "a row could not be swept");
        sqlx::Error::WorkerCrashed
    })
}
