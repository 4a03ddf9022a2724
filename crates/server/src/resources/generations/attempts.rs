//! Attempts: at most three to a ticket, each alive as long as it says so.
//!
//! A lapsed lease is no loss: the next attempt simply begins. What decides is [`step`], which knows no database.

use atelier_contract::{
    ATTEMPTS_MAX, Attempt, AttemptFailure, FAILURE_CHARS_MAX, GenerationId, Heartbeat, NewAttempt, Refusal, SealKey,
    StyleId, TicketState, TicketView,
};
use axum::Json;
use axum::extract::{Path, State};
use chrono::{DateTime, Duration, Utc};
use sqlx::PgTransaction;

use super::tickets::{Ticket, lock};
use super::void;
use crate::app::App;
use crate::caller::Caller;
use crate::columns::column;
use crate::feed::{Change, append};
use crate::refused::Answer;
use crate::resources::styles::{Version, device_of, package};

/// How long an attempt is trusted to be alive without a sign.
const LEASE: Duration = Duration::minutes(2);
/// How long a paid picture whose sealed result was lost may be made again for nothing.
const RERUN: Duration = Duration::days(30);

/// What a request to begin an attempt comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Another attempt.
    Next,
    /// The newest again: the answer was lost.
    Repeat,
    /// Paid for already: the same picture once more.
    Rerun,
    /// Not the newest nor the one after it.
    Stale,
    /// Not any more.
    Moved,
}

fn step(
    state: TicketState,
    (fence, attempt): (u32, u32),
    wanted: u32,
    now: DateTime<Utc>,
    (expires_at, committed_at): (DateTime<Utc>, Option<DateTime<Utc>>),
) -> Step {
    let next = wanted == fence.saturating_add(1);
    match state {
        TicketState::Reserved if next && now < expires_at => Step::Next,
        TicketState::Released if wanted == fence => Step::Repeat,
        TicketState::Released if next && attempt < ATTEMPTS_MAX => Step::Next,
        TicketState::Review if next => Step::Next,
        TicketState::Committed | TicketState::Completed if committed_at.is_some_and(|at| now < at + RERUN) => {
            Step::Rerun
        }
        TicketState::Reserved | TicketState::Released if !next => Step::Stale,
        TicketState::Reserved
        | TicketState::Released
        | TicketState::Committed
        | TicketState::Completed
        | TicketState::Voided
        | TicketState::Review => Step::Moved,
    }
}

/// Begins an attempt, or gives the answer of the newest again: the style's key for this device, and what to seal the result to.
#[utoipa::path(post, path = "/generations/{id}/attempts", tag = "tickets", params(("id" = GenerationId, Path)),
    request_body = NewAttempt, responses((status = 200, body = Attempt)))]
