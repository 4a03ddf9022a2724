//! Generations as the server keeps them, and the tickets by which a paid one is made on a machine that nobody can trust.
//!
//! `reserved → released → committed → completed`, or `voided`, or `review`. A fence number rises with every attempt: what an older
//! one still says is refused. Every request may be repeated; a repeat gets the stored answer.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::statuses::words;
use crate::{
    AspectRatio, GenerationId, GenerationProgress, GenerationStatus, OpeningKey, SealKey, Seed, Sha256, StyleId,
    StylePackage, Tag, Tokens, UploadId, UserId, VoucherId,
};

/// Attempts that one ticket pays for.
pub const ATTEMPTS_MAX: u32 = 3;
/// Most vouchers that one request buys.
pub const VOUCHERS_PER_PURCHASE_MAX: u32 = 100;
/// Most entries that one push of a journal holds.
pub const JOURNAL_PUSH_LEN_MAX: usize = 100;
/// Longest reason of a failure, in characters.
pub const FAILURE_CHARS_MAX: usize = 500;

words! {
    /// `tickets.state`.
    TicketState {
        /// Paid into escrow; nothing was begun.
        Reserved = "reserved",
        /// The style's key was given out.
        Released = "released",
        /// Paid to the artist; the opening key was given out.
        Committed = "committed",
        /// Acknowledged.
        Completed = "completed",
        /// Paid back in full.
        Voided = "voided",
        /// Failed too often to be paid back without a look; may still be run again.
        Review = "review",
    }

    /// `vouchers.state`.
    VoucherState {
        /// Paid into escrow.
        Held = "held",
        /// Became a generation.
        Redeemed = "redeemed",
        /// Paid back in full.
        Returned = "returned",
    }
}

impl TicketState {
    /// Whether a ticket in this state may come into `next`.
    #[must_use]
    pub const fn may_become(self, next: Self) -> bool {
        use TicketState::{Committed, Completed, Released, Reserved, Review, Voided};
        matches!(
            (self, next),
            (Reserved, Released | Voided)
                | (Released, Released | Committed | Voided | Review)
                | (Review, Released | Voided)
                | (Committed, Completed)
        )
    }

    /// How the generation's own status says this, in attempt number `attempt`.
    #[must_use]
    pub const fn status(self, attempt: u32) -> GenerationStatus {
        match self {
            Self::Reserved => GenerationStatus::Queued,
            Self::Released | Self::Review if attempt > 1 => GenerationStatus::Retrying,
            Self::Released | Self::Review | Self::Committed => GenerationStatus::Processing,
            Self::Completed => GenerationStatus::Completed,
            Self::Voided => GenerationStatus::Failed,
        }
    }
}

/// A picture to make.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewGeneration {
    /// With which style.
    pub style: StyleId,
    /// What it shows, in the order of the prompt.
    #[cfg_attr(feature = "utoipa", schema(max_items = 50))]
    pub tags: Vec<Tag>,
    /// Its shape.
    #[serde(default)]
    pub aspect_ratio: AspectRatio,
    /// Its noise; the server draws one when absent.
    #[serde(default)]
    pub seed: Option<Seed>,
    /// SHA-256 of everything else that decides the picture (sampler, steps, strength…), so that the ticket is for this picture only.
    pub parameters_sha256: Sha256,
    /// The price that the person saw: another price is refused.
    pub cost_tokens: Tokens,
}

/// What a ticket says, signed by the server: JSON, then a full stop, then the Ed25519 signature; both as unpadded base64url. The
/// signature is over `atelier ticket` and the JSON, with a zero byte between.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct TicketClaims {
    /// The generation it pays for.
    pub generation: GenerationId,
    /// Whose it is.
    pub user: UserId,
    /// The only device that may use it.
    pub device_key: SealKey,
    /// With which style.
    pub style: StyleId,
    /// Which training of the style.
    pub style_version: u32,
    /// As it was asked for.
    pub parameters_sha256: Sha256,
    /// Its noise.
    pub seed: Seed,
    /// What was paid.
    pub cost_tokens: Tokens,
    /// Results are sealed to this key.
    pub seal_to: SealKey,
    /// Until when it may be begun.
    pub expires_at: DateTime<Utc>,
}

