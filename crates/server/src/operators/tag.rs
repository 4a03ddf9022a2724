//! `atelier-server tag`: takes a word out of use, or back.

use atelier_contract::{Refusal, Tag, TagId};
use clap::Subcommand;
use serde_json::json;

use super::{Act, OperatorError};
use crate::app::App;
use crate::refused::Refused;

/// What is done to a tag.
#[derive(Debug, Subcommand)]
pub enum TagCommand {
    /// Take it out of use: it is neither offered nor accepted. What has it keeps it.
    Deactivate(TagAct),
    /// Put it back into use.
    Activate(TagAct),
}

/// Which tag, by whom and why.
#[derive(Debug, clap::Args)]
pub struct TagAct {
    /// Its name.
    pub tag: String,
    #[command(flatten)]
    act: Act,
}

/// Does it.
///
/// # Errors
/// [`OperatorError`].
pub async fn run(app: &App, command: TagCommand) -> Result<(), OperatorError> {
    let (action, TagAct { tag, act }, active) = match command {
        TagCommand::Deactivate(act) => ("tag deactivate", act, false),
        TagCommand::Activate(act) => ("tag activate", act, true),
    };
    // Written as everybody's are.
    let tag = Tag::parse(&tag).map_err(|error| Refused::from(Refusal::from(error)))?;
    let mut tx = app.pool.begin().await?;
    // A word that nobody has used yet can be kept from being used.
    let id = sqlx::query_scalar!(
        r#"INSERT INTO tags (name, is_active)
           VALUES ($1, $2)
               ON CONFLICT (name) DO UPDATE
                      SET is_active = EXCLUDED.is_active
                    WHERE tags.is_active <> EXCLUDED.is_active
        RETURNING id AS "id: TagId""#,
        tag.as_str(),
        active,
    )
    .fetch_optional(&mut *tx)
    .await?
    .ok_or_else(|| OperatorError::Refused(format!("the tag {tag} is so already")))?;
    act.note(&mut tx, action, id.get(), json!({ "tag": tag })).await?;
    tx.commit().await?;
    Ok(())
}
