//! Paying back: in full or not at all, at most once, and never after the artist was paid.
//!
//! What was never begun is always paid back. What was begun is paid back by itself within a budget; beyond it a person looks.

use atelier_contract::{GenerationId, NotificationType, TargetType, TicketState, TicketView, UserId};
use axum::Json;
use axum::extract::{Path, State};
use sqlx::PgTransaction;

use super::tickets::{Ticket, lock};
use crate::app::App;
use crate::caller::Caller;
use crate::feed::{Change, Changes, append};
use crate::ledger;
use crate::notices::{self, NewNotice};
use crate::refused::Answer;

/// Refunds by themselves that everybody has within 30 days.
const REFUNDS_MIN: i64 = 3;
/// Paid generations of 30 days that give one more such refund: one in twenty, whether by ticket or by voucher. Only those: free ones and
/// ones paid back cost nothing, so that a budget of them would be had for nothing.
const PAID_PER_REFUND: i64 = 20;

/// Gives a ticket back. One never begun is paid back at once; another counts as failed.
#[utoipa::path(post, path = "/generations/{id}/void", tag = "tickets", params(("id" = GenerationId, Path)),
    responses((status = 200, body = TicketView)))]
pub(crate) async fn give_back(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<GenerationId>,
) -> Answer<Json<TicketView>> {
    let mut tx = app.pool.begin().await?;
    let mut ticket = lock(&mut tx, id, caller.user).await?;
    match ticket.state()? {
        TicketState::Voided | TicketState::Review => return Ok(Json(ticket.view()?)),
        TicketState::Reserved => void(&mut tx, &mut ticket, Why::NeverBegun).await?,
        TicketState::Released => give_up(&mut tx, &mut ticket).await?,
        TicketState::Committed | TicketState::Completed => return Err(ticket.moved()),
    }
    tx.commit().await?;
    Ok(Json(ticket.view()?))
}

/// Why a ticket is paid back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// No attempt was begun.
    NeverBegun,
    /// Attempts failed, within the budget.
    Failed,
    /// An operator said so.
    Operator,
}

impl Why {
    const fn memo(self) -> &'static str {
        match self {
            Self::NeverBegun => "reservation was never begun",
            Self::Failed => "generation failed",
            Self::Operator => "refunded after review",
        }
    }
}

/// Ends a begun ticket, whose row is locked, without a picture: paid back within the budget, else `review`.
pub(crate) async fn give_up(tx: &mut PgTransaction<'_>, ticket: &mut Ticket) -> Answer<()> {
    if within_budget(tx, ticket.user).await? {
        return void(tx, ticket, Why::Failed).await;
    }
    sqlx::query!(
        r#"WITH moved AS (
               UPDATE tickets SET state = 'review', lease_until = NULL
                WHERE generation_id = $1 AND state = 'released'
            RETURNING generation_id
           )
           UPDATE generations
              SET status = 'retrying', generation_progress = NULL, updated_at = now()
             FROM moved
            WHERE generations.id = moved.generation_id"#,
        ticket.generation.get(),
    )
    .execute(&mut **tx)
    .await?;
    ticket.state = TicketState::Review.as_str().to_owned();
    ticket.lease_until = None;
    append(tx, ticket.user, Change::Generation(ticket.generation)).await?;
    Ok(())
}

/// Whether the user has a refund left that nobody looks at.
async fn within_budget(tx: &mut PgTransaction<'_>, user: UserId) -> Answer<bool> {
    // The user's row, so that two that fail at once do not both take the last one.
    sqlx::query_scalar!("SELECT id FROM users WHERE id = $1 FOR NO KEY UPDATE", user.get())
        .fetch_one(&mut **tx)
        .await?;
    let refunds = sqlx::query_scalar!(
        r#"SELECT count(*) AS "refunds!"
             FROM tickets
            WHERE user_id = $1 AND void_counts AND voided_at > now() - interval '30 days'"#,
        user.get(),
    )
    .fetch_one(&mut **tx)
    .await?;
    Ok(refunds < budget(tx, user).await?)
}

/// What may come to nothing of a user's within 30 days before somebody looks: the larger of three and one in twenty of what they paid for.
pub(super) async fn budget(tx: &mut PgTransaction<'_>, user: UserId) -> Answer<i64> {
    let paid = sqlx::query_scalar!(
        r#"SELECT (SELECT count(*) FROM tickets
                    WHERE user_id = $1 AND state IN ('committed', 'completed') AND created_at > now() - interval '30 days')
                  + (SELECT count(*) FROM vouchers
                      WHERE user_id = $1 AND state = 'redeemed' AND created_at > now() - interval '30 days') AS "paid!""#,
        user.get(),
    )
    .fetch_one(&mut **tx)
    .await?;
    Ok(REFUNDS_MIN.max(paid / PAID_PER_REFUND))
}

/// Pays a ticket, whose row is locked, back in full.
pub(crate) async fn void(tx: &mut PgTransaction<'_>, ticket: &mut Ticket, why: Why) -> Answer<()> {
    let id = ticket.generation;
    let moved = sqlx::query!(
        r#"WITH moved AS (
               UPDATE tickets
                  SET state = 'voided', voided_at = now(), void_counts = $2, lease_until = NULL
                WHERE generation_id = $1 AND state IN ('reserved', 'released', 'review')
            RETURNING generation_id
           )
           UPDATE generations
              SET status = 'failed', generation_progress = NULL, updated_at = now()
             FROM moved
            WHERE generations.id = moved.generation_id"#,
        id.get(),
        why == Why::Failed,
    )
    .execute(&mut **tx)
    .await?;
    if moved.rows_affected() == 0 {
        return Err(ticket.moved());
    }
    ledger::release(tx, id, why.memo()).await?;
    ticket.state = TicketState::Voided.as_str().to_owned();
    ticket.lease_until = None;
    let notice = NewNotice {
        recipient: ticket.user,
        actor: None,
        kind: NotificationType::GenerationFailed,
        target: Some((TargetType::Generation, id.get())),
        metadata: Some(serde_json::json!({ "reason": why.memo() })),
    };
    let mut changes = Changes::default();
    notices::write(tx, notice, &mut changes).await?;
    changes.note(ticket.user, Change::Generation(id));
    changes.note(ticket.user, Change::Balance);
    changes.append(tx).await?;
    Ok(())
}
