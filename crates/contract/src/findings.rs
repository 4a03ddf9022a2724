//! What was found: the part of a refusal, or a note beside a result, that says why. A code with typed fields, as a refusal is; its words are a
//! clause of the sentence that it stands in, in the catalogue under `finding.<code>`.

use serde::{Deserialize, Serialize};

use crate::Refusal;

macro_rules! findings {
    ($($(#[$doc:meta])* $name:ident { $($field:ident: $kind:ty),* $(,)? }),+ $(,)?) => {
        /// Something that was found: as JSON `{"code": …, "details": {…}}`.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[cfg_attr(feature = "specta", derive(specta::Type))]
        #[serde(tag = "code", content = "details", rename_all = "snake_case")]
        #[expect(missing_docs, reason = "a field is what its name says; the words that use it stand in the catalogue")]
        pub enum Finding {
            $($(#[$doc])* $name { $($field: $kind),* }),+
        }

        impl Finding {
            /// Name and fields of every finding, as they are written in the source.
            #[cfg(test)]
            pub(crate) const ALL: &[(&str, &[&str])] = &[$((stringify!($name), &[$(stringify!($field)),*])),+];
        }
    };
}

findings! {
    // Files.
    /// Damaged, cut off, or no safetensors file at all.
    NotSafetensors {},
    /// Not the JSON that it should be.
    NotConfiguration {},
    /// Not the tokens of a text encoder.
    NotVocabulary {},
    /// A tensor is not there.
    TensorMissing { tensor: String },
    /// A tensor has another shape than the model needs.
    TensorShape { tensor: String },
    /// Holds something else than a LoRA.
    NotALora {},
    /// An adapter of another kind than LoRA.
    OtherAdapter { adapter: String },
    /// The two matrices of a LoRA's layer do not belong together.
    LayerIncomplete { layer: String },
    /// A layer has a name that no other program would understand.
    LayerNameUnknown { layer: String },
    /// No picture that can be read to its end.
    NotAPicture {},
    /// A crop reaches outside the picture.
    CropOutsidePicture {},
    /// A checkpoint of a training with other settings, pictures or tags.
    OtherTraining {},
    /// It may not be read.
    NotReadable {},
    /// The system failed to read or write it.
    SystemFailed {},
    /// A path that is not Unicode.
    PathNotUnicode {},
    /// Not what was published.
    HashDiffers {},
    /// A manifest that leads outside its folder, to an unencrypted address, or on and on.
    ManifestUnsafe {},

    // Models.
    /// Neither of the SD 1.5 nor of the SDXL class.
    ModelOtherKind {},
    /// A field of the configuration has a value that is not known.
    ModelSetting { setting: String },
    /// Numbers in a format that is not known.
    ModelFormat { format: String },

    // Requests to the worker.
    /// Pictures of the model measure multiples of so many pixels.
    SizeNotAMultiple { multiple_px: u32 },
    /// No sampler walks in so many steps.
    StepsTooMany { steps: u64, steps_max: u64 },
    /// Nothing can be done with the value of this setting.
    SettingUnusable { setting: String },
    /// Nothing to train on.
    NoPictures {},
    /// No layer that the settings name is in the model.
    NothingToAdapt {},
    /// The prompt has signs that the model's vocabulary cannot spell.
    PromptUnspellable {},
    /// Nothing is called so.
    NameUnknown { unknown: String },
    /// An input is not there.
    InputMissing { input: String, wanted: String },
    /// An input has another shape.
    InputShape { input: String, found: String, wanted: String },
    /// An input holds tokens that are not in the vocabulary.
    InputTokens { input: String, vocabulary: u64 },
    /// A part of the request that this work needs is not there.
    PartMissing { part: String },

    // What speaks against a training, and what deserves a look before it.
    /// A picture cannot be used.
    PictureUnusable { file: String },
    /// Fewer pictures can be read than a style needs.
    TooFewPictures { pictures: u32, pictures_min: u32 },
    /// The style has no name to call it by.
    StyleWithoutName {},
    /// More memory is needed than is free.
    MemoryShort { needed_mb: u64, available_mb: u64 },
    /// Pictures have no tags.
    PicturesUntagged { pictures: u32, all: u32 },
    /// Pictures are there more than once.
    PicturesRepeated { pictures: u32 },
    /// Not every picture is seen once.
    PicturesNotSeen { steps: u32 },
    /// Pictures are smaller than what they are seen at.
    PicturesEnlarged { pictures: u32 },

    // A trained style.
    /// Layers hold values that are no numbers.
    LayersNotNumbers { layers: u32 },
    /// Layers do nothing.
    LayersWithoutEffect { layers: u32 },
    /// Not all trained layers are found again in the finished file.
    LayersLost { matched: u32, layers: u32 },
    /// A picture with the style is the same as without it.
    PictureUnchanged {},

    // Programs and servers.
    /// A program ended by itself with this code.
    ProgramEnded { exit_code: i32 },
    /// A program was ended by this signal.
    ProgramKilled { signal: i32 },
    /// A program did not answer and had to be ended.
    ProgramSilent {},
    /// A program could not be started.
    ProgramNotStarted {},
    /// A program says what nobody understands.
    ProgramGarbled {},
    /// Atelier itself was ended meanwhile.
    StudioEnded {},
    /// This version has no program for it.
    ProgramNotMade {},
    /// A server cannot be reached.
    ServerUnreachable {},
    /// A server answers with this HTTP status.
    ServerAnswered { http_status: u16 },
    /// A server sends another part of a file than was asked for.
    ServerSentOther {},
    /// The connection ended early.
    ConnectionEnded {},
    /// An earlier version wrote a sentence here.
    ReasonNotKept {},
}

macro_rules! numbers {
    ($($(#[$doc:meta])* $name:ident = $word:literal),+ $(,)?) => {
        /// A number that a person gives; what it is called stands in the catalogue under `name.<word>`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Number {
            $($(#[$doc])* $name),+
        }

        impl Number {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// As it stands in a refusal.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $word),+
                }
            }
        }
    };
}

numbers! {
    /// Pictures of an order.
    Count = "count",
    /// Steps of a sampler or a training.
    Steps = "steps",
    /// Weight of the tags.
    Guidance = "guidance",
    /// How strongly a style counts.
    Strength = "strength",
    /// Styles of an order.
    Styles = "styles",
    /// A picture's noise.
    Seed = "seed",
    /// How much a style can hold.
    Rank = "rank",
    /// Stars of a picture.
    Rating = "rating",
    /// Pictures of an export.
    Pictures = "pictures",
    /// The signature's share of a picture's width.
    SignatureWidth = "signature_width",
    /// How much the signature covers.
    SignatureOpacity = "signature_opacity",
}

impl Number {
    /// The refusal of `value`, which lies outside `min` to `max`.
    #[must_use]
    pub fn out_of_range(self, value: impl ToString, min: impl ToString, max: impl ToString) -> Refusal {
        Refusal::NumberOutOfRange {
            name: self.as_str().to_owned(),
            value: value.to_string(),
            min: min.to_string(),
            max: max.to_string(),
        }
    }
}
