//! What the studio and the server say to each other, and what both of them say to a person.
//!
//! Plain data with its rules: ids, amounts, statuses and their legal moves, tags, progress, refusals and their words in every
//! language. Knows no server, no SQL, no file and no tensor.

mod amounts;
mod ids;
mod progress;
mod refusals;
mod statuses;
mod tags;
mod words;

pub use amounts::{AmountError, Tokens};
pub use ids::{ArtworkId, GenerationId, IdError, JobId, StyleId, TagId};
pub use progress::{GenerationProgress, TrainingProgress};
pub use refusals::Refusal;
pub use statuses::{AspectRatio, GenerationStatus, JobKind, JobStatus, LicenseType, TrainingStatus, UnknownWord};
pub use tags::{TAG_CHARS_MAX, Tag, TagError, parse_tags, split_tags};
pub use words::Language;
