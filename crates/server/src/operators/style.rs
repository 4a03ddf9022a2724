//! `atelier-server style`: takes a style out of sight, or back.

use atelier_contract::StyleId;
use clap::Subcommand;
use serde_json::json;

use super::{Act, OperatorError};
use crate::app::App;
use crate::feed::{self, Change};

/// What is done to a style.
#[derive(Debug, Subcommand)]
pub enum StyleCommand {
    /// Take it out of the lists and out of use until it is looked at.
    Flag(StyleAct),
    /// Put a flagged one back.
    Unflag(StyleAct),
    /// Take it out of use for good. What was made with it stays.
    Deactivate(StyleAct),
    /// Put a deactivated one back into use.
    Activate(StyleAct),
}

/// Which style, by whom and why.
#[derive(Debug, clap::Args)]
pub struct StyleAct {
    /// Its number.
    pub style: StyleId,
    #[command(flatten)]
    act: Act,
}

/// Does it.
///
/// # Errors
/// [`OperatorError`].
pub async fn run(app: &App, command: StyleCommand) -> Result<(), OperatorError> {
    let (action, StyleAct { style, act }, flagged, active) = match command {
        StyleCommand::Flag(act) => ("style flag", act, Some(true), None),
        StyleCommand::Unflag(act) => ("style unflag", act, Some(false), None),
        StyleCommand::Deactivate(act) => ("style deactivate", act, None, Some(false)),
        StyleCommand::Activate(act) => ("style activate", act, None, Some(true)),
    };
    let mut tx = app.pool.begin().await?;
    let before = sqlx::query!(
        r#"SELECT artist_id AS "artist: atelier_contract::UserId", is_flagged, is_active
             FROM styles
            WHERE id = $1
              FOR UPDATE"#,
        style.get(),
    )
    .fetch_optional(&mut *tx)
    .await?
    .ok_or_else(|| OperatorError::Unknown {
        noun: "style",
        sought: style.to_string(),
    })?;
    let (flagged, active) = (flagged.unwrap_or(before.is_flagged), active.unwrap_or(before.is_active));
    if (flagged, active) == (before.is_flagged, before.is_active) {
        return Err(OperatorError::State {
            noun: "style",
            id: style.get(),
            state: "is so already".to_owned(),
        });
    }
    sqlx::query!(
        r#"UPDATE styles
              SET is_flagged = $2, is_active = $3, updated_at = CURRENT_TIMESTAMP
            WHERE id = $1"#,
        style.get(),
        flagged,
        active,
    )
    .execute(&mut *tx)
    .await?;
    let details = json!({ "before": { "is_flagged": before.is_flagged, "is_active": before.is_active } });
    act.note(&mut tx, action, style.get(), details).await?;
    feed::append(&mut tx, before.artist, Change::Style(style)).await?;
    tx.commit().await?;
    Ok(())
}
