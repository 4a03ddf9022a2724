//! `atelier-server generation`: ends a review, and takes a picture out of the gallery.

use atelier_contract::{GenerationId, TicketState, UserId};
use clap::Subcommand;
use serde_json::json;
use sqlx::PgTransaction;

use super::{Act, OperatorError};
use crate::app::App;
use crate::feed::{self, Change};
use crate::resources::generations::tickets::lock_any;
use crate::resources::generations::void::{self, Why};

/// What is done to a generation.
#[derive(Debug, Subcommand)]
pub enum GenerationCommand {
    /// Show those that wait for a review.
    Reviews,
    /// Approve a refund that waits for a review: the tokens go back in full.
    Refund(GenerationAct),
    /// Take it out of the gallery, whoever's it is: its maker cannot show it again.
    Hide(GenerationAct),
    /// Let its maker show a hidden one again.
    Show(GenerationAct),
}

/// Which generation, by whom and why.
#[derive(Debug, clap::Args)]
pub struct GenerationAct {
    /// Its number.
    pub generation: GenerationId,
    #[command(flatten)]
    act: Act,
}

/// Does it; gives the lines to show.
///
/// # Errors
/// [`OperatorError`].
pub async fn run(app: &App, command: GenerationCommand) -> Result<Vec<String>, OperatorError> {
    match command {
        GenerationCommand::Reviews => reviews(app).await,
        GenerationCommand::Refund(act) => refund(app, act).await.map(|()| Vec::new()),
        GenerationCommand::Hide(act) => hide(app, act).await.map(|()| Vec::new()),
        GenerationCommand::Show(act) => show(app, act).await.map(|()| Vec::new()),
    }
}

async fn reviews(app: &App) -> Result<Vec<String>, OperatorError> {
    let rows = sqlx::query!(
        r#"SELECT generation_id, user_id, cost_tokens, attempt, created_at
             FROM tickets
            WHERE state = 'review'
         ORDER BY generation_id
            LIMIT 1000"#,
    )
    .fetch_all(&app.pool)
    .await?;
    let line = |row: &_| {
        let (generation, user, cost, attempts, since) = row;
        format!("generation {generation}  user {user}  {cost} tokens  {attempts} attempts  since {since}")
    };
    Ok(rows
        .iter()
        .map(|row| {
            line(&(
                row.generation_id,
                row.user_id,
                row.cost_tokens,
                row.attempt,
                row.created_at,
            ))
        })
        .collect())
}

async fn refund(app: &App, GenerationAct { generation, act }: GenerationAct) -> Result<(), OperatorError> {
    let mut tx = app.pool.begin().await?;
    let mut ticket = lock_any(&mut tx, generation)
        .await?
        .ok_or_else(|| unknown(generation))?;
    if ticket.state()? != TicketState::Review {
        return Err(state(generation, format!("is {}", ticket.state)));
    }
    let details = json!({ "user": ticket.user, "tokens": ticket.cost_tokens });
    act.note(&mut tx, "generation refund", generation.get(), details)
        .await?;
    void::void(&mut tx, &mut ticket, Why::Operator).await?;
    tx.commit().await?;
    Ok(())
}

async fn hide(app: &App, GenerationAct { generation, act }: GenerationAct) -> Result<(), OperatorError> {
    let mut tx = app.pool.begin().await?;
    let owner = lock_owner(&mut tx, generation).await?;
    // Also one that its maker does not show just now: they are not to show it.
    let hidden = sqlx::query!(
        "INSERT INTO hidden_generations (generation_id) VALUES ($1) ON CONFLICT DO NOTHING",
        generation.get(),
    )
    .execute(&mut *tx)
    .await?;
    if hidden.rows_affected() == 0 {
        return Err(state(generation, "is hidden already".to_owned()));
    }
    let shown = sqlx::query!(
        "UPDATE generations SET is_public = FALSE, updated_at = now() WHERE id = $1 AND is_public",
        generation.get(),
    )
    .execute(&mut *tx)
    .await?;
    let details = json!({ "before": { "is_public": shown.rows_affected() > 0 } });
    act.note(&mut tx, "generation hide", generation.get(), details).await?;
    feed::append(&mut tx, owner, Change::Generation(generation)).await?;
    tx.commit().await?;
    Ok(())
}

async fn show(app: &App, GenerationAct { generation, act }: GenerationAct) -> Result<(), OperatorError> {
    let mut tx = app.pool.begin().await?;
    lock_owner(&mut tx, generation).await?;
    let hidden = sqlx::query!(
        "DELETE FROM hidden_generations WHERE generation_id = $1",
        generation.get()
    )
    .execute(&mut *tx)
    .await?;
    if hidden.rows_affected() == 0 {
        return Err(state(generation, "is not hidden".to_owned()));
    }
    act.note(&mut tx, "generation show", generation.get(), json!({}))
        .await?;
    tx.commit().await?;
    Ok(())
}

/// Locks a generation's row; gives whose it is.
async fn lock_owner(tx: &mut PgTransaction<'_>, generation: GenerationId) -> Result<UserId, OperatorError> {
    sqlx::query_scalar!(
        r#"SELECT user_id AS "owner: UserId" FROM generations WHERE id = $1 FOR NO KEY UPDATE"#,
        generation.get(),
    )
    .fetch_optional(&mut **tx)
    .await?
    .ok_or_else(|| unknown(generation))
}

fn unknown(generation: GenerationId) -> OperatorError {
    OperatorError::Unknown {
        noun: "generation",
        sought: generation.to_string(),
    }
}

fn state(generation: GenerationId, state: String) -> OperatorError {
    OperatorError::State {
        noun: "generation",
        id: generation.get(),
        state,
    }
}
