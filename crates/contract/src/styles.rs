//! Styles as the server lists them, and what their artists may ask for. Artworks stand with the style that they train.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use crate::{ArtworkId, LicenseType, Sha256, StyleId, Tag, Tokens, TrainingProgress, TrainingStatus, UploadId, UserId};

/// Longest name of a style: the width of the column `styles.name`.
pub const STYLE_NAME_CHARS_MAX: usize = 100;
/// Longest description of a style or a generation.
pub const DESCRIPTION_CHARS_MAX: usize = 2_000;
/// Most tags on one thing.
pub const TAGS_MAX: usize = 50;
/// Fewest valid artworks that a style is trained on.
pub const STYLE_ARTWORKS_MIN: u32 = 10;
/// Most artworks of a style.
pub const STYLE_ARTWORKS_MAX: u32 = 100;

/// A style to begin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewStyle {
    /// Unique among the artist's styles.
    #[cfg_attr(feature = "utoipa", schema(min_length = 1, max_length = 100))]
    pub name: String,
    /// For who looks for a style.
    #[serde(default)]
    #[cfg_attr(feature = "utoipa", schema(max_length = 2000))]
    pub description: Option<String>,
    /// In the order of the prompt.
    #[serde(default)]
    #[cfg_attr(feature = "utoipa", schema(max_items = 50))]
    pub tags: Vec<Tag>,
}

/// What of a style changes; what is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct StyleChange {
    /// Unique among the artist's styles.
    #[cfg_attr(feature = "utoipa", schema(min_length = 1, max_length = 100))]
    pub name: Option<String>,
    /// Empty takes it away.
    #[cfg_attr(feature = "utoipa", schema(max_length = 2000))]
    pub description: Option<String>,
    /// All of them, in order.
    #[cfg_attr(feature = "utoipa", schema(max_items = 50))]
    pub tags: Option<Vec<Tag>>,
    /// A verified upload of purpose `thumbnail`.
    pub thumbnail: Option<UploadId>,
    /// Whether it may be used at all.
    pub is_active: Option<bool>,
}

/// How a training goes. Moves that the status does not allow are refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct TrainingReport {
    /// Where it stands now; the same again only brings progress.
    pub status: TrainingStatus,
    /// How far it is, while it runs.
    #[serde(default)]
    pub progress: Option<TrainingProgress>,
    /// What was measured, when it ended: any JSON object.
    #[serde(default)]
    #[cfg_attr(feature = "utoipa", schema(value_type = Option<Object>))]
    #[cfg_attr(feature = "specta", specta(type = Option<std::collections::BTreeMap<String, f64>>))]
    pub metric: Option<serde_json::Map<String, serde_json::Value>>,
    /// What came out, when it is completed.
    #[serde(default)]
    pub lora: Option<NewLora>,
}

/// A trained LoRA.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewLora {
    /// A verified upload of purpose `lora`.
    pub upload: UploadId,
    /// Name of the base model it was trained on.
    #[cfg_attr(feature = "utoipa", schema(min_length = 1, max_length = 100))]
    pub base_model: String,
}

/// On what terms others may use a style.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct StyleTerms {
    /// Price of one picture.
    pub generation_cost_tokens: Tokens,
    /// What a picture may be used for.
    pub license_type: LicenseType,
    /// First day, in UTC; today when absent.
    #[serde(default)]
    pub valid_from: Option<NaiveDate>,
    /// Last day, in UTC; for ever when absent.
    #[serde(default)]
    pub valid_to: Option<NaiveDate>,
}

/// A style in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct StyleCard {
    /// Its number.
    pub id: StyleId,
    /// Its name.
    pub name: String,
    /// Who made it.
    pub artist: UserId,
    /// What the artist is called.
    pub artist_name: String,
    /// Path of its picture.
    pub thumbnail_url: Option<String>,
    /// Price of one picture.
    pub generation_cost_tokens: Tokens,
    /// What a picture may be used for.
    pub license_type: LicenseType,
    /// Pictures made with it, as of the last roll-up.
    pub usage_count: u32,
    /// In the order of the prompt.
    pub tags: Vec<Tag>,
    /// When it was put up for others; absent for a draft.
    pub published_at: Option<DateTime<Utc>>,
}

