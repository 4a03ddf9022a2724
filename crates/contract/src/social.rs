//! What people do with each other's pictures and with each other: follow, like, comment.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{CommentId, GenerationId, UserId};

/// Longest comment.
pub const COMMENT_CHARS_MAX: usize = 2_000;

/// Somebody in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct PersonCard {
    /// Who.
    pub user: UserId,
    /// What they call themselves.
    pub username: String,
    /// What they call themselves as an artist; absent for who makes no styles, and for who has no such name.
    pub artist_name: Option<String>,
    /// Since when they follow, are followed, or like: whatever the list is of.
    pub since: DateTime<Utc>,
}

/// Whether the caller follows somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct FollowView {
    /// Whom.
    pub user: UserId,
    /// Whether.
    pub following: bool,
}

/// Whether the caller likes a generation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct LikeView {
    /// Which.
    pub generation: GenerationId,
    /// Whether.
    pub liked: bool,
    /// How many like it by now.
    pub like_count: u32,
}

/// Something to say about a generation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewComment {
    /// 1 to 2,000 characters, spaces at both ends left away.
    #[cfg_attr(feature = "utoipa", schema(min_length = 1, max_length = 2000))]
    pub content: String,
    /// What it replies to; a reply has no replies.
    #[serde(default)]
    pub parent: Option<CommentId>,
}

/// Other words for a comment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CommentChange {
    /// 1 to 2,000 characters, spaces at both ends left away.
    #[cfg_attr(feature = "utoipa", schema(min_length = 1, max_length = 2000))]
    pub content: String,
}

/// A comment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct CommentView {
    /// Its number.
    pub id: CommentId,
    /// On what.
    pub generation: GenerationId,
    /// Whose.
    pub user: UserId,
    /// What they call themselves.
    pub username: String,
    /// What it replies to.
    pub parent: Option<CommentId>,
    /// The words.
    pub content: String,
    /// Always 0: comments are not liked yet.
    pub like_count: u32,
    /// How many reply to it.
    pub reply_count: u32,
    /// When it was said.
    pub created_at: DateTime<Utc>,
    /// When it was last changed; the same as `created_at` for who never did.
    pub updated_at: DateTime<Utc>,
}
