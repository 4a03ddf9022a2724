//! What operators do by hand, each leaving a row of `operator_actions` in the same transaction.

pub mod generation;
pub mod refund;
pub mod style;
pub mod tag;
pub mod user;
pub mod withdrawal;

use clap::Args;
use serde_json::Value;
use sqlx::PgTransaction;

/// Who acts, and why: every command that changes something takes these.
#[derive(Debug, Clone, Args)]
pub struct Act {
    /// Why, for whoever looks at it later.
    #[arg(long, value_parser = something)]
    pub reason: String,
    /// Who does it.
    #[arg(long, env = "USER", value_parser = something)]
    pub operator: String,
}

/// Nothing was said where something has to be.
#[derive(Debug, thiserror::Error)]
#[error("it is kept for whoever looks at it later: say it in a word or more")]
struct NothingSaid;

fn something(said: &str) -> Result<String, NothingSaid> {
    match said.trim() {
        "" => Err(NothingSaid),
        said => Ok(said.to_owned()),
    }
}

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    /// There is none of this number or name.
    #[error("there is no {noun} {sought}")]
    Unknown {
        /// What was looked for.
        noun: &'static str,
        /// By which number or name.
        sought: String,
    },
    /// It is in a state that does not allow it, or is so already.
    #[error("{noun} {id} {state}: nothing was done")]
    State {
        /// What it is about.
        noun: &'static str,
        /// Its number.
        id: i64,
        /// How it is.
        state: String,
    },
    /// Refused by what keeps the rules.
    #[error("refused: {0}")]
    Refused(String),
    /// The database failed.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

impl From<crate::refused::Refused> for OperatorError {
    fn from(refused: crate::refused::Refused) -> Self {
        Self::Refused(refused.refusal().sentence(atelier_contract::Language::En))
    }
}

impl Act {
    /// Notes what is done in `tx`: `action` as the command says it, with its noun first.
    ///
    /// # Errors
    /// The database's.
    pub async fn note(
        &self,
        tx: &mut PgTransaction<'_>,
        action: &str,
        target: i64,
        details: Value,
    ) -> sqlx::Result<()> {
        sqlx::query!(
            r#"INSERT INTO operator_actions (operator, action, target_id, reason, details)
               VALUES ($1, $2, $3, $4, $5)"#,
            self.operator,
            action,
            target,
            self.reason,
            details,
        )
        .execute(&mut **tx)
        .await?;
        Ok(())
    }
}