/// What a receipt says, signed like a ticket over `atelier receipt`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct ReceiptClaims {
    /// Which generation.
    pub generation: GenerationId,
    /// Whose it is.
    pub user: UserId,
    /// With which style.
    pub style: StyleId,
    /// Which training of the style.
    pub style_version: u32,
    /// What was paid.
    pub cost_tokens: Tokens,
    /// SHA-256 of the sealed result.
    pub ciphertext_sha256: Sha256,
    /// When it was paid.
    pub committed_at: DateTime<Utc>,
}

/// A ticket as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct TicketView {
    /// The generation it pays for.
    pub generation: GenerationId,
    /// Where it stands.
    pub state: TicketState,
    /// Attempts begun.
    pub attempt: u32,
    /// Number of the newest attempt's fence.
    pub fence: u32,
    /// Until when the newest attempt is trusted to be alive.
    pub lease_until: Option<DateTime<Utc>>,
    /// What was paid.
    pub cost_tokens: Tokens,
    /// [`TicketClaims`], signed.
    pub ticket: String,
    /// [`ReceiptClaims`], signed; once committed.
    pub receipt: Option<String>,
    /// Opens the result; once committed.
    pub opening_key: Option<OpeningKey>,
    /// Until when it may be begun.
    pub expires_at: DateTime<Utc>,
}

/// An attempt to begin. The number says which, so that a repeat begins nothing new.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewAttempt {
    /// The fence that the attempt is to get: one more than the newest, or the newest again for the same answer.
    pub fence: u32,
}

/// What an attempt needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct Attempt {
    /// Its ticket.
    pub ticket: TicketView,
    /// The style, for this device.
    pub package: StylePackage,
    /// Results are sealed to this key (HPKE as for the package, info `atelier result`).
    pub seal_to: SealKey,
}

/// A sign of life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Heartbeat {
    /// The attempt's fence.
    pub fence: u32,
    /// How far it is.
    #[serde(default)]
    pub progress: Option<GenerationProgress>,
}

/// An attempt that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct AttemptFailure {
    /// The attempt's fence.
    pub fence: u32,
    /// Why: short, without paths.
    #[cfg_attr(feature = "utoipa", schema(max_length = 500))]
    pub reason: String,
}

/// A result that is written and sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Commit {
    /// The attempt's fence.
    pub fence: u32,
    /// SHA-256 of the sealed result.
    pub ciphertext_sha256: Sha256,
}

/// A picture that needed no ticket: made with one's own style, or with a free one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct MadeGeneration {
    /// With which style.
    pub style: StyleId,
    /// What it shows, in the order of the prompt.
    #[cfg_attr(feature = "utoipa", schema(max_items = 50))]
    pub tags: Vec<Tag>,
    /// Its shape.
    #[serde(default)]
    pub aspect_ratio: AspectRatio,
    /// Its noise.
    pub seed: Seed,
}

/// A generation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct GenerationView {
    /// Its number.
    pub id: GenerationId,
    /// Who made it.
    pub user: UserId,
    /// What they are called.
    pub username: String,
    /// With which style.
    pub style: Option<StyleId>,
    /// What the style is called.
    pub style_name: Option<String>,
    /// Its shape.
    pub aspect_ratio: AspectRatio,
    /// Its noise; only its maker sees it.
    pub seed: Option<Seed>,
    /// What was paid; only its maker sees it.
    pub consumed_tokens: Option<Tokens>,
    /// Where it stands.
    pub status: GenerationStatus,
    /// How far it is.
    pub generation_progress: Option<GenerationProgress>,
    /// Path of the picture, once it is uploaded.
    pub result_url: Option<String>,
    /// What its maker says of it.
    pub description: Option<String>,
    /// In the order of the prompt.
    pub tags: Vec<Tag>,
    /// People who like it.
    pub like_count: u32,
    /// Comments and replies.
    pub comment_count: u32,
    /// Whether everybody sees it.
    pub is_public: bool,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// Its last change.
    pub updated_at: DateTime<Utc>,
}

/// What of a generation changes; what is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct GenerationChange {
    /// A verified upload of purpose `picture`; once for good.
    pub result: Option<UploadId>,
    /// Empty takes it away.
    #[cfg_attr(feature = "utoipa", schema(max_length = 2000))]
    pub description: Option<String>,
    /// Whether everybody sees it: only a completed one with its picture uploaded.
    pub is_public: Option<bool>,
}

