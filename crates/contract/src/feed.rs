//! How a studio's copy of a user's things follows the server's: what changed since, and what to change there.

use serde::{Deserialize, Serialize};

use crate::{
    BalanceView, CommentId, CommentView, EarningsView, FollowView, GenerationId, GenerationView, LikeView,
    NotificationId, NotificationView, PurchaseId, PurchaseView, StyleId, StyleView, UserId, VoucherId, VoucherView,
    WithdrawalId, WithdrawalView,
};

/// What changed since a cursor, in the order in which it did. A thing that changed often is there once, as it is now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct FeedPage {
    /// Each thing with its present state.
    pub items: Vec<FeedItem>,
    /// What to ask for what comes after with, now or in a year.
    pub cursor: String,
    /// Whether there is more right now.
    pub more: bool,
    /// The cursor was of another history, as after a restored backup, or is so old that what is gone since is forgotten: this is the
    /// beginning, and the copy is to be made anew.
    pub restarted: bool,
}

/// A thing that changed. Without a state it is gone, or no longer the user's to see.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum FeedItem {
    /// The user's own profile, which has an address of its own.
    Profile {},
    /// Tokens. There is more in the history of them.
    Balance {
        /// What there is now.
        state: BalanceView,
    },
    /// What the user earned as an artist. There is more in the history of tokens.
    Earnings {
        /// What it is now.
        state: EarningsView,
    },
    /// A generation of the user's.
    Generation {
        /// Which.
        id: GenerationId,
        /// As it is now.
        state: Option<Box<GenerationView>>,
    },
    /// A style of the user's, or its artworks.
    Style {
        /// Which.
        id: StyleId,
        /// As it is now.
        state: Option<Box<StyleView>>,
    },
    /// Something the user is told.
    Notification {
        /// Which.
        id: NotificationId,
        /// As it is now.
        state: Option<NotificationView>,
    },
    /// A purchase.
    Purchase {
        /// Which.
        id: PurchaseId,
        /// As it is now.
        state: Option<PurchaseView>,
    },
    /// A withdrawal.
    Withdrawal {
        /// Which.
        id: WithdrawalId,
        /// As it is now.
        state: Option<WithdrawalView>,
    },
    /// A voucher.
    Voucher {
        /// Which.
        id: VoucherId,
        /// As it is now.
        state: Option<VoucherView>,
    },
    /// Whom the user follows, or no longer does.
    Follow {
        /// Whether.
        state: FollowView,
    },
    /// What the user likes, or no longer does.
    Like {
        /// Which.
        id: GenerationId,
        /// Whether; absent when the generation is not to be seen any more.
        state: Option<LikeView>,
    },
    /// A comment of the user's.
    Comment {
        /// Which.
        id: CommentId,
        /// As it is now.
        state: Option<CommentView>,
    },
}

/// What came to the public gallery, changed there or left it since a cursor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct NewsPage {
    /// Each picture with its present state.
    pub items: Vec<NewsItem>,
    /// What to ask for what comes after with, now or in a year.
    pub cursor: String,
    /// Whether there is more right now.
    pub more: bool,
    /// The cursor was of another history, as after a restored backup: the lists are to be read anew, and this cursor follows them.
    pub restarted: bool,
}

/// A picture that came to the gallery, changed there or left it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct NewsItem {
    /// Which.
    pub id: GenerationId,
    /// As everybody sees it now; absent when it is not in the gallery any more.
    pub state: Option<Box<GenerationView>>,
}

/// What to change, each as the end that is wanted and not as a step towards it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Mutation {
    /// Whether to follow somebody.
    Follow {
        /// Whom.
        user: UserId,
        /// Whether.
        following: bool,
    },
    /// Whether to like a generation.
    Like {
        /// Which.
        generation: GenerationId,
        /// Whether.
        liked: bool,
    },
    /// A new comment.
    CommentAdd {
        /// On what.
        generation: GenerationId,
        /// What it replies to.
        #[serde(default)]
        parent: Option<CommentId>,
        /// The words.
        content: String,
    },
    /// Other words.
    CommentEdit {
        /// Which.
        comment: CommentId,
        /// The words.
        content: String,
    },
    /// A comment is to be gone.
    CommentRemove {
        /// Which.
        comment: CommentId,
    },
    /// Whether a notification is read.
    NotificationRead {
        /// Which.
        notification: NotificationId,
        /// Whether.
        is_read: bool,
    },
    /// All notifications up to this one are read.
    NotificationsRead {
        /// The newest that the person has seen.
        until: NotificationId,
    },
    /// How a generation is shown.
    Generation {
        /// Which.
        generation: GenerationId,
        /// Its description; empty takes it away, absent leaves it.
        #[serde(default)]
        description: Option<String>,
        /// Whether everybody sees it; absent leaves it.
        #[serde(default)]
        is_public: Option<bool>,
    },
}

/// Most mutations of one push.
pub const MUTATIONS_PER_PUSH_MAX: usize = 100;

/// Mutations of one studio, in its order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct MutationPush {
    /// Which studio: a UUID that it made once for its library and this account.
    #[cfg_attr(
        feature = "utoipa",
        schema(
            format = "uuid",
            pattern = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
        )
    )]
    pub client: String,
    /// Without gaps; those that were applied before may be among them.
    #[cfg_attr(feature = "utoipa", schema(min_items = 1, max_items = 100))]
    pub mutations: Vec<NewMutation>,
}

/// A mutation and its number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewMutation {
    /// Counted by the studio from 1.
    #[cfg_attr(feature = "utoipa", schema(minimum = 1))]
    pub id: i64,
    /// A `Mutation`. One that this server does not know is rejected and holds up no other.
    #[cfg_attr(feature = "utoipa", schema(value_type = Object))]
    #[cfg_attr(feature = "specta", specta(type = Mutation))]
    pub mutation: serde_json::Map<String, serde_json::Value>,
}

/// What came of a push.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct MutationsPushed {
    /// The newest that is done with: applied or rejected.
    pub last_mutation_id: i64,
    /// What came of each of those that were pushed.
    pub outcomes: Vec<MutationOutcome>,
}

/// What came of a mutation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct MutationOutcome {
    /// Which.
    pub id: i64,
    /// What.
    #[serde(flatten)]
    pub result: MutationResult,
}

/// Whether a mutation changed what it was to change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum MutationResult {
    /// It is as it was to be.
    Applied {
        /// The comment that was made.
        comment: Option<CommentId>,
    },
    /// Nothing changed, and never will by it.
    Rejected {
        /// Which refusal.
        code: String,
        /// What it speaks of.
        #[cfg_attr(feature = "utoipa", schema(value_type = Object))]
        #[cfg_attr(feature = "specta", specta(type = std::collections::BTreeMap<String, String>))]
        details: serde_json::Map<String, serde_json::Value>,
    },
    /// Done with so long ago that what came of it is forgotten.
    Forgotten,
}
