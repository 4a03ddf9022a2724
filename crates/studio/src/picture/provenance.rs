//! What a picture of ours says of itself: JSON under the key `atelier`, and the same as [`Parameters`] for other programs.
//!
//! The hash of the pixels tells a picture that was changed afterwards. It is no proof against somebody who writes a new record.

use atelier_contract::{AspectRatio, LicenseType};
use serde::{Deserialize, Serialize};

use super::parameters::Parameters;
use super::signature::Corner;
use crate::library::sha256_hex;

/// Characters of a hash that A1111 writes for a model, and for a LoRA.
const MODEL_HASH_CHARS: usize = 10;
const LORA_HASH_CHARS: usize = 12;

/// How a picture was made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// Name and version of the program.
    pub application: String,
    /// As the model read it: first tags of the styles, then the tags.
    pub prompt: String,
    /// What was asked to be absent.
    pub negative_prompt: String,
    /// Ordered tags without the styles'.
    pub tags: Vec<String>,
    /// 64 bits as a decimal number; a JSON number would be rounded past 2⁵³.
    #[serde(with = "decimal")]
    pub seed: u64,
    /// Width to height, as it was asked for.
    pub aspect: AspectRatio,
    /// Of the finished picture.
    pub width_px: u32,
    /// Of the finished picture.
    pub height_px: u32,
    /// Steps of the sampler.
    pub steps: u32,
    /// By the name that the command line uses.
    pub sampler: String,
    /// Weight of classifier-free guidance.
    pub guidance: f64,
    /// The base model.
    pub model: ModelFacts,
    /// In the order in which they were named.
    pub styles: Vec<StyleFacts>,
    /// The artist's signature, when it stands in the picture.
    pub signature: Option<SignatureFacts>,
    /// Of width, height (u32, little endian) and the RGB bytes of the finished picture; filled in when it is written.
    #[serde(default)]
    pub pixels_sha256: String,
}

/// A base model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelFacts {
    /// Its id in the library.
    pub id: String,
    /// `sd15`, `sdxl`, `sd15-small`.
    pub architecture: String,
    /// Of its file; for a folder the hash of the list of its files' hashes.
    pub sha256: String,
}

/// A style, and how it met the model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StyleFacts {
    /// Its name.
    pub name: String,
    /// 1 as trained.
    pub strength: f64,
    /// Whose it is, if the library says.
    pub artist: Option<String>,
    /// Whether it is another artist's than the one who signs.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub imported: bool,
    /// What pictures made with it may be used for.
    pub license: LicenseType,
    /// Of the LoRA's file.
    pub sha256: String,
    /// Layers of the LoRA that the model has.
    pub layers_matched: u32,
    /// Layers of the LoRA.
    pub layers: u32,
    /// Whether it was made for this model's architecture.
    pub base_model_matches: bool,
}

/// A signature in a picture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SignatureFacts {
    /// Of its file.
    pub sha256: String,
    /// Where it stands.
    pub corner: Corner,
    /// Its share of the width.
    pub width: f64,
    /// 0 to 1.
    pub opacity: f64,
}

impl Provenance {
    /// The same for programs that read A1111's text.
    #[must_use]
    pub fn parameters(&self) -> Parameters {
        let mut prompt = self.prompt.clone();
        for style in &self.styles {
            prompt.push_str(&format!(" <lora:{}:{}>", slug(&style.name), style.strength));
        }
        let mut settings = vec![
            ("Steps", self.steps.to_string()),
            ("Sampler", a1111_sampler(&self.sampler).to_owned()),
            ("CFG scale", self.guidance.to_string()),
            ("Seed", self.seed.to_string()),
            ("Size", format!("{}x{}", self.width_px, self.height_px)),
            ("Model hash", start(&self.model.sha256, MODEL_HASH_CHARS)),
            ("Model", slug(&self.model.id)),
        ];
        if !self.styles.is_empty() {
            let hash = |style: &StyleFacts| format!("{}: {}", slug(&style.name), start(&style.sha256, LORA_HASH_CHARS));
            settings.push((
                "Lora hashes",
                self.styles.iter().map(hash).collect::<Vec<_>>().join(", "),
            ));
        }
        settings.push(("Version", self.application.clone()));
        Parameters {
            prompt,
            negative_prompt: self.negative_prompt.clone(),
            settings: settings
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value))
                .collect(),
        }
    }
}

/// Hash of a picture's size and pixels, in hexadecimal.
#[must_use]
pub fn pixels_sha256(picture: &image::RgbImage) -> String {
    let mut bytes = Vec::with_capacity(picture.len() + 8);
    bytes.extend(picture.width().to_le_bytes());
    bytes.extend(picture.height().to_le_bytes());
    bytes.extend(picture.as_raw());
    sha256_hex(&bytes)
}

/// A name in the characters that Civitai's reader takes for a LoRA: `[a-zA-Z0-9_.-]`.
#[must_use]
pub fn slug(name: &str) -> String {
    name.chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || "_.-".contains(c) {
                c
            } else {
                '-'
            }
        })
        .collect()
}

fn start(hash: &str, chars: usize) -> String {
    hash.chars().take(chars).collect()
}

/// A1111's name of a sampler.
fn a1111_sampler(name: &str) -> &str {
    match name {
        "ddim" => "DDIM",
        "euler" => "Euler",
        "euler-a" => "Euler a",
        "dpmpp-2m-karras" => "DPM++ 2M Karras",
        "unipc" => "UniPC",
        other => other,
    }
}

/// A 64-bit number as JSON text.
pub(crate) mod decimal {
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(crate) fn serialize<S: Serializer>(number: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(number)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}
