//! What artists earn, and having it paid out.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{Tokens, WithdrawalId, WithdrawalStatus};

/// What an artist earned. The sales themselves are transactions of kind `generation`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct EarningsView {
    /// Settled: may be withdrawn.
    pub earned: Tokens,
    /// Earned within the last seven days.
    pub pending: Tokens,
    /// When the oldest of what is pending settles.
    pub next_settlement_at: Option<DateTime<Utc>>,
    /// Set aside for withdrawals that nobody decided yet.
    pub withdrawing: Tokens,
}

/// Tokens to have paid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewWithdrawal {
    /// How many, at least 1.
    #[cfg_attr(feature = "utoipa", schema(value_type = i64, minimum = 1))]
    pub tokens: Tokens,
}

/// A withdrawal as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct WithdrawalView {
    /// Its number.
    pub id: WithdrawalId,
    /// How many.
    pub tokens: Tokens,
    /// Whether it was decided.
    pub status: WithdrawalStatus,
    /// What the operator says to it.
    pub note: Option<String>,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// When it was decided.
    pub decided_at: Option<DateTime<Utc>>,
}
