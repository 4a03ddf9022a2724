//! Words that a column may hold, and which may follow which.
//!
//! Each enum is the `CHECK` list of its column: the same words, in the same order.

use serde::{Deserialize, Serialize};

/// A word that is none of those known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{word:?} is none of {known}")]
pub struct UnknownWord {
    /// As it was given.
    pub word: String,
    /// All that would do, separated by commas.
    pub known: String,
}

// A word is a token, not a `literal`: inside one utoipa would not see it, and describe the variants by their Rust names.
macro_rules! words {
    ($($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:tt),+ $(,)? })+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "specta", derive(specta::Type))]
        #[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
        pub enum $name {
            $($(#[$variant_doc])* #[serde(rename = $word)] $variant),+
        }

        impl $name {
            /// All of them, in the order of the column's `CHECK`.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// As the column holds it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word),+
                }
            }
        }

        impl TryFrom<&str> for $name {
            type Error = $crate::UnknownWord;

            fn try_from(word: &str) -> Result<Self, $crate::UnknownWord> {
                match word {
                    $($word => Ok(Self::$variant),)+
                    _ => Err($crate::UnknownWord { word: word.to_owned(), known: [$($word),+].join(", ") }),
                }
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::UnknownWord;

            fn from_str(word: &str) -> Result<Self, $crate::UnknownWord> {
                Self::try_from(word)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }
    )+};
}
pub(crate) use words;

words! {
    /// `styles.training_status`.
    TrainingStatus {
        /// Never trained, or a first training was cancelled.
        Pending = "pending",
        /// A job trains it, or is paused and can go on.
        Training = "training",
        /// Its LoRA is at `model_path`.
        Completed = "completed",
        /// The last training ended badly.
        Failed = "failed",
    }

    /// `generations.status`.
    GenerationStatus {
        /// Waits for the device.
        Queued = "queued",
        /// Is being made.
        Processing = "processing",
        /// Failed, and is tried again: at most three times.
        Retrying = "retrying",
        /// Its picture is at `result_url`.
        Completed = "completed",
        /// Given up.
        Failed = "failed",
    }

    /// `users.role`.
    Role {
        /// Uses styles.
        User = "user",
        /// Makes them as well.
        Artist = "artist",
    }

    /// `notifications.type`.
    NotificationType {
        /// Somebody follows the recipient.
        Follow = "follow",
        /// Somebody likes a generation of theirs.
        Like = "like",
        /// Somebody commented on one, or replied.
        Comment = "comment",
        /// A generation is there.
        GenerationComplete = "generation_complete",
        /// A generation was given up.
        GenerationFailed = "generation_failed",
        /// A training ended well.
        StyleTrainingComplete = "style_training_complete",
        /// A training ended badly.
        StyleTrainingFailed = "style_training_failed",
    }

    /// `notifications.target_type`.
    TargetType {
        /// A user.
        User = "user",
        /// A style.
        Style = "style",
        /// A generation.
        Generation = "generation",
        /// A comment.
        Comment = "comment",
    }

    /// `transactions.status`.
    TransactionStatus {
        /// The tokens are set aside: in escrow, or to be paid out.
        Pending = "pending",
        /// They are where they were to go.
        Completed = "completed",
        /// They went back.
        Failed = "failed",
    }

    /// `transactions.kind`.
    TransactionKind {
        /// From one user to another.
        Transfer = "transfer",
        /// Bought for money.
        Purchase = "purchase",
        /// What a new account gets.
        Welcome = "welcome",
        /// For the use of a style.
        Generation = "generation",
        /// Reverses another.
        Refund = "refund",
        /// Taken back, because the purchase was cancelled.
        Cancellation = "cancellation",
        /// Covers what was spent of a cancelled purchase.
        Debt = "debt",
        /// Earnings that were pending are the artist's.
        Settlement = "settlement",
        /// Set aside to be paid out.
        Withdrawal = "withdrawal",
        /// Paid out.
        Payout = "payout",
        /// By an operator.
        Correction = "correction",
    }

    /// `purchases.status`.
    PurchaseStatus {
        /// The buyer has not paid yet.
        Pending = "pending",
        /// The buyer agreed to pay; the provider has not confirmed yet.
        Authorized = "authorized",
        /// Paid, and the tokens credited.
        Paid = "paid",
        /// Given up, declined or run out.
        Failed = "failed",
    }

    /// `withdrawals.status`.
    WithdrawalStatus {
        /// Waits for an operator.
        Requested = "requested",
        /// Paid out.
        Paid = "paid",
        /// The tokens are the artist's again.
        Rejected = "rejected",
    }

    /// `jobs.status`.
    JobStatus {
        /// Waits for the device.
        Queued = "queued",
        /// A worker has it.
        Running = "running",
        /// Stopped by the person or by what went wrong; its checkpoint is kept.
        Paused = "paused",
        /// Ended well.
        Completed = "completed",
        /// Ended badly.
        Failed = "failed",
        /// Ended by the person.
        Cancelled = "cancelled",
    }

    /// `jobs.kind`.
    JobKind {
        /// A style from artworks.
        Train = "train",
        /// Pictures from tags.
        Generate = "generate",
    }

    /// `styles.license_type`.
    LicenseType {
        /// For the buyer's own use.
        Personal = "personal",
        /// Also for sale.
        Commercial = "commercial",
        /// For one buyer alone.
        Exclusive = "exclusive",
    }

    /// `generations.aspect_ratio`: width to height.
    AspectRatio {
        /// A square of the model's native side.
        Square = "1:1",
        /// The large square.
        LargeSquare = "2:2",
        /// Twice as high as wide.
        Tall = "1:2",
        /// Wide screen.
        Wide = "16:9",
        /// Wide screen, upright.
        WideUpright = "9:16",
        /// Photograph.
        Landscape = "4:3",
        /// Photograph, upright.
        Portrait = "3:4",
    }
}

