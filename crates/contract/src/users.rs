//! Users: their own account, what others see of it, and being an artist.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{Role, Tokens, UploadId, UserId};

/// Longest name of a user: the width of the column `users.username`.
pub const USERNAME_CHARS_MAX: usize = 50;
/// Longest text about oneself.
pub const BIO_CHARS_MAX: usize = 2_000;
/// Longest name of an artist: the width of the column `artists.artist_name`.
pub const ARTIST_NAME_CHARS_MAX: usize = 100;

/// The caller's own account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct Account {
    /// Its number.
    pub id: UserId,
    /// What everybody calls them.
    pub username: String,
    /// Who signs them in.
    pub provider: String,
    /// Whether they make styles.
    pub role: Role,
    /// What they say about themselves.
    pub bio: Option<String>,
    /// Where their picture is.
    pub profile_image: Option<String>,
    /// What they may spend.
    pub token_balance: Tokens,
    /// What they are as an artist.
    pub artist: Option<ArtistAccount>,
    /// Since when.
    pub created_at: DateTime<Utc>,
    /// When the profile last changed.
    pub updated_at: DateTime<Utc>,
}

/// The caller's own side as an artist.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct ArtistAccount {
    /// What they call themselves as an artist.
    pub artist_name: Option<String>,
    /// Where the signature is that goes on pictures made in their styles.
    pub signature: Option<String>,
    /// Where they are told of payments, as the provider of their sign-in confirmed it.
    pub verified_email: Option<String>,
    /// Settled earnings.
    pub earned_token_balance: Tokens,
    /// How many follow them.
    pub follower_count: u32,
    /// Since when they are one.
    pub created_at: DateTime<Utc>,
}

/// What of a profile changes; what is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct AccountChange {
    /// Nobody else’s.
    #[cfg_attr(feature = "utoipa", schema(min_length = 1, max_length = 50))]
    pub username: Option<String>,
    /// Empty takes it away.
    #[cfg_attr(feature = "utoipa", schema(max_length = 2000))]
    pub bio: Option<String>,
    /// A verified upload of purpose `profile_image`.
    pub profile_image: Option<UploadId>,
    /// Takes the picture away.
    pub without_profile_image: bool,
}

/// What an artist is to be. The first time it makes an artist of a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ArtistProfile {
    /// What they call themselves as an artist.
    #[cfg_attr(feature = "utoipa", schema(min_length = 1, max_length = 100))]
    pub artist_name: String,
    /// A verified upload of purpose `signature`. Needed the first time; afterwards the old one stays without.
    #[serde(default)]
    pub signature: Option<UploadId>,
}

/// What everybody sees of a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct UserView {
    /// Their number.
    pub id: UserId,
    /// What everybody calls them.
    pub username: String,
    /// Whether they make styles.
    pub role: Role,
    /// What they say about themselves.
    pub bio: Option<String>,
    /// Where their picture is.
    pub profile_image: Option<String>,
    /// What they call themselves as an artist.
    pub artist_name: Option<String>,
    /// How many follow them.
    pub follower_count: u32,
    /// Since when.
    pub created_at: DateTime<Utc>,
}
