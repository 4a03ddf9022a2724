//! Ids: whole numbers above zero, one type a table, so that none is taken for another.

use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Why a number or a word is not an id.
#[derive(Debug, thiserror::Error)]
pub enum IdError {
    /// Ids count from 1.
    #[error("{0} is not above zero")]
    NotPositive(i64),
    /// Not a whole number.
    #[error("an id is a whole number")]
    NotANumber(#[from] ParseIntError),
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[cfg_attr(feature = "specta", derive(specta::Type))]
        #[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema), schema(minimum = 1))]
        #[cfg_attr(feature = "sqlx", derive(sqlx::Type), sqlx(transparent))]
        #[serde(try_from = "i64", into = "i64")]
        pub struct $name(i64);

        impl $name {
            /// The number, as a table holds it.
            #[must_use]
            pub const fn get(self) -> i64 {
                self.0
            }
        }

        impl TryFrom<i64> for $name {
            type Error = IdError;

            fn try_from(number: i64) -> Result<Self, IdError> {
                if number > 0 { Ok(Self(number)) } else { Err(IdError::NotPositive(number)) }
            }
        }

        impl From<$name> for i64 {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::try_from(text.parse::<i64>()?)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )+};
}

ids! {
    /// A row of `styles`.
    StyleId,
    /// A row of `artworks`.
    ArtworkId,
    /// A row of `tags`.
    TagId,
    /// A row of `generations`.
    GenerationId,
    /// A row of `jobs`.
    JobId,
    /// A row of `users`.
    UserId,
    /// A row of `artists`.
    ArtistId,
    /// A row of `transactions`.
    TransactionId,
    /// A row of `purchases`.
    PurchaseId,
    /// A row of `comments`.
    CommentId,
    /// A row of `notifications`.
    NotificationId,
    /// A row of `sessions`.
    SessionId,
    /// A row of `vouchers`.
    VoucherId,
    /// A row of `uploads`.
    UploadId,
    /// A row of `withdrawals`.
    WithdrawalId,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_above_zero() {
        assert!(StyleId::try_from(0).is_err());
        assert!("-3".parse::<ArtworkId>().is_err());
        assert_eq!("7".parse::<ArtworkId>().expect("7 is an id").get(), 7);
        assert!(serde_json::from_str::<TagId>("0").is_err());
    }
}