impl TrainingStatus {
    /// Whether a style in this state may come into `next`.
    #[must_use]
    pub const fn may_become(self, next: Self) -> bool {
        use TrainingStatus::{Completed, Failed, Pending, Training};
        matches!(
            (self, next),
            (Pending | Completed | Failed, Training) | (Training, Pending | Completed | Failed)
        )
    }
}

impl GenerationStatus {
    /// Whether a generation in this state may come into `next`.
    #[must_use]
    pub const fn may_become(self, next: Self) -> bool {
        use GenerationStatus::{Completed, Failed, Processing, Queued, Retrying};
        matches!(
            (self, next),
            (Queued | Retrying, Processing | Failed) | (Processing, Completed | Retrying | Failed)
        )
    }
}

impl TransactionStatus {
    /// Whether a transaction in this state may come into `next`.
    #[must_use]
    pub const fn may_become(self, next: Self) -> bool {
        use TransactionStatus::{Completed, Failed, Pending};
        matches!((self, next), (Pending, Completed | Failed))
    }
}

impl PurchaseStatus {
    /// Whether a purchase in this state may come into `next`. A cancelled one stays `paid`: how much of it was cancelled is a number.
    #[must_use]
    pub const fn may_become(self, next: Self) -> bool {
        use PurchaseStatus::{Authorized, Failed, Paid, Pending};
        matches!(
            (self, next),
            (Pending, Authorized | Paid | Failed) | (Authorized, Paid | Failed)
        )
    }
}

impl WithdrawalStatus {
    /// Whether a withdrawal in this state may come into `next`.
    #[must_use]
    pub const fn may_become(self, next: Self) -> bool {
        use WithdrawalStatus::{Paid, Rejected, Requested};
        matches!((self, next), (Requested, Paid | Rejected))
    }
}

impl JobStatus {
    /// Whether a job in this state may come into `next`. A running job goes back to the queue when its worker died, a cancelled training
    /// when the cancel is taken back.
    #[must_use]
    pub const fn may_become(self, next: Self) -> bool {
        use JobStatus::{Cancelled, Completed, Failed, Paused, Queued, Running};
        matches!(
            (self, next),
            (Queued, Running | Paused | Failed | Cancelled)
                | (Running, Queued | Paused | Completed | Failed | Cancelled)
                | (Paused, Queued | Cancelled)
                | (Cancelled, Queued | Paused)
        )
    }
}

#[expect(
    clippy::derivable_impls,
    reason = "the enum is made by a macro that marks no variant"
)]
impl Default for AspectRatio {
    fn default() -> Self {
        Self::Square
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_read_as_it_is_written() {
        for status in GenerationStatus::ALL {
            assert_eq!(GenerationStatus::try_from(status.as_str()), Ok(*status));
            let json = serde_json::to_string(status).expect("plain data");
            assert_eq!(json, format!("{:?}", status.as_str()));
        }
        assert!(TrainingStatus::try_from("done").is_err());
        assert!(AspectRatio::try_from("5:7").is_err());
    }

    #[test]
    fn what_has_ended_stays_as_it_is() {
        for next in GenerationStatus::ALL {
            assert!(!GenerationStatus::Completed.may_become(*next));
            assert!(!GenerationStatus::Failed.may_become(*next));
        }
        for next in JobStatus::ALL {
            assert!(!JobStatus::Completed.may_become(*next));
            assert!(!JobStatus::Failed.may_become(*next));
        }
    }

    #[test]
    fn a_cancelled_job_waits_again_or_stays_cancelled() {
        let next = JobStatus::ALL
            .iter()
            .filter(|next| JobStatus::Cancelled.may_become(**next));
        assert_eq!(next.collect::<Vec<_>>(), [&JobStatus::Queued, &JobStatus::Paused]);
    }

    #[test]
    fn a_style_is_completed_by_training_alone() {
        assert!(!TrainingStatus::Pending.may_become(TrainingStatus::Completed));
        assert!(TrainingStatus::Training.may_become(TrainingStatus::Completed));
    }
}