pub(crate) async fn begin(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<GenerationId>,
    Json(request): Json<NewAttempt>,
) -> Answer<Json<Attempt>> {
    let device = device_of(&caller)?;
    let now = Utc::now();
    let mut tx = app.pool.begin().await?;
    let mut ticket = lock(&mut tx, id, caller.user).await?;
    ticket.require_device(&device)?;
    let state = ticket.state()?;
    let (fence, attempt) = (
        column(u32::try_from(ticket.fence))?,
        column(u32::try_from(ticket.attempt))?,
    );
    let times = (ticket.expires_at, ticket.committed_at);
    match step(state, (fence, attempt), request.fence, now, times) {
        Step::Next => next(&mut tx, &mut ticket, now).await?,
        Step::Repeat => renew(&mut tx, &mut ticket, now, None).await?,
        Step::Rerun => {
            sqlx::query!(
                "UPDATE tickets SET reruns = reruns + 1 WHERE generation_id = $1",
                id.get()
            )
            .execute(&mut *tx)
            .await?;
        }
        Step::Stale => return Err(ticket.stale(request.fence)),
        Step::Moved => return Err(ticket.moved()),
    }
    let version = sqlx::query_as!(
        Version,
        r#"SELECT style_id AS "style: StyleId", number, bytes, sha256, base_model, content_key
             FROM style_versions
            WHERE id = $1"#,
        ticket.version,
    )
    .fetch_one(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(Json(Attempt {
        ticket: ticket.view()?,
        seal_to: column(SealKey::try_from(ticket.seal_public.as_slice()))?,
        package: package(version, &device)?,
    }))
}

async fn next(tx: &mut PgTransaction<'_>, ticket: &mut Ticket, now: DateTime<Utc>) -> Answer<()> {
    let lease_until = now + LEASE;
    let number = ticket.attempt + 1;
    let status = TicketState::Released.status(u32::try_from(number).unwrap_or(u32::MAX));
    sqlx::query!(
        r#"WITH moved AS (
               UPDATE tickets
                  SET state = 'released', fence = fence + 1, attempt = attempt + 1, lease_until = $3,
                      first_started_at = coalesce(first_started_at, now())
                WHERE generation_id = $1 AND fence = $2 AND state IN ('reserved', 'released', 'review')
            RETURNING generation_id, fence, attempt
           ), ended AS (
               UPDATE attempts
                  SET ended_at = now(), failure = 'overtaken'
                WHERE generation_id = $1 AND ended_at IS NULL
           ), begun AS (
               INSERT INTO attempts (generation_id, fence, attempt)
               SELECT generation_id, fence, attempt FROM moved
           )
           UPDATE generations
              SET status = $4, generation_progress = NULL, updated_at = now()
             FROM moved
            WHERE generations.id = moved.generation_id"#,
        ticket.generation.get(),
        ticket.fence,
        lease_until,
        status.as_str(),
    )
    .execute(&mut **tx)
    .await?;
    ticket.state = TicketState::Released.as_str().to_owned();
    ticket.fence += 1;
    ticket.attempt = number;
    ticket.lease_until = Some(lease_until);
    append(tx, ticket.user, Change::Generation(ticket.generation)).await?;
    Ok(())
}

async fn renew(
    tx: &mut PgTransaction<'_>,
    ticket: &mut Ticket,
    now: DateTime<Utc>,
    progress: Option<serde_json::Value>,
) -> Answer<()> {
    let lease_until = now + LEASE;
    sqlx::query!(
        r#"WITH moved AS (
               UPDATE tickets
                  SET lease_until = $3
                WHERE generation_id = $1 AND fence = $2 AND state = 'released'
            RETURNING generation_id
           )
           UPDATE generations
              SET generation_progress = coalesce($4, generation_progress)
             FROM moved
            WHERE generations.id = moved.generation_id"#,
        ticket.generation.get(),
        ticket.fence,
        lease_until,
        progress,
    )
    .execute(&mut **tx)
    .await?;
    ticket.lease_until = Some(lease_until);
    Ok(())
}

/// A sign of life: renews the lease and says how far the attempt is.
#[utoipa::path(put, path = "/generations/{id}/lease", tag = "tickets", params(("id" = GenerationId, Path)),
    request_body = Heartbeat, responses((status = 200, body = TicketView)))]
pub(crate) async fn heartbeat(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<GenerationId>,
    Json(request): Json<Heartbeat>,
) -> Answer<Json<TicketView>> {
    let device = device_of(&caller)?;
    let mut tx = app.pool.begin().await?;
    let mut ticket = lock(&mut tx, id, caller.user).await?;
    ticket.require_device(&device)?;
    if ticket.state()? != TicketState::Released {
        return Err(ticket.moved());
    }
    ticket.require_fence(request.fence)?;
    let progress = request
        .progress
        .and_then(|progress| serde_json::to_value(progress).ok());
    let shows_more = progress.is_some();
    renew(&mut tx, &mut ticket, Utc::now(), progress).await?;
    if shows_more {
        append(&mut tx, caller.user, Change::Generation(id)).await?;
    }
    tx.commit().await?;
    Ok(Json(ticket.view()?))
}

/// Says that an attempt failed. After the third the ticket is paid back in full, within the budget of such refunds; beyond it waits
/// for a look, and may still be run again.
#[utoipa::path(post, path = "/generations/{id}/failures", tag = "tickets", params(("id" = GenerationId, Path)),
    request_body = AttemptFailure, responses((status = 200, body = TicketView)))]
