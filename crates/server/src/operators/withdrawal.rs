//! `atelier-server withdrawal`: what artists asked to have paid out.

use atelier_contract::WithdrawalId;
use clap::Subcommand;
use serde_json::json;

use super::{Act, OperatorError};
use crate::app::App;
use crate::feed::{self, Change};
use crate::ledger::{self, LedgerError};
use crate::refused::Refused;

/// What is done to a withdrawal.
#[derive(Debug, Subcommand)]
pub enum WithdrawalCommand {
    /// Show those that wait.
    List,
    /// Note that it was paid out.
    Pay(WithdrawalAct),
    /// Give the tokens back to the artist's earnings. The artist sees the reason.
    Reject(WithdrawalAct),
}

/// Which withdrawal, by whom and why.
#[derive(Debug, clap::Args)]
pub struct WithdrawalAct {
    /// Its number.
    pub withdrawal: WithdrawalId,
    #[command(flatten)]
    act: Act,
}

/// Does it; gives the lines to show.
///
/// # Errors
/// [`OperatorError`].
pub async fn run(app: &App, command: WithdrawalCommand) -> Result<Vec<String>, OperatorError> {
    match command {
        WithdrawalCommand::List => list(app).await,
        WithdrawalCommand::Pay(act) => decide(app, act, true).await.map(|()| Vec::new()),
        WithdrawalCommand::Reject(act) => decide(app, act, false).await.map(|()| Vec::new()),
    }
}

async fn list(app: &App) -> Result<Vec<String>, OperatorError> {
    let rows = sqlx::query!(
        r#"SELECT withdrawals.id, artist_id, artists.artist_name, artists.verified_email, tokens, withdrawals.created_at
             FROM withdrawals
             JOIN artists ON artists.user_id = artist_id
            WHERE status = 'requested'
         ORDER BY withdrawals.id
            LIMIT 1000"#,
    )
    .fetch_all(&app.pool)
    .await?;
    let line = |(id, artist, name, email, tokens, since)| {
        format!("withdrawal {id}  artist {artist} {name} {email}  {tokens} tokens  since {since}")
    };
    let named = |name: Option<String>| name.unwrap_or_else(|| "-".to_owned());
    let rows = rows.into_iter();
    Ok(rows
        .map(|row| {
            line((
                row.id,
                row.artist_id,
                named(row.artist_name),
                named(row.verified_email),
                row.tokens,
                row.created_at,
            ))
        })
        .collect())
}

async fn decide(app: &App, WithdrawalAct { withdrawal, act }: WithdrawalAct, pay: bool) -> Result<(), OperatorError> {
    let mut tx = app.pool.begin().await?;
    let (action, decided) = if pay {
        (
            "withdrawal pay",
            ledger::pay_withdrawal(&mut tx, withdrawal, &act.reason).await,
        )
    } else {
        (
            "withdrawal reject",
            ledger::reject_withdrawal(&mut tx, withdrawal, &act.reason).await,
        )
    };
    let artist = match decided {
        Ok(artist) => artist,
        Err(LedgerError::NothingHeld) => {
            let state = "is not there, or was decided before".to_owned();
            return Err(OperatorError::State {
                noun: "withdrawal",
                id: withdrawal.get(),
                state,
            });
        }
        Err(error) => return Err(Refused::from(error).into()),
    };
    act.note(&mut tx, action, withdrawal.get(), json!({ "artist": artist }))
        .await?;
    feed::append_all(&mut tx, artist, &[Change::Withdrawal(withdrawal), Change::Earnings]).await?;
    tx.commit().await?;
    Ok(())
}
