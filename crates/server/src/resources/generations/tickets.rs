//! Tickets: their row, how it looks from outside, and the two last steps, commit and completion.
//!
//! Every step locks the ticket first and its user after, never the other way round, and moves it by one conditional `UPDATE`.

use atelier_contract::{
    ATTEMPTS_MAX, Commit, GenerationId, NotificationType, OpeningKey, ReceiptClaims, Refusal, SealKey, Sha256, StyleId,
    TargetType, TicketState, TicketView, UserId,
};
use axum::Json;
use axum::extract::{Path, State};
use chrono::{DateTime, Utc};
use sqlx::PgTransaction;

use super::{claims, unknown};
use crate::app::App;
use crate::caller::Caller;
use crate::columns::column;
use crate::feed::{Change, append, append_all};
use crate::ledger;
use crate::notices::{self, NewNotice};
use crate::refused::{Answer, Refused};
use crate::resources::styles::device_of;

/// A row of `tickets`, locked, with what its style's version says.
pub(crate) struct Ticket {
    pub(crate) generation: GenerationId,
    pub(crate) user: UserId,
    pub(crate) style: StyleId,
    pub(crate) version: i64,
    pub(crate) version_number: i32,
    pub(crate) device_key: Vec<u8>,
    pub(crate) cost_tokens: i64,
    pub(crate) state: String,
    pub(crate) fence: i32,
    pub(crate) attempt: i32,
    pub(crate) lease_until: Option<DateTime<Utc>>,
    pub(crate) seal_public: Vec<u8>,
    pub(crate) seal_secret: Vec<u8>,
    pub(crate) ticket: String,
    pub(crate) ciphertext_sha256: Option<Vec<u8>>,
    pub(crate) receipt: Option<String>,
    pub(crate) committed_at: Option<DateTime<Utc>>,
    pub(crate) expires_at: DateTime<Utc>,
}

impl Ticket {
    pub(crate) fn state(&self) -> Answer<TicketState> {
        column(self.state.parse())
    }

    /// Refuses unless `device` is the one the ticket was bought on.
    pub(crate) fn require_device(&self, device: &SealKey) -> Answer<()> {
        if self.device_key != device.as_bytes() {
            return Err(Refusal::DeviceElsewhere {}.into());
        }
        Ok(())
    }

    /// The refusal of a step that the ticket's state does not allow.
    pub(crate) fn moved(&self) -> Refused {
        Refusal::TicketMoved {
            generation: self.generation.get(),
            state: self.state.clone(),
        }
        .into()
    }

    /// Refuses a step to `next` that the ticket's state does not allow.
    fn require_move(&self, next: TicketState) -> Answer<()> {
        if self.state()?.may_become(next) {
            return Ok(());
        }
        Err(self.moved())
    }

    /// Refuses what an attempt says that is not the newest.
    pub(crate) fn require_fence(&self, fence: u32) -> Answer<()> {
        if i64::from(fence) != i64::from(self.fence) {
            return Err(self.stale(fence));
        }
        Ok(())
    }

    pub(crate) fn stale(&self, fence: u32) -> Refused {
        Refusal::AttemptStale {
            generation: self.generation.get(),
            fence,
            newest: u32::try_from(self.fence).unwrap_or(0),
        }
        .into()
    }

    pub(crate) fn view(&self) -> Answer<TicketView> {
        let state = self.state()?;
        let paid_out = matches!(state, TicketState::Committed | TicketState::Completed);
        let opening_key = if paid_out {
            Some(column(opening_key(&self.seal_secret))?)
        } else {
            None
        };
        Ok(TicketView {
            generation: self.generation,
            state,
            attempt: column(u32::try_from(self.attempt))?,
            fence: column(u32::try_from(self.fence))?,
            lease_until: self.lease_until,
            cost_tokens: column(self.cost_tokens.try_into())?,
            ticket: self.ticket.clone(),
            receipt: self.receipt.clone(),
            opening_key,
            expires_at: self.expires_at,
        })
    }

    /// Attempts that are left.
    pub(crate) fn attempts_left(&self) -> u32 {
        ATTEMPTS_MAX.saturating_sub(u32::try_from(self.attempt).unwrap_or(ATTEMPTS_MAX))
    }
}

fn opening_key(bytes: &[u8]) -> Result<OpeningKey, atelier_contract::BytesError> {
    OpeningKey::try_from(bytes)
}

/// Locks a ticket of `user`.
///
/// # Errors
/// [`Refusal::GenerationUnknown`] when there is none, or it is somebody else's.
pub(crate) async fn lock(tx: &mut PgTransaction<'_>, generation: GenerationId, user: UserId) -> Answer<Ticket> {
    lock_any(tx, generation)
        .await?
        .filter(|ticket| ticket.user == user)
        .ok_or_else(|| unknown(generation))
}

/// Locks a ticket, whoever it belongs to.
pub(crate) async fn lock_any(tx: &mut PgTransaction<'_>, generation: GenerationId) -> sqlx::Result<Option<Ticket>> {
    sqlx::query_as!(
        Ticket,
        r#"SELECT tickets.generation_id AS "generation: GenerationId", tickets.user_id AS "user: UserId",
                  style_versions.style_id AS "style: StyleId", style_versions.id AS version,
                  style_versions.number AS version_number,
                  tickets.device_key, tickets.cost_tokens, tickets.state, tickets.fence, tickets.attempt,
                  tickets.lease_until, tickets.seal_public, tickets.seal_secret, tickets.ticket,
                  tickets.ciphertext_sha256, tickets.receipt, tickets.committed_at, tickets.expires_at
             FROM tickets
             JOIN style_versions ON style_versions.id = tickets.style_version_id
            WHERE tickets.generation_id = $1
              FOR UPDATE OF tickets"#,
        generation.get(),
    )
    .fetch_optional(&mut **tx)
    .await
}