pub(crate) async fn fail(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<GenerationId>,
    Json(request): Json<AttemptFailure>,
) -> Answer<Json<TicketView>> {
    if request.reason.chars().count() > FAILURE_CHARS_MAX || request.reason.contains('\0') {
        return Err(Refusal::RequestInvalid {
            reason: format!("reason has at most {FAILURE_CHARS_MAX} characters"),
        }
        .into());
    }
    let device = device_of(&caller)?;
    let mut tx = app.pool.begin().await?;
    let mut ticket = lock(&mut tx, id, caller.user).await?;
    ticket.require_device(&device)?;
    let ended = sqlx::query_scalar!(
        r#"SELECT ended_at IS NOT NULL AS "ended!" FROM attempts WHERE generation_id = $1 AND fence = $2"#,
        id.get(),
        i32::try_from(request.fence).unwrap_or(i32::MAX),
    )
    .fetch_optional(&mut *tx)
    .await?;
    if ended == Some(true) {
        // Said before; whatever came of it stands.
        return Ok(Json(ticket.view()?));
    }
    if ticket.state()? != TicketState::Released {
        return Err(ticket.moved());
    }
    ticket.require_fence(request.fence)?;
    end(&mut tx, &mut ticket, &request.reason).await?;
    if ticket.attempts_left() == 0 {
        void::give_up(&mut tx, &mut ticket).await?;
    } else {
        append(&mut tx, caller.user, Change::Generation(id)).await?;
    }
    tx.commit().await?;
    Ok(Json(ticket.view()?))
}

async fn end(tx: &mut PgTransaction<'_>, ticket: &mut Ticket, reason: &str) -> Answer<()> {
    sqlx::query!(
        r#"WITH ended AS (
               UPDATE attempts SET ended_at = now(), failure = $3
                WHERE generation_id = $1 AND fence = $2
           ), rested AS (
               UPDATE tickets SET lease_until = NULL
                WHERE generation_id = $1
           )
           UPDATE generations
              SET status = 'retrying', generation_progress = NULL, updated_at = now()
            WHERE id = $1"#,
        ticket.generation.get(),
        ticket.fence,
        reason,
    )
    .execute(&mut **tx)
    .await?;
    ticket.lease_until = None;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATER: Duration = Duration::hours(1);

    fn at(state: TicketState, fence: u32, attempt: u32, wanted: u32) -> Step {
        let now = Utc::now();
        step(state, (fence, attempt), wanted, now, (now + LATER, Some(now)))
    }

    #[test]
    fn a_repeat_begins_nothing_new() {
        assert_eq!(at(TicketState::Released, 1, 1, 1), Step::Repeat);
        assert_eq!(at(TicketState::Released, 1, 1, 2), Step::Next);
    }

    #[test]
    fn a_ticket_pays_for_three_attempts() {
        assert_eq!(at(TicketState::Released, 2, 2, 3), Step::Next);
        assert_eq!(at(TicketState::Released, 3, 3, 4), Step::Moved);
        assert_eq!(at(TicketState::Review, 3, 3, 4), Step::Next);
    }

    #[test]
    fn an_old_attempt_is_told_so() {
        assert_eq!(at(TicketState::Released, 2, 2, 1), Step::Stale);
        assert_eq!(at(TicketState::Reserved, 0, 0, 3), Step::Stale);
    }

    #[test]
    fn a_reservation_that_ran_out_is_not_begun() {
        let now = Utc::now();
        let times = (now - LATER, None);
        assert_eq!(step(TicketState::Reserved, (0, 0), 1, now, times), Step::Moved);
    }

    #[test]
    fn a_paid_picture_may_be_made_again_for_thirty_days() {
        let now = Utc::now();
        let paid = |days| {
            step(
                TicketState::Completed,
                (1, 1),
                1,
                now,
                (now, Some(now - Duration::days(days))),
            )
        };
        assert_eq!(paid(29), Step::Rerun);
        assert_eq!(paid(31), Step::Moved);
        assert_eq!(at(TicketState::Voided, 3, 3, 4), Step::Moved);
    }
}
