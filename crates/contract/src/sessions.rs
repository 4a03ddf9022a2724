//! Sessions: signing in with what the browser brought back, and staying so.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{SealKey, SessionId, UserId};

/// Longest name of a device.
pub const DEVICE_NAME_CHARS_MAX: usize = 100;

/// What a studio exchanges for a session, once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewSession {
    /// What the browser brought to the studio's address; good for two minutes.
    #[cfg_attr(feature = "utoipa", schema(max_length = 128))]
    pub code: String,
    /// What the challenge was made of (RFC 7636).
    #[cfg_attr(feature = "utoipa", schema(max_length = 128))]
    pub verifier: String,
    /// The public key of the device, to which keys are sealed.
    #[serde(default)]
    pub device: Option<SealKey>,
    /// What its owner calls the device.
    #[serde(default)]
    #[cfg_attr(feature = "utoipa", schema(max_length = 100))]
    pub device_name: Option<String>,
    /// Whether a deactivated account is to be active again. Without it, one is refused and the code stays good.
    #[serde(default)]
    pub reactivate: bool,
}

/// What goes on with a session.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Refresh {
    /// The newest refresh token.
    #[cfg_attr(feature = "utoipa", schema(max_length = 128))]
    pub refresh_token: String,
}

/// A session's tokens. Each refresh token is for one use: its answer holds the next.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct SessionTokens {
    /// Which session.
    pub session: SessionId,
    /// Whose.
    pub user: UserId,
    /// For `Authorization: Bearer`.
    pub access_token: String,
    /// Until when that is good.
    pub access_expires_at: DateTime<Utc>,
    /// For the next access token. Belongs in the keyring of the system.
    pub refresh_token: String,
}

/// One of the caller's sessions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct SessionView {
    /// Its number.
    pub id: SessionId,
    /// What its owner calls the device.
    pub device_name: Option<String>,
    /// Whether it is the one that asks.
    pub is_this: bool,
    /// Since when.
    pub created_at: DateTime<Utc>,
    /// When it last asked for an access token.
    pub used_at: DateTime<Utc>,
}

macro_rules! shows_nothing {
    ($($name:ident),+) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        }
    )+};
}

shows_nothing!(NewSession, Refresh, SessionTokens);
