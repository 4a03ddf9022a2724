//! `atelier-server style`: takes a style out of sight, or back.

use atelier_contract::StyleId;
use clap::Subcommand;
use serde_json::json;
use sqlx::PgTransaction;

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
    /// Take it out of use: its artist cannot put it back. What was made with it stays.
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
    match command {
        StyleCommand::Flag(act) => set(app, "style flag", act, Mark::Flagged(true)).await,
        StyleCommand::Unflag(act) => set(app, "style unflag", act, Mark::Flagged(false)).await,
        StyleCommand::Deactivate(act) => set(app, "style deactivate", act, Mark::Suspended(true)).await,
        StyleCommand::Activate(act) => set(app, "style activate", act, Mark::Suspended(false)).await,
    }
}

/// What an operator says of a style.
enum Mark {
    Flagged(bool),
    /// Also of one that its artist took out of use: they are not to put it back. One that is let back is in use.
    Suspended(bool),
}

async fn set(app: &App, action: &str, StyleAct { style, act }: StyleAct, mark: Mark) -> Result<(), OperatorError> {
    let mut tx = app.pool.begin().await?;
    let before = sqlx::query!(
        r#"SELECT artist_id AS "artist: atelier_contract::UserId", is_flagged, is_active
             FROM styles
            WHERE id = $1
              FOR NO KEY UPDATE"#,
        style.get(),
    )
    .fetch_optional(&mut *tx)
    .await?
    .ok_or_else(|| OperatorError::Unknown {
        noun: "style",
        sought: style.to_string(),
    })?;
    let changed = match mark {
        Mark::Flagged(flagged) => flag(&mut tx, style, flagged).await?,
        // Either alone is something to do.
        Mark::Suspended(suspended) => {
            mark_suspended(&mut tx, style, suspended).await? | set_active(&mut tx, style, !suspended).await?
        }
    };
    if !changed {
        return Err(OperatorError::State {
            noun: "style",
            id: style.get(),
            state: "is so already".to_owned(),
        });
    }
    let details = json!({ "before": { "is_flagged": before.is_flagged, "is_active": before.is_active } });
    act.note(&mut tx, action, style.get(), details).await?;
    feed::append(&mut tx, before.artist, Change::Style(style)).await?;
    tx.commit().await?;
    Ok(())
}

async fn flag(tx: &mut PgTransaction<'_>, style: StyleId, flagged: bool) -> sqlx::Result<bool> {
    let changed = sqlx::query!(
        "UPDATE styles SET is_flagged = $2, updated_at = now() WHERE id = $1 AND is_flagged <> $2",
        style.get(),
        flagged,
    )
    .execute(&mut **tx)
    .await?;
    Ok(changed.rows_affected() > 0)
}

async fn set_active(tx: &mut PgTransaction<'_>, style: StyleId, active: bool) -> sqlx::Result<bool> {
    let changed = sqlx::query!(
        "UPDATE styles SET is_active = $2, updated_at = now() WHERE id = $1 AND is_active <> $2",
        style.get(),
        active,
    )
    .execute(&mut **tx)
    .await?;
    Ok(changed.rows_affected() > 0)
}

async fn mark_suspended(tx: &mut PgTransaction<'_>, style: StyleId, suspended: bool) -> sqlx::Result<bool> {
    let changed = if suspended {
        sqlx::query!(
            "INSERT INTO suspended_styles (style_id) VALUES ($1) ON CONFLICT DO NOTHING",
            style.get()
        )
        .execute(&mut **tx)
        .await?
    } else {
        sqlx::query!("DELETE FROM suspended_styles WHERE style_id = $1", style.get())
            .execute(&mut **tx)
            .await?
    };
    Ok(changed.rows_affected() > 0)
}