/// Vouchers to buy, for a device that will be offline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewVouchers {
    /// For which style.
    pub style: StyleId,
    /// How many.
    #[cfg_attr(feature = "utoipa", schema(minimum = 1, maximum = 100))]
    pub count: u32,
    /// The price of one that the person saw.
    pub cost_tokens: Tokens,
}

/// What a voucher says, signed like a ticket over `atelier voucher`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct VoucherClaims {
    /// Its number.
    pub voucher: VoucherId,
    /// Whose it is.
    pub user: UserId,
    /// The only device that may spend it.
    pub device_key: SealKey,
    /// For which style.
    pub style: StyleId,
    /// Which training of the style.
    pub style_version: u32,
    /// What was paid.
    pub cost_tokens: Tokens,
    /// Until when it may be spent.
    pub expires_at: DateTime<Utc>,
}

/// A voucher as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct VoucherView {
    /// Its number.
    pub id: VoucherId,
    /// For which style.
    pub style: StyleId,
    /// Where it stands.
    pub state: VoucherState,
    /// What was paid.
    pub cost_tokens: Tokens,
    /// [`VoucherClaims`], signed.
    pub voucher: String,
    /// What it became.
    pub generation: Option<GenerationId>,
    /// Until when it may be spent.
    pub expires_at: DateTime<Utc>,
}

/// Vouchers that were bought, and the style for the device that may spend them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct VouchersBought {
    /// One for each picture.
    pub vouchers: Vec<VoucherView>,
    /// The style, for this device.
    pub package: StylePackage,
}

/// One entry of a device's journal: a voucher that was spent offline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct JournalEntry {
    /// Which voucher.
    pub voucher: VoucherId,
    /// What the picture shows, in the order of the prompt.
    #[cfg_attr(feature = "utoipa", schema(max_items = 50))]
    pub tags: Vec<Tag>,
    /// Its shape.
    pub aspect_ratio: AspectRatio,
    /// Its noise.
    pub seed: Seed,
    /// SHA-256 of the picture.
    pub result_sha256: Sha256,
    /// When, by the device's clock.
    pub made_at: DateTime<Utc>,
    /// `hash` of the entry before it; 64 zeros for the first of a device.
    pub previous: Sha256,
    /// SHA-256 of [`JournalEntry::hashed_bytes`]: `atelier journal`, a zero byte, then a JSON array of the other fields in order.
    pub hash: Sha256,
}

/// Newest entries of a device's journal, in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct JournalPush {
    /// From the first that the server may not have. Those it has are passed over.
    #[cfg_attr(feature = "utoipa", schema(max_items = 100))]
    pub entries: Vec<JournalEntry>,
}

/// What became of a journal's entries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct JournalState {
    /// Entries that the server has.
    pub entries: u64,
    /// Hash of the newest.
    pub head: Sha256,
    /// For each entry of the push, in order.
    pub outcomes: Vec<JournalOutcome>,
}

/// What became of one entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct JournalOutcome {
    /// Its voucher.
    pub voucher: VoucherId,
    /// The generation it became; absent when the voucher could not be redeemed.
    pub generation: Option<GenerationId>,
}

impl JournalEntry {
    /// What its hash is taken over.
    #[must_use]
    pub fn hashed_bytes(&self) -> Vec<u8> {
        let body = serde_json::json!([
            self.voucher,
            self.tags,
            self.aspect_ratio,
            self.seed,
            self.result_sha256,
            self.made_at,
            self.previous,
        ]);
        let mut bytes = b"atelier journal\0".to_vec();
        bytes.extend_from_slice(body.to_string().as_bytes());
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_ended_stays_as_it_is() {
        for next in TicketState::ALL {
            assert!(!TicketState::Completed.may_become(*next));
            assert!(!TicketState::Voided.may_become(*next));
        }
    }

    #[test]
    fn nothing_is_paid_back_after_it_was_paid_out() {
        assert!(!TicketState::Committed.may_become(TicketState::Voided));
        assert!(!TicketState::Committed.may_become(TicketState::Review));
    }
}
