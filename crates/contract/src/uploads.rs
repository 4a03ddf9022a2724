//! Uploads: files declared with size and SHA-256 before they come, and checked before anything may use them.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::statuses::words;
use crate::{Sha256, UploadId};

words! {
    /// `uploads.purpose`: what a file is to become, which decides its limits and checks.
    UploadPurpose {
        /// A picture that a style is trained on.
        Artwork = "artwork",
        /// A trained LoRA, as safetensors.
        Lora = "lora",
        /// The picture that stands for a style.
        Thumbnail = "thumbnail",
        /// The result of a generation.
        Picture = "picture",
        /// An artist's signature.
        Signature = "signature",
        /// A user's picture.
        ProfileImage = "profile_image",
    }

    /// `uploads.status`.
    UploadStatus {
        /// Announced; its bytes have not come.
        Declared = "declared",
        /// Its bytes are what was declared and of the right kind.
        Verified = "verified",
        /// A row owns it.
        Used = "used",
        /// Its bytes were not what was declared, or not of the right kind.
        Refused = "refused",
    }
}

/// What is about to be uploaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewUpload {
    /// What it is to become.
    pub purpose: UploadPurpose,
    /// Size of the file.
    #[cfg_attr(feature = "utoipa", schema(minimum = 1))]
    pub bytes: u64,
    /// SHA-256 of the file.
    pub sha256: Sha256,
}

/// An upload as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct Upload {
    /// Its number.
    pub id: UploadId,
    /// What it is to become.
    pub purpose: UploadPurpose,
    /// How far it is.
    pub status: UploadStatus,
    /// Declared size.
    pub bytes: u64,
    /// Declared SHA-256.
    pub sha256: Sha256,
    /// Where the bytes go by `PUT`: a path of this server, or an address of its store. Absent once they came.
    pub put: Option<String>,
    /// Why it was refused.
    pub reason: Option<String>,
    /// When it is forgotten, unless something uses it.
    pub expires_at: DateTime<Utc>,
}
