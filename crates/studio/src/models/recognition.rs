//! What weights are by what their file says of itself, before anything is loaded: a base model, or a LoRA and which kind of model it was
//! made for.
//!
//! Reads the header of a safetensors file and nothing else. It only sorts: what is wrong with a file is said by who takes it in.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use atelier_contract::Refusal;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Error, paths};

/// Longest header that is read; more than the worker takes.
const HEADER_BYTES_MAX: u64 = 8 << 20;
/// Parts of names that only the tensors of a LoRA have: kohya's, then PEFT's and diffusers'.
const LORA_NAMES: [&str; 6] = [
    ".lora_down.",
    ".lora_up.",
    ".lora_A.",
    ".lora_B.",
    ".lora.down.",
    ".lora.up.",
];
/// The half of a LoRA's layer whose inputs are the model's.
const DOWN_NAMES: [&str; 3] = [".lora_down.", ".lora_A.", ".lora.down."];
/// The layer that reads the words, whose inputs tell the kinds of models apart.
const READS_WORDS: [&str; 2] = ["attn2_to_k.", "attn2.to_k."];

/// What weights are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct Weights {
    /// What they can be taken in as.
    pub kind: WeightsKind,
    /// The kind of model that a style was made for, where its layers tell: `sd15`, `sdxl`, `sd15-small`.
    pub architecture: Option<String>,
}

/// What weights can be taken in as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "snake_case")]
pub enum WeightsKind {
    /// A base model: a diffusers folder or a single-file checkpoint.
    Model,
    /// A style: a LoRA.
    Style,
}

/// Looks at the weights at `path`. A folder is a base model's, and so is a file that is no LoRA. Blocks for a moment.
///
/// # Errors
/// [`Refusal::FileMissing`], and what else keeps the file from being read.
pub fn recognise(path: &Path) -> Result<Weights, Error> {
    let model = Weights {
        kind: WeightsKind::Model,
        architecture: None,
    };
    let missing = |_gone| Refusal::FileMissing {
        file: path.display().to_string(),
    };
    if fs::metadata(path).map_err(missing)?.is_dir() {
        return Ok(model);
    }
    let Some(tensors) = header(path)? else {
        return Ok(model);
    };
    let has = |name: &str, parts: &[&str]| parts.iter().any(|part| name.contains(part));
    if !tensors.keys().any(|name| has(name, &LORA_NAMES)) {
        return Ok(model);
    }
    let inputs = tensors
        .iter()
        .filter(|(name, _)| has(name, &DOWN_NAMES) && has(name, &READS_WORDS))
        .find_map(|(_, facts)| facts["shape"].get(1)?.as_u64());
    Ok(Weights {
        kind: WeightsKind::Style,
        architecture: inputs.map(|inputs| architecture_of(inputs).to_owned()),
    })
}

/// The kind of model whose words are vectors of this length (`cross_attention_dim` of diffusers' UNets).
fn architecture_of(inputs: u64) -> &'static str {
    match inputs {
        768 => "sd15",
        2048 => "sdxl",
        _ => super::STARTER_ARCHITECTURE,
    }
}

/// Names and facts of a safetensors file's tensors; `None` for any other file.
fn header(path: &Path) -> Result<Option<HashMap<String, Value>>, Error> {
    let mut file = File::open(path).map_err(|error| paths::unreadable(path, &error))?;
    let mut length = [0; 8];
    if file.read_exact(&mut length).is_err() {
        return Ok(None);
    }
    let bytes = u64::from_le_bytes(length);
    if bytes > HEADER_BYTES_MAX {
        return Ok(None);
    }
    let mut header = Vec::new();
    file.take(bytes).read_to_end(&mut header).map_err(Error::file(path))?;
    Ok(serde_json::from_slice(&header).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(folder: &Path, name: &str, header: &str) -> std::path::PathBuf {
        let path = folder.join(name);
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header.as_bytes());
        fs::write(&path, bytes).expect("a temporary file");
        path
    }

    #[test]
    fn a_lora_is_told_from_a_checkpoint_by_its_tensors() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let of = |name: &str, header: &str| {
            let Weights { kind, architecture } = recognise(&file(folder.path(), name, header)).expect("a file");
            (kind, architecture)
        };
        let tensor = |name: &str, inputs: u32| {
            format!(r#"{{"__metadata__":{{}},"{name}":{{"dtype":"F16","shape":[4,{inputs}],"data_offsets":[0,0]}}}}"#)
        };
        let kohya = tensor(
            "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn2_to_k.lora_down.weight",
            2048,
        );
        assert_eq!(of("a", &kohya), (WeightsKind::Style, Some("sdxl".into())));
        let peft = tensor(
            "unet.mid_block.attentions.0.transformer_blocks.0.attn2.to_k.lora_A.weight",
            768,
        );
        assert_eq!(of("b", &peft), (WeightsKind::Style, Some("sd15".into())));
        let silent = tensor("lora_te_text_model_encoder_layers_0_mlp_fc1.lora_up.weight", 4);
        assert_eq!(of("c", &silent), (WeightsKind::Style, None));
        let checkpoint = tensor("model.diffusion_model.input_blocks.0.0.weight", 4);
        assert_eq!(of("d", &checkpoint), (WeightsKind::Model, None));
        assert_eq!(of("e", "no JSON at all"), (WeightsKind::Model, None));
    }

    #[test]
    fn a_folder_is_a_base_models_and_nothing_is_missing() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let found = recognise(folder.path()).expect("a folder");
        assert_eq!(found.kind, WeightsKind::Model);
        let nowhere = recognise(&folder.path().join("nowhere"));
        assert!(matches!(nowhere, Err(Error::Refused(Refusal::FileMissing { .. }))));
    }
}
