//! `atelier-server user`: accounts that are out of line.

use atelier_contract::UserId;
use clap::Subcommand;
use serde_json::{Value, json};
use sqlx::PgTransaction;

use super::{Act, OperatorError};
use crate::app::App;
use crate::feed::{self, Change};
use crate::refused::Refused;
use crate::resources::users::{check_username, name_taken, set_active};
use crate::sessions::{self, End};

/// What is done to a user.
#[derive(Debug, Subcommand)]
pub enum UserCommand {
    /// Show an account: what it is and has, and what operators did to it.
    Show {
        /// Its number, or its name.
        user: String,
    },
    /// Take an account out of use: its sessions end, and only `reactivate` brings it back.
    Deactivate(UserAct),
    /// Bring an account back into use.
    Reactivate(UserAct),
    /// End all sessions of an account; it may sign in again.
    SignOut(UserAct),
    /// Give an account another name.
    Rename {
        /// The new name.
        #[arg(long)]
        name: String,
        /// Which, by whom and why.
        #[command(flatten)]
        act: UserAct,
    },
}

/// Which user, by whom and why.
#[derive(Debug, clap::Args)]
pub struct UserAct {
    /// Its number.
    pub user: UserId,
    #[command(flatten)]
    act: Act,
}

/// Does it; gives the lines to show.
///
/// # Errors
/// [`OperatorError`].
pub async fn run(app: &App, command: UserCommand) -> Result<Vec<String>, OperatorError> {
    let done = match command {
        UserCommand::Show { user } => return show(app, &user).await,
        UserCommand::Deactivate(act) => deactivate(app, act).await,
        UserCommand::Reactivate(act) => reactivate(app, act).await,
        UserCommand::SignOut(act) => sign_out(app, act).await,
        UserCommand::Rename { name, act } => rename(app, act, &name).await,
    };
    done.map(|()| Vec::new())
}

async fn show(app: &App, user: &str) -> Result<Vec<String>, OperatorError> {
    let number = user.parse::<i64>().ok();
    let row = sqlx::query!(
        r#"SELECT id, username, provider, role, token_balance, is_active, users.created_at,
                  EXISTS (SELECT FROM suspensions WHERE user_id = users.id) AS "suspended!",
                  (SELECT count(*) FROM sessions WHERE user_id = users.id AND ended_at IS NULL) AS "sessions!"
             FROM users
            WHERE id = $1 OR username = $2
         ORDER BY id = $1 DESC
            LIMIT 1"#,
        number,
        user,
    )
    .fetch_optional(&app.pool)
    .await?
    .ok_or_else(|| OperatorError::Unknown {
        noun: "user",
        sought: user.to_owned(),
    })?;
    let state = match (row.is_active, row.suspended) {
        (true, _) => "active",
        (false, true) => "deactivated by an operator",
        (false, false) => "deactivated",
    };
    let mut lines = vec![format!(
        "user {}  {}  {}  {}  {state}  {} tokens  {} sessions  since {}",
        row.id, row.username, row.provider, row.role, row.token_balance, row.sessions, row.created_at
    )];
    let acts = sqlx::query!(
        r#"SELECT operator, action, reason, created_at
             FROM operator_actions
            WHERE action LIKE 'user %' AND target_id = $1
         ORDER BY id DESC
            LIMIT 100"#,
        row.id,
    )
    .fetch_all(&app.pool)
    .await?;
    let line = acts.iter();
    lines.extend(line.map(|act| format!("{}  {}  {}: {}", act.created_at, act.operator, act.action, act.reason)));
    Ok(lines)
}

async fn deactivate(app: &App, UserAct { user, act }: UserAct) -> Result<(), OperatorError> {
    let mut tx = app.pool.begin().await?;
    find(&mut tx, user).await?;
    // Also one that its owner deactivated: they are not to bring it back.
    let suspended = sqlx::query!(
        "INSERT INTO suspensions (user_id) VALUES ($1) ON CONFLICT DO NOTHING",
        user.get()
    )
    .execute(&mut *tx)
    .await?;
    if suspended.rows_affected() == 0 {
        return Err(state(user, "was deactivated by an operator before"));
    }
    set_active(&mut tx, user, false).await?;
    let ended = sessions::end(&mut tx, user, None, End::Operator).await?;
    finish(tx, user, &act, "user deactivate", json!({ "sessions": ended })).await
}

async fn reactivate(app: &App, UserAct { user, act }: UserAct) -> Result<(), OperatorError> {
    let mut tx = app.pool.begin().await?;
    find(&mut tx, user).await?;
    sqlx::query!("DELETE FROM suspensions WHERE user_id = $1", user.get())
        .execute(&mut *tx)
        .await?;
    if !set_active(&mut tx, user, true).await? {
        return Err(state(user, "is active"));
    }
    finish(tx, user, &act, "user reactivate", json!({})).await
}

async fn sign_out(app: &App, UserAct { user, act }: UserAct) -> Result<(), OperatorError> {
    let mut tx = app.pool.begin().await?;
    find(&mut tx, user).await?;
    let ended = sessions::end(&mut tx, user, None, End::Operator).await?;
    finish(tx, user, &act, "user sign-out", json!({ "sessions": ended })).await
}

async fn rename(app: &App, UserAct { user, act }: UserAct, name: &str) -> Result<(), OperatorError> {
    check_username(name).map_err(Refused::from)?;
    let mut tx = app.pool.begin().await?;
    let old = find(&mut tx, user).await?;
    let renamed = sqlx::query!(
        "UPDATE users SET username = $2, updated_at = now() WHERE id = $1",
        user.get(),
        name,
    )
    .execute(&mut *tx)
    .await;
    renamed.map_err(|error| name_taken(error, name))?;
    finish(tx, user, &act, "user rename", json!({ "from": old, "to": name })).await
}

/// Locks the row of a user who is not the platform; gives the name.
async fn find(tx: &mut PgTransaction<'_>, user: UserId) -> Result<String, OperatorError> {
    sqlx::query_scalar!(
        "SELECT username FROM users WHERE id = $1 AND provider <> 'platform' FOR NO KEY UPDATE",
        user.get(),
    )
    .fetch_optional(&mut **tx)
    .await?
    .ok_or_else(|| OperatorError::Unknown {
        noun: "user",
        sought: user.to_string(),
    })
}

fn state(user: UserId, state: &str) -> OperatorError {
    OperatorError::State {
        noun: "user",
        id: user.get(),
        state: state.to_owned(),
    }
}

async fn finish(
    mut tx: PgTransaction<'_>,
    user: UserId,
    act: &Act,
    action: &str,
    details: Value,
) -> Result<(), OperatorError> {
    act.note(&mut tx, action, user.get(), details).await?;
    feed::append(&mut tx, user, Change::Profile).await?;
    tx.commit().await?;
    Ok(())
}
