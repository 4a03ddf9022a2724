//! Tokens for money: the packages there are, and what becomes of a purchase.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{PurchaseId, PurchaseStatus, Tokens};

/// Tokens that are sold together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct Package {
    /// How many.
    pub tokens: Tokens,
    /// What they cost, as a decimal number.
    pub price: String,
    /// In which currency, as ISO 4217 has it.
    pub currency: String,
}

/// A package to buy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewPurchase {
    /// The tokens of one of the packages.
    pub tokens: Tokens,
}

/// A purchase as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct PurchaseView {
    /// Its number.
    pub id: PurchaseId,
    /// What is bought.
    pub tokens: Tokens,
    /// What it costs in all, as a decimal number.
    pub price: String,
    /// In which currency, as ISO 4217 has it.
    pub currency: String,
    /// How far it is.
    pub status: PurchaseStatus,
    /// Tokens that were taken back, because the payment was cancelled.
    pub cancelled_tokens: Tokens,
    /// The page to pay on, in the person's own browser. Absent once it is decided.
    pub checkout_url: Option<String>,
    /// The provider's receipt.
    pub receipt_url: Option<String>,
    /// When it was begun.
    pub created_at: DateTime<Utc>,
    /// When the tokens were credited.
    pub approved_at: Option<DateTime<Utc>>,
}
