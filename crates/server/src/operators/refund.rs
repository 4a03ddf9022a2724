//! `atelier-server refund`: money back for tokens, and corrections of balances. Refunds of single pictures are `generation refund`.

use atelier_contract::{PurchaseId, PurchaseStatus, Tokens, UserId};
use clap::Subcommand;
use rust_decimal::Decimal;
use serde_json::json;

use super::{Act, OperatorError};
use crate::app::App;
use crate::feed::{self, Change};
use crate::ledger;
use crate::payments::PaymentError;
use crate::refused::Refused;
use crate::resources::purchases::settling::{self, Asked, Purchase};

/// What is given back.
#[derive(Debug, Subcommand)]
pub enum RefundCommand {
    /// Give money back for tokens of a purchase, all that are left of it if no number is given. Tokens that were spent become a debt.
    Purchase {
        /// Its number.
        purchase: PurchaseId,
        /// How many tokens.
        #[arg(long)]
        tokens: Option<i64>,
        /// Who does it, and why.
        #[command(flatten)]
        act: Act,
    },
    /// Ask the provider about a purchase, and do what it says.
    Ask {
        /// Its number.
        purchase: PurchaseId,
        /// Who does it, and why.
        #[command(flatten)]
        act: Act,
    },
    /// Correct a balance: give tokens.
    Give(Correction),
    /// Correct a balance: take tokens.
    Take(Correction),
}

/// Of whom, how much, by whom and why.
#[derive(Debug, clap::Args)]
pub struct Correction {
    /// Whose balance.
    pub user: UserId,
    /// How many tokens, at least 1.
    #[arg(value_parser = clap::value_parser!(i64).range(1..))]
    pub tokens: i64,
    #[command(flatten)]
    act: Act,
}

/// Does it; gives the lines to show.
///
/// # Errors
/// [`OperatorError`].
pub async fn run(app: &App, command: RefundCommand) -> Result<Vec<String>, OperatorError> {
    match command {
        RefundCommand::Purchase { purchase, tokens, act } => cancel(app, purchase, tokens, &act).await?,
        RefundCommand::Ask { purchase, act } => ask(app, purchase, &act).await?,
        RefundCommand::Give(correction) => correct(app, correction, false).await?,
        RefundCommand::Take(correction) => correct(app, correction, true).await?,
    }
    Ok(Vec::new())
}

/// The purchase, and how many of its tokens were cancelled.
async fn find(app: &App, id: PurchaseId) -> Result<(Purchase, i64), OperatorError> {
    let row = sqlx::query!(
        "SELECT provider_order_id, cancelled_tokens FROM purchases WHERE id = $1",
        id.get()
    )
    .fetch_optional(&app.pool)
    .await?;
    let unknown = || OperatorError::Unknown {
        noun: "purchase",
        sought: id.to_string(),
    };
    let row = row.ok_or_else(unknown)?;
    let purchase = settling::of_order(app, &row.provider_order_id)
        .await?
        .ok_or_else(unknown)?;
    Ok((purchase, row.cancelled_tokens))
}

/// Noted before the provider is asked, since what it says may credit, take back and give money back.
async fn ask(app: &App, id: PurchaseId, act: &Act) -> Result<(), OperatorError> {
    let (purchase, cancelled) = find(app, id).await?;
    let mut tx = app.pool.begin().await?;
    act.note(
        &mut tx,
        "refund ask",
        id.get(),
        json!({ "status_before": purchase.status, "cancelled_before": cancelled }),
    )
    .await?;
    tx.commit().await?;
    if settling::ask(app, &purchase).await? != Asked::Clear {
        return Err(OperatorError::Refused(
            "the payment provider gave no clear answer".to_owned(),
        ));
    }
    Ok(())
}

/// The act is noted before the provider is asked: what it did is known even if no answer comes. The provider does it once, however often
/// this is repeated, because the request is named after what is cancelled already.
async fn cancel(app: &App, id: PurchaseId, tokens: Option<i64>, act: &Act) -> Result<(), OperatorError> {
    let (purchase, cancelled) = find(app, id).await?;
    let wrong = |state: &str| OperatorError::State {
        noun: "purchase",
        id: id.get(),
        state: state.to_owned(),
    };
    let left = purchase.tokens - cancelled;
    let tokens = tokens.unwrap_or(left);
    if purchase.status()? != PurchaseStatus::Paid {
        return Err(wrong("is not paid"));
    }
    if tokens < 1 || tokens > left {
        return Err(wrong(&format!("has {left} tokens that could be given back")));
    }
    let payments = app
        .payments
        .as_ref()
        .ok_or_else(|| wrong("has no payment provider on this server"))?;
    let mut tx = app.pool.begin().await?;
    act.note(
        &mut tx,
        "refund purchase",
        id.get(),
        json!({ "tokens": tokens, "cancelled_before": cancelled }),
    )
    .await?;
    tx.commit().await?;
    let amount = purchase.price_per_token * Decimal::from(tokens);
    let once = format!("refund-{id}-{cancelled}-{tokens}");
    match payments.cancel(&purchase.key, amount, &act.reason, &once).await {
        Ok(payment) => {
            settling::apply(app, &purchase, &payment).await?;
        }
        Err(PaymentError::Refused { code }) => return Err(OperatorError::Refused(code)),
        Err(PaymentError::Unknown(why) | PaymentError::Away(why)) => {
            return Err(OperatorError::Refused(format!(
                "{why}: not known whether it was done; `refund ask {id}` takes over what the provider did, repeat only what is not"
            )));
        }
    }
    Ok(())
}

async fn correct(app: &App, Correction { user, tokens, act }: Correction, taken: bool) -> Result<(), OperatorError> {
    let mut tx = app.pool.begin().await?;
    let there = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM users WHERE id = $1) AS "there!""#,
        user.get()
    )
    .fetch_one(&mut *tx)
    .await?;
    if !there {
        return Err(OperatorError::Unknown {
            noun: "user",
            sought: user.to_string(),
        });
    }
    let amount = Tokens::try_from(tokens).map_err(|error| sqlx::Error::Encode(Box::new(error)))?;
    let transaction = ledger::correct(&mut tx, user, amount, taken, &act.reason)
        .await
        .map_err(Refused::from)?;
    let action = if taken { "refund take" } else { "refund give" };
    act.note(
        &mut tx,
        action,
        user.get(),
        json!({ "tokens": tokens, "transaction": transaction }),
    )
    .await?;
    feed::append(&mut tx, user, Change::Balance).await?;
    tx.commit().await?;
    Ok(())
}
