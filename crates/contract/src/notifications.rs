//! What a user is told.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{NotificationId, NotificationType, TargetType, UserId};

/// Something a user is told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct NotificationView {
    /// Its number.
    pub id: NotificationId,
    /// What it is.
    #[serde(rename = "type")]
    pub kind: NotificationType,
    /// Who did it; absent when the system speaks.
    pub actor: Option<UserId>,
    /// What they call themselves.
    pub actor_name: Option<String>,
    /// What the number of `target_id` is of.
    pub target_type: Option<TargetType>,
    /// What it is about.
    pub target_id: Option<i64>,
    /// Whether the recipient has read it.
    pub is_read: bool,
    /// More of it, by type: the beginning of a comment and on which generation it is, why something failed.
    #[cfg_attr(feature = "utoipa", schema(value_type = Option<Object>))]
    #[cfg_attr(feature = "specta", specta(type = Option<std::collections::BTreeMap<String, String>>))]
    pub metadata: Option<serde_json::Map<String, serde_json::Value>>,
    /// When.
    pub created_at: DateTime<Utc>,
}

/// Whether a notification is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NotificationChange {
    /// How it is to be.
    pub is_read: bool,
}

/// Which notifications are read now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ReadUntil {
    /// The newest that the person has seen; it and all older ones are read.
    pub until: NotificationId,
}

/// How many notifications wait to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct Unread {
    /// So many; 100 stands for 100 or more.
    pub unread: u32,
}
