//! Amounts of money that the product counts in.

use serde::{Deserialize, Serialize};

/// Why a number is not an amount.
#[derive(Debug, thiserror::Error)]
pub enum AmountError {
    /// Balances and prices never fall below nothing.
    #[error("{0} tokens are fewer than none")]
    Negative(i64),
}

/// Whole tokens, never negative. `BIGINT` in Postgres, `INTEGER` in SQLite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema), schema(minimum = 0))]
#[cfg_attr(feature = "sqlx", derive(sqlx::Type), sqlx(transparent))]
#[serde(try_from = "i64", into = "i64")]
pub struct Tokens(i64);

impl Tokens {
    /// The number, as a table holds it.
    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }

    /// The sum, or `None` past what 63 bits hold.
    #[must_use]
    pub fn checked_add(self, more: Self) -> Option<Self> {
        self.0.checked_add(more.0).map(Self)
    }

    /// What is left, or `None` when `cost` is more than there is.
    #[must_use]
    pub fn checked_sub(self, cost: Self) -> Option<Self> {
        (self >= cost).then(|| Self(self.0 - cost.0))
    }
}

impl TryFrom<i64> for Tokens {
    type Error = AmountError;

    fn try_from(number: i64) -> Result<Self, AmountError> {
        if number >= 0 {
            Ok(Self(number))
        } else {
            Err(AmountError::Negative(number))
        }
    }
}

impl From<Tokens> for i64 {
    fn from(tokens: Tokens) -> Self {
        tokens.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_never_fall_below_none() {
        let two = Tokens::try_from(2).expect("2 is an amount");
        let three = Tokens::try_from(3).expect("3 is an amount");
        assert_eq!(two.checked_sub(three), None);
        assert_eq!(three.checked_sub(two).map(Tokens::get), Some(1));
        assert!(serde_json::from_str::<Tokens>("-1").is_err());
    }
}
