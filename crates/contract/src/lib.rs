//! What the studio and the server say to each other, and what both of them say to a person.
//!
//! Plain data with its rules: ids, amounts, statuses and their legal moves, tags, progress, refusals and their words in every
//! language. Knows no server, no SQL, no file and no tensor.

mod amounts;
mod bytes;
mod earnings;
mod feed;
mod findings;
mod generations;
mod ids;
mod notifications;
mod pages;
mod progress;
mod purchases;
mod refusals;
mod sessions;
mod social;
mod statuses;
mod styles;
mod tags;
mod transactions;
mod uploads;
mod users;
mod words;

pub use amounts::{AmountError, Tokens};
pub use bytes::{BytesError, OpeningKey, SealKey, Seed, Sha256, hex};
pub use earnings::{EarningsView, NewWithdrawal, WithdrawalView};
pub use feed::{
    FeedItem, FeedPage, MUTATIONS_PER_PUSH_MAX, Mutation, MutationOutcome, MutationPush, MutationResult,
    MutationsPushed, NewMutation, NewsItem, NewsPage,
};
pub use findings::{Finding, Number};
pub use generations::{
    ATTEMPTS_MAX, Attempt, AttemptFailure, Commit, FAILURE_CHARS_MAX, GenerationChange, GenerationView, Heartbeat,
    JOURNAL_PUSH_LEN_MAX, JournalEntry, JournalOutcome, JournalPush, JournalState, MadeGeneration, NewAttempt,
    NewGeneration, NewVouchers, ReceiptClaims, TicketClaims, TicketState, TicketView, VOUCHERS_PER_PURCHASE_MAX,
    VoucherClaims, VoucherState, VoucherView, VouchersBought,
};
pub use ids::{
    ArtistId, ArtworkId, CommentId, GenerationId, IdError, JobId, NotificationId, PurchaseId, SessionId, StyleId,
    TagId, TransactionId, UploadId, UserId, VoucherId, WithdrawalId,
};
pub use notifications::{NotificationChange, NotificationView, ReadUntil, Unread};
pub use pages::Page;
pub use progress::{GenerationProgress, TrainingProgress};
pub use purchases::{NewPurchase, Package, PurchaseView};
pub use refusals::Refusal;
pub use sessions::{DEVICE_NAME_CHARS_MAX, NewSession, Refresh, SessionTokens, SessionView};
pub use social::{COMMENT_CHARS_MAX, CommentChange, CommentView, FollowView, LikeView, NewComment, PersonCard};
pub use statuses::{
    AspectRatio, GenerationStatus, JobKind, JobStatus, LicenseType, NotificationType, PurchaseStatus, Role, TargetType,
    TrainingStatus, TransactionKind, TransactionStatus, UnknownWord, WithdrawalStatus,
};
pub use styles::{
    ArtworkChange, ArtworkView, DESCRIPTION_CHARS_MAX, NewArtwork, NewLora, NewStyle, STYLE_ARTWORKS_MAX,
    STYLE_ARTWORKS_MIN, STYLE_NAME_CHARS_MAX, StyleCard, StyleChange, StylePackage, StyleTerms, StyleVersion,
    StyleView, StyleWorkshop, TAGS_MAX, TagView, TrainingReport,
};
pub use tags::{TAG_CHARS_MAX, Tag, TagError, parse_tags, split_tags};
pub use transactions::{BalanceView, TransactionView};
pub use uploads::{NewUpload, Upload, UploadPurpose, UploadStatus};
pub use users::{
    ARTIST_NAME_CHARS_MAX, Account, AccountChange, ArtistAccount, ArtistProfile, BIO_CHARS_MAX, USERNAME_CHARS_MAX,
    UserView,
};
pub use words::Language;
