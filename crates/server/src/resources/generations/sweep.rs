//! What befalls tickets and vouchers by the clock. Each row in a transaction of its own, each safe on any number of replicas.
//!
//! A row that cannot be swept is left as it is and named in the log; it keeps no other from being swept.

use atelier_contract::{GenerationId, TicketState, VoucherId};
use chrono::Utc;
use sqlx::PgTransaction;

use super::tickets::{Ticket, complete_in, lock_any};
use super::void::{self, Why};
use super::vouchers;
use crate::app::App;
use crate::refused::Answer;

/// Rows that one run takes; the rest is for the next.
const ROWS_MAX: usize = 1_000;

/// What happens to a ticket.
#[derive(Debug, Clone, Copy)]
enum Fate {
    /// It ran out before anything was begun.
    Void,
    /// It was begun a day ago and shows no sign of life.
    GiveUp,
    /// It was paid 30 days ago and never acknowledged: the right to make it again has ended.
    Complete,
}

/// Voids reservations that ran out.
pub(crate) async fn expired_reservations(app: &App) -> Result<u64, sqlx::Error> {
    tickets(app, Fate::Void).await
}

/// Gives up what was begun a day ago and shows no sign of life.
pub(crate) async fn lapsed_leases(app: &App) -> Result<u64, sqlx::Error> {
    tickets(app, Fate::GiveUp).await
}

/// Completes what was paid 30 days ago and never acknowledged.
pub(crate) async fn unacknowledged(app: &App) -> Result<u64, sqlx::Error> {
    tickets(app, Fate::Complete).await
}

async fn tickets(app: &App, fate: Fate) -> Result<u64, sqlx::Error> {
    let mut seen = Vec::new();
    let mut swept = 0;
    while seen.len() < ROWS_MAX {
        let mut tx = app.pool.begin().await?;
        let Some(id) = next(&mut tx, fate, &seen).await? else {
            break;
        };
        seen.push(id.get());
        let Some(mut ticket) = lock_any(&mut tx, id).await? else {
            continue;
        };
        match befall(&mut tx, &mut ticket, fate).await {
            Ok(()) => {
                tx.commit().await?;
                swept += 1;
            }
            Err(refused) => tracing::error!(%id, ?fate, ?refused, "a ticket could not be swept"),
        }
    }
    Ok(swept)
}

/// One that is due, locked, and not among those seen.
async fn next(tx: &mut PgTransaction<'_>, fate: Fate, seen: &[i64]) -> Result<Option<GenerationId>, sqlx::Error> {
    match fate {
        Fate::Void => {
            sqlx::query_scalar!(
                r#"SELECT generation_id AS "id: GenerationId"
                     FROM tickets
                    WHERE state = 'reserved' AND expires_at < now() AND generation_id <> ALL($1)
                 ORDER BY expires_at
                    LIMIT 1
                      FOR UPDATE SKIP LOCKED"#,
                seen,
            )
            .fetch_optional(&mut **tx)
            .await
        }
        Fate::GiveUp => {
            sqlx::query_scalar!(
                r#"SELECT generation_id AS "id: GenerationId"
                     FROM tickets
                    WHERE state = 'released'
                      AND first_started_at < now() - interval '24 hours'
                      AND (lease_until IS NULL OR lease_until < now())
                      AND generation_id <> ALL($1)
                 ORDER BY first_started_at
                    LIMIT 1
                      FOR UPDATE SKIP LOCKED"#,
                seen,
            )
            .fetch_optional(&mut **tx)
            .await
        }
        Fate::Complete => {
            sqlx::query_scalar!(
                r#"SELECT generation_id AS "id: GenerationId"
                     FROM tickets
                    WHERE state = 'committed'
                      AND committed_at < now() - interval '30 days'
                      AND generation_id <> ALL($1)
                 ORDER BY committed_at
                    LIMIT 1
                      FOR UPDATE SKIP LOCKED"#,
                seen,
            )
            .fetch_optional(&mut **tx)
            .await
        }
    }
}

async fn befall(tx: &mut PgTransaction<'_>, ticket: &mut Ticket, fate: Fate) -> Answer<()> {
    match (fate, ticket.state()?) {
        (Fate::Void, TicketState::Reserved) => void::void(tx, ticket, Why::NeverBegun).await,
        (Fate::GiveUp, TicketState::Released) => void::give_up(tx, ticket).await,
        (Fate::Complete, TicketState::Committed) => complete_in(tx, ticket).await,
        // The row is locked since it was found so: nobody else moved it.
        (Fate::Void | Fate::GiveUp | Fate::Complete, _) => Ok(()),
    }
}

/// Pays vouchers back that nobody spent, after a time in which a device that was offline may still bring its journal.
pub(crate) async fn unspent_vouchers(app: &App) -> Result<u64, sqlx::Error> {
    let mut seen: Vec<i64> = Vec::new();
    let mut swept = 0;
    while seen.len() < ROWS_MAX {
        let mut tx = app.pool.begin().await?;
        let next = sqlx::query_scalar!(
            r#"SELECT id AS "id: VoucherId"
                 FROM vouchers
                WHERE state = 'held' AND expires_at < $1 AND id <> ALL($2)
             ORDER BY expires_at
                LIMIT 1
                  FOR UPDATE SKIP LOCKED"#,
            Utc::now() - vouchers::GRACE,
            &seen,
        )
        .fetch_optional(&mut *tx)
        .await?;
        let Some(id) = next else { break };
        seen.push(id.get());
        match vouchers::return_in(&mut tx, id).await {
            Ok(()) => {
                tx.commit().await?;
                swept += 1;
            }
            Err(refused) => tracing::error!(%id, ?refused, "a voucher could not be swept"),
        }
    }
    Ok(swept)
}