/// A ticket as it stands: with receipt and opening key once committed, for ever.
#[utoipa::path(get, path = "/generations/{id}/ticket", tag = "tickets", params(("id" = GenerationId, Path)),
    responses((status = 200, body = TicketView)))]
pub(crate) async fn show(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<GenerationId>,
) -> Answer<Json<TicketView>> {
    let mut tx = app.pool.begin().await?;
    let ticket = lock(&mut tx, id, caller.user).await?;
    Ok(Json(ticket.view()?))
}

/// Pays the artist for a result that is written and sealed; the answer opens it. A repeat gets the same answer; another result
/// is refused, since the receipt names the first.
#[utoipa::path(post, path = "/generations/{id}/commit", tag = "tickets", params(("id" = GenerationId, Path)),
    request_body = Commit, responses((status = 200, body = TicketView)))]
pub(crate) async fn commit(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<GenerationId>,
    Json(request): Json<Commit>,
) -> Answer<Json<TicketView>> {
    let device = device_of(&caller)?;
    let mut tx = app.pool.begin().await?;
    let mut ticket = lock(&mut tx, id, caller.user).await?;
    ticket.require_device(&device)?;
    let paid_out = matches!(ticket.state()?, TicketState::Committed | TicketState::Completed);
    if paid_out && ticket.ciphertext_sha256.as_deref() == Some(request.ciphertext_sha256.as_bytes()) {
        return Ok(Json(ticket.view()?));
    }
    ticket.require_move(TicketState::Committed)?;
    ticket.require_fence(request.fence)?;
    let receipt = receipt(&app, &ticket, request.ciphertext_sha256)?;
    sqlx::query!(
        r#"WITH moved AS (
               UPDATE tickets
                  SET state = 'committed', ciphertext_sha256 = $2, receipt = $3, committed_at = now(), lease_until = NULL
                WHERE generation_id = $1 AND state = 'released' AND fence = $4
            RETURNING generation_id
           ), ended AS (
               UPDATE attempts SET ended_at = now() WHERE generation_id = $1 AND fence = $4
           )
           UPDATE generations
              SET status = 'processing', generation_progress = NULL, updated_at = now()
             FROM moved
            WHERE generations.id = moved.generation_id"#,
        id.get(),
        request.ciphertext_sha256.as_bytes().as_slice(),
        receipt,
        ticket.fence,
    )
    .execute(&mut *tx)
    .await?;
    ledger::capture(&mut tx, id).await?;
    append_all(&mut tx, caller.user, &[Change::Generation(id), Change::Balance]).await?;
    tx.commit().await?;
    ticket.state = TicketState::Committed.as_str().to_owned();
    ticket.receipt = Some(receipt);
    ticket.lease_until = None;
    Ok(Json(ticket.view()?))
}

fn receipt(app: &App, ticket: &Ticket, ciphertext_sha256: Sha256) -> Answer<String> {
    let claims = ReceiptClaims {
        generation: ticket.generation,
        user: ticket.user,
        style: ticket.style,
        style_version: column(u32::try_from(ticket.version_number))?,
        cost_tokens: column(ticket.cost_tokens.try_into())?,
        ciphertext_sha256,
        committed_at: Utc::now(),
    };
    claims::sign(app, claims::RECEIPT, &claims)
}

/// Says that the picture is there and opened. A repeat changes nothing.
#[utoipa::path(post, path = "/generations/{id}/complete", tag = "tickets", params(("id" = GenerationId, Path)),
    responses((status = 200, body = TicketView)))]
pub(crate) async fn complete(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<GenerationId>,
) -> Answer<Json<TicketView>> {
    let mut tx = app.pool.begin().await?;
    let mut ticket = lock(&mut tx, id, caller.user).await?;
    if ticket.state()? == TicketState::Completed {
        return Ok(Json(ticket.view()?));
    }
    ticket.require_move(TicketState::Completed)?;
    complete_in(&mut tx, &ticket).await?;
    tx.commit().await?;
    ticket.state = TicketState::Completed.as_str().to_owned();
    Ok(Json(ticket.view()?))
}

/// Moves a committed ticket, whose row is locked, to its end.
pub(super) async fn complete_in(tx: &mut PgTransaction<'_>, ticket: &Ticket) -> Answer<()> {
    let id = ticket.generation;
    sqlx::query!(
        r#"WITH moved AS (
               UPDATE tickets SET state = 'completed'
                WHERE generation_id = $1 AND state = 'committed'
            RETURNING generation_id
           )
           UPDATE generations
              SET status = 'completed', updated_at = now()
             FROM moved
            WHERE generations.id = moved.generation_id"#,
        id.get(),
    )
    .execute(&mut **tx)
    .await?;
    let notice = NewNotice {
        recipient: ticket.user,
        actor: None,
        kind: NotificationType::GenerationComplete,
        target: Some((TargetType::Generation, id.get())),
        metadata: None,
    };
    notices::notify(tx, notice).await?;
    append(tx, ticket.user, Change::Generation(id)).await?;
    Ok(())
}
