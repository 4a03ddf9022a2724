//! The history of tokens, and what of them a user has.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{GenerationId, PurchaseId, StyleId, Tokens, TransactionId, TransactionKind, TransactionStatus, UserId};

/// What a user has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct BalanceView {
    /// To spend.
    pub balance: Tokens,
    /// Set aside for generations under way and vouchers.
    pub escrow: Tokens,
    /// Spent of purchases that were cancelled afterwards: nothing can be spent until it is covered.
    pub debt: Tokens,
}

/// One move of tokens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct TransactionView {
    /// Its number.
    pub id: TransactionId,
    /// Why.
    pub kind: TransactionKind,
    /// Whether it is done.
    pub status: TransactionStatus,
    /// How many.
    pub amount: Tokens,
    /// From whom.
    pub sender: UserId,
    /// To whom; absent when they were bought.
    pub receiver: Option<UserId>,
    /// For the use of which style.
    pub style: Option<StyleId>,
    /// For which generation.
    pub generation: Option<GenerationId>,
    /// By which purchase.
    pub purchase: Option<PurchaseId>,
    /// Which transaction it reverses.
    pub reverses: Option<TransactionId>,
    /// Whether another reversed it.
    pub refunded: bool,
    /// Why, in words.
    pub memo: Option<String>,
    /// What was paid for it, as a decimal number; for purchases.
    pub price: Option<String>,
    /// In which currency, as ISO 4217 has it.
    pub currency: Option<String>,
    /// When.
    pub created_at: DateTime<Utc>,
}
