//! Who takes the world's money: what a provider of payments has to be able to do, and what it says of a payment.
//!
//! Nothing here knows tokens. What a provider is asked may have happened although no answer came: such an error is [`PaymentError::Unknown`],
//! after which the payment is asked for, never given up.

pub mod toss;

use std::fmt::Debug;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use rust_decimal::Decimal;
use serde_json::Value;

use crate::config::Config;
use crate::local;

/// What a payment has come to, the furthest last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PaymentState {
    /// Will never be paid.
    Ended,
    /// The buyer has not paid, and may still.
    Waiting,
    /// The buyer agreed; it waits to be confirmed.
    Authorized,
    /// Paid; [`Payment::cancelled`] says how much of it was given back.
    Done,
}

/// A payment as its provider tells it.
#[derive(Debug, Clone, PartialEq)]
pub struct Payment {
    /// The provider's name for it.
    pub key: String,
    /// Ours.
    pub order: String,
    /// How far it is.
    pub state: PaymentState,
    /// What was to be paid in all.
    pub total: Decimal,
    /// What was given back of it.
    pub cancelled: Decimal,
    /// As ISO 4217 has it.
    pub currency: String,
    /// A page that shows the receipt.
    pub receipt_url: Option<String>,
    /// How it was paid.
    pub card: Option<Value>,
    /// How it was paid.
    pub easy_pay: Option<Value>,
}

/// Why a provider did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum PaymentError {
    /// It could not be reached, or its answer could not be heard: it may have done it.
    #[error("away: {0}")]
    Away(String),
    /// It is not known whether it did.
    #[error("no clear answer: {0}")]
    Unknown(String),
    /// It said no.
    #[error("refused: {code}")]
    Refused {
        /// The provider's word for it.
        code: String,
    },
}

/// What is to be paid.
#[derive(Debug, Clone)]
pub struct Order {
    /// Our name for it.
    pub id: String,
    /// What is bought, for people.
    pub title: String,
    /// What it costs.
    pub amount: Decimal,
    /// As ISO 4217 has it.
    pub currency: String,
    /// Where the buyer comes back to after agreeing.
    pub success_url: String,
    /// Where the buyer comes back to otherwise.
    pub fail_url: String,
}

/// A page, and what a browser may do on it.
#[derive(Debug, Clone)]
pub struct CheckoutPage {
    /// The whole of it.
    pub html: String,
    /// Its content security policy.
    pub policy: String,
}

/// Somebody who takes payments.
pub trait Payments: Debug + Send + Sync {
    /// `purchases.provider`.
    fn name(&self) -> &'static str;

    /// The page on which the buyer agrees.
    fn checkout(&self, order: &Order) -> CheckoutPage;

    /// Takes the money that the buyer agreed to. May be repeated.
    fn confirm<'a>(
        &'a self,
        key: &'a str,
        order: &'a str,
        amount: Decimal,
    ) -> BoxFuture<'a, Result<Payment, PaymentError>>;

    /// The payment of an order that has come furthest; `None` when the provider knows none. An order may have several, of which one at
    /// most is made: `keys` are those that are known.
    fn find<'a>(&'a self, order: &'a str, keys: &'a [String]) -> BoxFuture<'a, Result<Option<Payment>, PaymentError>>;

    /// Gives `amount` back. May be repeated under the same `once`, which does it once.
    fn cancel<'a>(
        &'a self,
        key: &'a str,
        amount: Decimal,
        reason: &'a str,
        once: &'a str,
    ) -> BoxFuture<'a, Result<Payment, PaymentError>>;
}

/// The provider that the operator set; on a development server without one, the one that takes no money.
pub(crate) fn provider(config: &Config) -> anyhow::Result<Option<Arc<dyn Payments>>> {
    let payments = &config.payments;
    if let (Some(client_key), Some(secret_key)) = (&payments.client_key, &payments.secret_key) {
        let toss = toss::Toss::new(payments.url.clone(), client_key.clone(), secret_key.clone())?;
        return Ok(Some(Arc::new(toss)));
    }
    if config.is_hosted() {
        return Ok(None);
    }
    Ok(Some(Arc::new(local::payments::Development::default())))
}

/// Text as it stands in HTML, also within quotes.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}