/// A style with everything that is told of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct StyleView {
    /// As in a list.
    #[serde(flatten)]
    pub card: StyleCard,
    /// For who looks for a style.
    pub description: Option<String>,
    /// First day of use, UTC.
    pub valid_from: NaiveDate,
    /// Last day of use, UTC.
    pub valid_to: Option<NaiveDate>,
    /// What is used for pictures now.
    pub version: Option<StyleVersion>,
    /// What only its artist sees.
    pub workshop: Option<StyleWorkshop>,
    /// When it was begun.
    pub created_at: DateTime<Utc>,
    /// Its last change.
    pub updated_at: DateTime<Utc>,
}

/// What a style was trained to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct StyleVersion {
    /// 1 for the first training.
    pub number: u32,
    /// Name of the base model.
    pub base_model: String,
    /// Size of the plain LoRA.
    pub bytes: u64,
    /// SHA-256 of the plain LoRA.
    pub sha256: Sha256,
}

/// What of a style only its artist sees.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct StyleWorkshop {
    /// Where its training stands.
    pub training_status: TrainingStatus,
    /// How far it is.
    pub training_progress: Option<TrainingProgress>,
    /// Artworks that may be trained on.
    pub artworks_valid: u32,
    /// All artworks.
    pub artworks: u32,
    /// Taken out of use by its artist.
    pub is_active: bool,
    /// Taken out of use by an operator.
    pub is_flagged: bool,
}

/// The LoRA of a style for one device: an address and a key that only this device can unwrap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct StylePackage {
    /// Which style.
    pub style: StyleId,
    /// Which training.
    pub version: StyleVersion,
    /// Path or address of the encrypted LoRA: chunks of 65,536 bytes, each ChaCha20-Poly1305 with 16 bytes of tag; the nonce is
    /// seven zero bytes, the chunk's number as a big-endian u32, and 1 for the last chunk, else 0.
    pub url: String,
    /// HPKE in base mode to the device's key (DHKEM X25519, HKDF-SHA256, ChaCha20-Poly1305, info `atelier style key`, the
    /// version's SHA-256 as associated data): 32 bytes of encapsulated key, then the sealed key; as hexadecimal digits.
    pub wrapped_key: String,
}

/// A picture that a style is trained on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct ArtworkView {
    /// Its number.
    pub id: ArtworkId,
    /// Its style.
    pub style: StyleId,
    /// Path of the picture.
    pub image_url: String,
    /// Whether it may be trained on.
    pub is_valid: bool,
    /// Why not.
    pub validation_reason: Option<String>,
    /// What it shows, in order.
    pub tags: Vec<Tag>,
    /// When it came.
    pub created_at: DateTime<Utc>,
}

/// An artwork to add.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewArtwork {
    /// A verified upload of purpose `artwork`.
    pub upload: UploadId,
    /// What it shows, in order.
    #[serde(default)]
    #[cfg_attr(feature = "utoipa", schema(max_items = 50))]
    pub tags: Vec<Tag>,
}

/// What of an artwork changes; what is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct ArtworkChange {
    /// All of them, in order.
    #[cfg_attr(feature = "utoipa", schema(max_items = 50))]
    pub tags: Option<Vec<Tag>>,
    /// Whether it may be trained on; artists judge what a machine cannot.
    pub is_valid: Option<bool>,
    /// Why not.
    #[cfg_attr(feature = "utoipa", schema(max_length = 500))]
    pub validation_reason: Option<String>,
}

/// A tag and how often it is used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct TagView {
    /// The tag.
    pub name: Tag,
    /// Styles, artworks and generations that have it, as of the last roll-up.
    pub usage_count: u32,
}
