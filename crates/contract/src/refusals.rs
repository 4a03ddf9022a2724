//! Everything that can be refused: a code with typed fields. The sentence and the next step stand in the catalogue.
//!
//! A code is never reused for another meaning: scripts act on it.

use serde::{Deserialize, Serialize};

macro_rules! refusals {
    ($($(#[$doc:meta])* $name:ident { $($field:ident: $kind:ty),* $(,)? }),+ $(,)?) => {
        /// What a person is told: as JSON `{"code": …, "details": {…}}`.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "code", content = "details", rename_all = "snake_case")]
        #[expect(missing_docs, reason = "a field is what its name says; the sentence that uses it stands in the catalogue")]
        pub enum Refusal {
            $($(#[$doc])* $name { $($field: $kind),* }),+
        }

        impl Refusal {
            /// Name and fields of every refusal, as they are written in the source.
            #[cfg(test)]
            pub(crate) const ALL: &[(&str, &[&str])] = &[$((stringify!($name), &[$(stringify!($field)),*])),+];
        }
    };
}

refusals! {
    // Artworks.
    /// The shorter side is too short for the style's base model.
    ArtworkTooSmall { file: String, width_px: u32, height_px: u32, side_px_min: u32 },
    /// The file is too big.
    ArtworkTooLarge { file: String, bytes: u64, bytes_max: u64 },
    /// The header announces more pixels than are ever decoded.
    ArtworkTooManyPixels { file: String, width_px: u32, height_px: u32, pixels_max: u64 },
    /// The content is not JPEG, PNG or WebP, whatever the name says.
    ArtworkFormatUnknown { file: String },
    /// Right format, but it ends early or does not decode.
    ArtworkDamaged { file: String },
    /// Looks the same as one that is there already.
    ArtworkNearDuplicate { file: String, artwork: i64, other_file: String },
    /// No such artwork.
    ArtworkUnknown { artwork: i64 },
    /// The crop is empty or reaches outside the artwork.
    CropOutside { artwork: i64, width_px: u32, height_px: u32 },
    /// Neither file nor folder.
    PathMissing { path: String },
    /// Is there, but may not be read.
    PathNotReadable { path: String },
    /// A folder that gives no artwork.
    FolderWithoutArtworks { folder: String },

    // Tags.
    /// Nothing but space and marks.
    TagEmpty {},
    /// Base models read English only.
    TagNotEnglish { tag: String },
    /// Longer than the column.
    TagTooLong { tag: String, chars: usize, chars_max: usize },

    // Styles.
    /// No such style.
    StyleUnknown { style: String },
    /// Another style has this name.
    StyleNameTaken { style: String },
    /// The name would be no tag.
    StyleNameNotATag { style: String },
    /// Too few valid artworks.
    StyleTooFewArtworks { style: String, valid: u32, valid_min: u32 },
    /// Too many valid artworks.
    StyleTooManyArtworks { style: String, valid: u32, valid_max: u32 },
    /// Never trained, so that it can neither be used nor exported.
    StyleNotTrained { style: String },
    /// Its training runs or is paused.
    StyleInTraining { style: String },
    /// Training ended, but what came out is not fit.
    StyleUnhealthy { style: String, problems: Vec<String> },
    /// Nothing that could go on.
    NothingToResume { style: String },

    // Choices.
    /// Not one of the samplers.
    SamplerUnknown { sampler: String, known: Vec<String> },
    /// Not one of the aspect ratios.
    AspectUnknown { aspect: String, known: Vec<String> },
    /// Not one of the presets.
    PresetUnknown { preset: String, known: Vec<String> },
    /// Outside what is sensible.
    NumberOutOfRange { name: String, value: String, min: String, max: String },

    // Models and styles as files.
    /// No such base model.
    ModelUnknown { model: String, known: Vec<String> },
    /// Another base model has this name.
    ModelNameTaken { model: String },
    /// A model of a kind that this program cannot run.
    ModelUnsupported { file: String, reason: String },
    /// Its files are not those of the manifest.
    ModelDamaged { model: String, file: String },
    /// Used by styles or generations.
    ModelInUse { model: String, users: Vec<String> },
    /// A pickle file, which can run code when it is read.
    FileUnsafe { file: String },
    /// Not what it should be.
    FileInvalid { file: String, reason: String },
    /// Is not there.
    FileMissing { file: String },
    /// Would be overwritten.
    FileExists { file: String },
    /// Fits in part or not at all.
    LoraMismatch { file: String, matched: u32, layers: u32, missing: Vec<String> },
    /// Made for another architecture.
    LoraForOtherModel { file: String, made_for: String, model: String },
    /// A picture that carries no parameters.
    PictureWithoutParameters { file: String },
    /// The address does not answer.
    DownloadFailed { address: String, reason: String },
    /// Neither a local address nor an encrypted one.
    DownloadNotEncrypted { address: String },

    // Machine.
    /// No room left.
    DiskFull { path: String },
    /// May not be written.
    NotWritable { path: String },
    /// Another program has the library open.
    LibraryInUse { path: String },
    /// The database file is broken.
    LibraryDamaged { path: String },
    /// Written by a newer version.
    LibraryTooNew { path: String },
    /// Even the smallest way needs more memory.
    OutOfMemory { needed_mb: u64, available_mb: u64 },
    /// No build of the worker is there.
    WorkerMissing { path: String },
    /// The worker ended without a word, again and again.
    WorkerCrashed { attempts: u32, reason: String },
    /// The worker is of another version.
    WorkerMismatch { path: String },
    /// No driver or no such device.
    DeviceUnavailable { device: String, reason: String },
    /// Training met a loss that is no number.
    LossNotFinite { style: String, step: u32, kept_step: u32 },
    /// The preflight speaks against it.
    TrainingNotPossible { style: String, problems: Vec<String> },
    /// No such job.
    JobUnknown { job: i64 },
    /// It has ended already.
    JobEnded { job: i64, status: String },
    /// No such generation.
    GenerationUnknown { generation: i64 },
    /// A request that cannot be carried out.
    RequestInvalid { reason: String },
    /// The person ended it.
    Cancelled {},
    /// A defect; the log has the rest.
    Internal { reason: String },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_crosses_json_as_code_and_details() {
        let refusal = Refusal::ArtworkTooSmall {
            file: "a.png".into(),
            width_px: 300,
            height_px: 200,
            side_px_min: 512,
        };
        let json = serde_json::to_value(&refusal).expect("plain data");
        assert_eq!(json["code"], "artwork_too_small");
        assert_eq!(json["details"]["side_px_min"], 512);
        assert_eq!(
            serde_json::from_value::<Refusal>(json).expect("it was written so"),
            refusal
        );
    }
}
