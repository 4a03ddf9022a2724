//! Everything that can be refused: a code with typed fields. The sentence and the next step stand in the catalogue.
//!
//! A code is never reused for another meaning, nor is the number that a command ends with: scripts act on both.

use serde::{Deserialize, Serialize};

use crate::Finding;

macro_rules! refusals {
    ($($(#[$doc:meta])* $name:ident = $exit:literal { $($field:ident: $kind:ty),* $(,)? }),+ $(,)?) => {
        /// What a person is told: as JSON `{"code": …, "details": {…}}`.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[cfg_attr(feature = "specta", derive(specta::Type))]
        #[serde(tag = "code", content = "details", rename_all = "snake_case")]
        #[expect(missing_docs, reason = "a field is what its name says; the sentence that uses it stands in the catalogue")]
        pub enum Refusal {
            $($(#[$doc])* $name { $($field: $kind),* }),+
        }

        impl Refusal {
            /// Name and fields of every refusal, as they are written in the source.
            #[cfg(test)]
            pub(crate) const ALL: &[(&str, &[&str])] = &[$((stringify!($name), &[$(stringify!($field)),*])),+];

            /// Name, field and type of every field.
            #[cfg(test)]
            const FIELDS: &[(&str, &str, &str)] = &[$($((stringify!($name), stringify!($field), stringify!($kind)),)*)+];

            /// Name of every refusal and what a command ends with that meets it.
            const EXITS: &[(&str, u8)] = &[$((stringify!($name), $exit)),+];

            /// What a command ends with: another number for every kind, 1 for a defect. 2 is for a command that was not understood, and
            /// from 126 on numbers are the shell's.
            #[must_use]
            pub fn exit_code(&self) -> u8 {
                match self {
                    $(Self::$name { .. } => $exit),+
                }
            }
        }
    };
}

refusals! {
    // Artworks.
    /// The shorter side is too short for the style's base model.
    ArtworkTooSmall = 10 { file: String, width_px: u32, height_px: u32, side_px_min: u32 },
    /// The file is too big.
    ArtworkTooLarge = 11 { file: String, bytes: u64, bytes_max: u64 },
    /// The header announces more pixels than are ever decoded.
    ArtworkTooManyPixels = 12 { file: String, width_px: u32, height_px: u32, pixels_max: u64 },
    /// The content is not JPEG, PNG or WebP, whatever the name says.
    ArtworkFormatUnknown = 13 { file: String },
    /// Right format, but it ends early or does not decode.
    ArtworkDamaged = 14 { file: String },
    /// Looks the same as one that is there already.
    ArtworkNearDuplicate = 15 { file: String, artwork: i64, other_file: String },
    /// No such artwork.
    ArtworkUnknown = 16 { artwork: i64 },
    /// The crop is empty or reaches outside the artwork.
    CropOutside = 17 { artwork: i64, width_px: u32, height_px: u32 },
    /// Neither file nor folder.
    PathMissing = 18 { path: String },
    /// Is there, but may not be read.
    PathNotReadable = 19 { path: String },
    /// Begins nowhere: neither at the disk nor at the person's own folder.
    PathIncomplete = 118 { path: String },
    /// A folder that gives no artwork.
    FolderWithoutArtworks = 20 { folder: String },

    // Tags.
    /// Nothing but space and marks.
    TagEmpty = 25 {},
    /// Base models read English only.
    TagNotEnglish = 26 { tag: String },
    /// Longer than the column.
    TagTooLong = 27 { tag: String, chars: usize, chars_max: usize },

    // Styles.
    /// No such style.
    StyleUnknown = 30 { style: String },
    /// Another style has this name.
    StyleNameTaken = 31 { style: String },
    /// The name would be no tag.
    StyleNameNotATag = 32 { style: String },
    /// Too few valid artworks.
    StyleTooFewArtworks = 33 { style: String, valid: u32, valid_min: u32 },
    /// Too many valid artworks.
    StyleTooManyArtworks = 34 { style: String, valid: u32, valid_max: u32 },
    /// Never trained, so that it can neither be used nor exported.
    StyleNotTrained = 35 { style: String },
    /// Its training runs or is paused.
    StyleInTraining = 36 { style: String },
    /// Training ended, but what came out is not fit.
    StyleUnhealthy = 37 { style: String, problems: Vec<Finding> },
    /// Nothing that could go on.
    NothingToResume = 38 { style: String },

    // Styles, uploads and tickets on the server.
    /// The artist has as many styles as they may have.
    StyleLimitReached = 39 { styles_max: u32 },
    /// Generations were made with it, so that it stays.
    StyleInUse = 40 { style: String },
    /// Taken out of use, flagged, not trained now, or outside its days.
    StyleUnavailable = 41 { style: String },
    /// A training cannot go from here to there.
    TrainingMoveRefused = 42 { style: String, from: String, to: String },
    /// The bytes are not those declared, or not of the right kind.
    UploadRefused = 43 { upload: i64, reason: String },
    /// No such upload that could be used for this.
    UploadUnknown = 44 { upload: i64 },
    /// The price is not the one that the person saw.
    PriceDiffers = 49 { style: String, cost: i64, expected: i64 },
    /// Taken out of use by an operator.
    TagBanned = 64 { tag: String },
    /// Belongs to another device than the caller’s, or the session has none.
    DeviceElsewhere = 65 {},
    /// The ticket is in a state that does not allow this step.
    TicketMoved = 66 { generation: i64, state: String },
    /// An older attempt speaks.
    AttemptStale = 67 { generation: i64, fence: u32, newest: u32 },
    /// Not completed, or without its picture, or it has one already.
    GenerationNotShowable = 68 { generation: i64 },
    /// An entry does not follow the newest, or is not what its hash says.
    JournalBroken = 69 { voucher: i64, head: String },
    /// An operator took it out of the gallery.
    GenerationHidden = 98 { generation: i64 },
    /// An operator took it out of use.
    StyleSuspended = 99 { style: String },

    // Accounts and balances.
    /// Another request came under this key before.
    IdempotencyKeyReused = 3 {},
    /// More requests than one address or account may send.
    TooManyRequests = 4 { retry_s: u64 },
    /// Has all it can do, or its database is away for a moment.
    ServerBusy = 5 { retry_s: u64 },
    /// No such address on the server.
    RouteUnknown = 6 {},
    /// The address is there, but not for this method.
    MethodUnknown = 7 {},
    /// More than the address takes.
    BodyTooLarge = 8 {},
    /// Nobody is signed in, or the sign-in ran out.
    NotSignedIn = 21 {},
    /// The account is deactivated.
    AccountInactive = 22 {},
    /// Only for artists.
    ArtistOnly = 23 {},
    /// An operator took the account out of use.
    AccountSuspended = 24 {},
    /// Somebody else has this name.
    UsernameTaken = 28 { username: String },
    /// Who came could not be signed in.
    SignInFailed = 29 { reason: String },
    /// The balance is lower than the price.
    NotEnoughTokens = 87 { balance: i64, cost: i64 },

    // Money.
    /// Tokens of a cancelled purchase were spent, and are not covered yet.
    SpendingFrozen = 88 { debt: i64 },
    /// No package of so many tokens is sold.
    PackageUnknown = 89 { tokens: i64, known: Vec<i64> },
    /// No such purchase of the caller's.
    PurchaseUnknown = 90 { purchase: i64 },
    /// The server has no payment provider.
    PaymentsOff = 91 {},
    /// Less was earned and settled than is asked for.
    NotEnoughEarned = 92 { earned: i64, wanted: i64 },
    /// More purchases wait to be paid than anybody needs.
    TooManyPurchases = 93 { pending_max: u32 },

    // People, comments and what they are told; studios that push.
    /// No such comment that the caller may see.
    CommentUnknown = 101 { comment: i64 },
    /// No such notification of the caller’s.
    NotificationUnknown = 102 { notification: i64 },
    /// No such user, or one who has left.
    UserUnknown = 103 { user: i64 },
    /// Mutations before this one are missing.
    MutationGap = 104 { expected: i64, got: i64 },
    /// Replies have no replies.
    ReplyTooDeep = 105 { comment: i64 },

    // Choices.
    /// Not one of the samplers.
    SamplerUnknown = 45 { sampler: String, known: Vec<String> },
    /// Not one of the aspect ratios.
    AspectUnknown = 46 { aspect: String, known: Vec<String> },
    /// Not one of the presets.
    PresetUnknown = 47 { preset: String, known: Vec<String> },
    /// Outside what is sensible.
    NumberOutOfRange = 48 { name: String, value: String, min: String, max: String },

    // Models and styles as files.
    /// No such base model.
    ModelUnknown = 50 { model: String, known: Vec<String> },
    /// Another base model has this name.
    ModelNameTaken = 51 { model: String },
    /// A model of a kind that this program cannot run.
    ModelUnsupported = 52 { file: String, reason: Finding },
    /// Its files are not those of the manifest.
    ModelDamaged = 53 { model: String, file: String },
    /// Used by styles or generations.
    ModelInUse = 54 { model: String, users: Vec<String> },
    /// A pickle file, which can run code when it is read.
    FileUnsafe = 55 { file: String },
    /// Not what it should be.
    FileInvalid = 56 { file: String, reason: Finding },
    /// Is not there.
    FileMissing = 57 { file: String },
    /// Would be overwritten.
    FileExists = 58 { file: String },
    /// Fits in part or not at all.
    LoraMismatch = 59 { file: String, matched: u32, layers: u32, missing: Vec<String> },
    /// Made for another architecture.
    LoraForOtherModel = 60 { file: String, made_for: String, model: String },
    /// A picture that carries no parameters.
    PictureWithoutParameters = 61 { file: String },
    /// The address does not answer.
    DownloadFailed = 62 { address: String, reason: Finding },
    /// Neither a local address nor an encrypted one.
    DownloadNotEncrypted = 63 { address: String },

    // Machine.
    /// No room left.
    DiskFull = 70 { path: String },
    /// May not be written.
    NotWritable = 71 { path: String },
    /// Another program has the library open.
    LibraryInUse = 72 { path: String },
    /// The database file is broken.
    LibraryDamaged = 73 { path: String },
    /// Written by a newer version.
    LibraryTooNew = 74 { path: String },
    /// Even the smallest way needs more memory; how much more is known before the work begins, not when the device runs out of it.
    OutOfMemory = 75 { needed_mb: Option<u64>, available_mb: Option<u64> },
    /// No build of the worker is there.
    WorkerMissing = 76 { path: String },
    /// The worker ended without a word, again and again.
    WorkerCrashed = 77 { attempts: u32, reason: Finding },
    /// The worker is of another version.
    WorkerMismatch = 78 { path: String },
    /// No driver or no such device.
    DeviceUnavailable = 79 { device: String, reason: Finding },
    /// Training met a loss that is no number.
    LossNotFinite = 80 { style: String, step: u32 },
    /// The preflight speaks against it.
    TrainingNotPossible = 81 { style: String, problems: Vec<Finding> },
    /// No such job.
    JobUnknown = 82 { job: i64 },
    /// It has ended already.
    JobEnded = 83 { job: i64, status: String },
    /// No such generation.
    GenerationUnknown = 84 { generation: i64 },
    /// A request that the server cannot carry out: `reason` is for whoever wrote the program that asked.
    RequestInvalid = 85 { reason: String },
    /// Nothing to sign pictures with.
    SignatureMissing = 86 {},
    /// A request that the worker cannot carry out.
    NotPossible = 110 { reason: Finding },
    /// Neither a style nor a tag says what to make.
    NothingToMake = 111 {},
    /// The download runs already.
    DownloadRunning = 112 { model: String },
    /// No day and no instant.
    DayInvalid = 113 { day: String },
    /// The starter model is part of the program.
    StarterStays = 114 { model: String },
    /// A training of the style is paused.
    TrainingPaused = 115 { style: String },
    /// The artist's name is too long for a picture.
    ArtistNameTooLong = 116 { chars: usize, chars_max: usize },
    /// Nothing can be seen in a signature.
    SignatureEmpty = 117 {},
    /// The person ended it.
    Cancelled = 100 {},
    /// A defect; the log has the rest.
    Internal = 1 { reason: String },
}

impl Refusal {
    /// Every refusal by the code that JSON has, with what a command ends with that meets it, in that order.
    pub fn exit_codes() -> Vec<(String, u8)> {
        let mut codes: Vec<_> = Self::EXITS
            .iter()
            .map(|(name, exit)| (snake_case(name), *exit))
            .collect();
        codes.sort_unstable_by_key(|(_, exit)| *exit);
        codes
    }
}

/// `ArtworkTooSmall` as serde writes it: `artwork_too_small`.
pub(crate) fn snake_case(name: &str) -> String {
    let mut out = String::new();
    for (i, c) in name.char_indices() {
        if c.is_ascii_uppercase() && i > 0 {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_refusal_ends_a_command_in_its_own_way() {
        let codes = Refusal::exit_codes();
        assert_eq!(codes.len(), Refusal::ALL.len());
        for pair in codes.windows(2) {
            assert!(
                pair[0].1 < pair[1].1,
                "{} and {} have the same number",
                pair[0].0,
                pair[1].0
            );
        }
        assert!(codes.iter().all(|(_, exit)| (1..126).contains(exit) && *exit != 2));
        assert_eq!(codes[0], ("internal".to_owned(), 1));
        assert_eq!(Refusal::Cancelled {}.exit_code(), 100);
    }

    #[test]
    fn why_something_was_refused_is_never_free_text() {
        // The server's reasons are for programs; a defect's is for the log.
        let free = ["UploadRefused", "SignInFailed", "RequestInvalid", "Internal"];
        for (name, field, kind) in Refusal::FIELDS {
            let why = ["reason", "problems", "warnings", "message"].contains(field);
            assert!(
                !why || kind.contains("Finding") || free.contains(name),
                "{name}.{field} is a {kind}"
            );
        }
    }

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
