//! Styles as files: taking in what was trained elsewhere, and writing what other programs read.
//!
//! A library keeps a LoRA as it came. Kohya's names lose the dots of the network's own; they are found again by the words that
//! diffusers' networks are made of.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use atelier_contract::{Finding, Refusal};
use atelier_worker_protocol::{Outcome, Receipt, Task};
use half::{bf16, f16};
use safetensors::{Dtype, SafeTensors, View};
use serde::{Deserialize, Serialize};

use super::{Style, create_trained, find, parse_name};
use crate::library::write_whole;
use crate::worker::Workshop;
use crate::{Config, Error, Library, models, training};

/// How a file names its layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "lowercase")]
pub enum Naming {
    /// `lora_unet_down_blocks_0_….lora_down.weight`, with `.alpha`: ComfyUI, A1111.
    Kohya,
    /// `unet.down_blocks.0.….lora_A.weight`, alpha multiplied in: diffusers.
    Peft,
}

/// A LoRA that is to become a style.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The file.
    pub file: PathBuf,
    /// `None`: after the file.
    pub name: Option<String>,
    /// Id of the base model that it is for.
    pub model: String,
    /// Whether the artist of this library made it, so that what is made with it is signed.
    pub own: bool,
}

/// Takes in a LoRA, if all of it fits the base model.
///
/// # Errors
/// [`Refusal::FileMissing`], [`Refusal::FileUnsafe`], [`Refusal::FileInvalid`], [`Refusal::LoraMismatch`], [`Refusal::LoraForOtherModel`],
/// [`Refusal::StyleNameTaken`], [`Refusal::StyleNameNotATag`].
pub async fn import(
    library: &Library,
    config: &Config,
    workshop: &mut Workshop,
    wanted: &Wanted,
) -> Result<(Style, Receipt), Error> {
    let file = fs::canonicalize(&wanted.file).map_err(Error::file(&wanted.file))?;
    let stem = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    // Before the worker reads the file, which may take it a while.
    let name = parse_name(wanted.name.as_deref().unwrap_or(&stem))?;
    let name = name.as_str();
    if find(library, name).await.is_ok() {
        return Err(Refusal::StyleNameTaken { style: name.to_owned() }.into());
    }
    let model = models::resolve(library, config, workshop, &wanted.model).await?;
    let task = Task::CheckLora {
        model: model.path,
        lora: file.clone(),
    };
    let receipt = match workshop.run(task).await {
        Ok(Outcome::Checked(receipt)) => receipt,
        Ok(other) => {
            let reason = format!("the worker answers {other:?}");
            return Err(Refusal::Internal { reason }.into());
        }
        Err(error) => return Err(error.refusal(1).into()),
    };
    let folder = library.folder().to_owned();
    let url = tokio::task::spawn_blocking(move || training::shelve(&file, &folder)).await??;
    let style = create_trained(library, name, &model.id, &url, wanted.own).await?;
    Ok((style, receipt))
}

/// Writes the style's LoRA to `out`, whole or not at all, and over another file only if that is to be replaced.
///
/// # Errors
/// [`Refusal::StyleUnknown`], [`Refusal::StyleNotTrained`], [`Refusal::FileExists`], [`Refusal::FileInvalid`] when a layer has a name that
/// cannot be said the other way, and what the disk refuses.
pub async fn export(library: &Library, name: &str, naming: Naming, out: &Path, replace: bool) -> Result<Style, Error> {
    let style = find(library, name).await?;
    let lora = style.require_trained(library)?;
    if !replace && out.exists() {
        let file = out.display().to_string();
        return Err(Refusal::FileExists { file }.into());
    }
    let out = out.to_owned();
    tokio::task::spawn_blocking(move || write(&lora, naming, &out)).await??;
    Ok(style)
}

fn write(lora: &Path, naming: Naming, out: &Path) -> Result<(), Error> {
    let bytes = fs::read(lora).map_err(Error::file(lora))?;
    let invalid = |reason: Finding| Refusal::FileInvalid {
        file: lora.display().to_string(),
        reason,
    };
    let unsound = |error: safetensors::SafeTensorError| {
        tracing::warn!("{}: {error}", lora.display());
        invalid(Finding::NotSafetensors {})
    };
    let tensors = SafeTensors::deserialize(&bytes).map_err(unsound)?;
    let (_, header) = SafeTensors::read_metadata(&bytes).map_err(unsound)?;
    let renamed = renamed(&tensors, naming).map_err(invalid)?;
    let metadata: HashMap<_, _> = header.metadata().clone().unwrap_or_default();
    let written = safetensors::serialize(renamed, Some(metadata)).map_err(unsound)?;
    write_whole(out, &written)
}

/// A tensor under its new name.
struct Tensor<'a> {
    dtype: Dtype,
    shape: Vec<usize>,
    data: Cow<'a, [u8]>,
}

impl View for Tensor<'_> {
    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.data)
    }

    fn data_len(&self) -> usize {
        self.data.len()
    }
}

fn renamed<'a>(tensors: &SafeTensors<'a>, naming: Naming) -> Result<BTreeMap<String, Tensor<'a>>, Finding> {
    let is_kohya = tensors.names().iter().any(|name| name.contains(".lora_down."));
    let as_it_is = is_kohya == (naming == Naming::Kohya);
    let mut renamed = BTreeMap::new();
    for (name, view) in tensors.tensors() {
        let mut tensor = Tensor {
            dtype: view.dtype(),
            shape: view.shape().to_vec(),
            data: Cow::Borrowed(view.data()),
        };
        if as_it_is {
            renamed.insert(name, tensor);
            continue;
        }
        let unknown = || Finding::LayerNameUnknown { layer: name.clone() };
        match naming {
            Naming::Peft => {
                let Some((layer, piece)) = name.split_once('.') else {
                    return Err(unknown());
                };
                let end = match piece {
                    "lora_down.weight" => "lora_A.weight",
                    "lora_up.weight" => {
                        let factor = factor(tensors, layer).ok_or_else(unknown)?;
                        tensor.data = scaled(&tensor, factor).ok_or_else(unknown)?.into();
                        tensor.dtype = Dtype::F32;
                        "lora_B.weight"
                    }
                    "alpha" => continue,
                    _ => return Err(unknown()),
                };
                renamed.insert(format!("{}.{end}", peft_layer(layer).ok_or_else(unknown)?), tensor);
            }
            Naming::Kohya => {
                let (layer, end) = [
                    (".lora_A.weight", "lora_down.weight"),
                    (".lora_B.weight", "lora_up.weight"),
                ]
                .iter()
                .find_map(|(peft, kohya)| Some((name.strip_suffix(peft)?, *kohya)))
                .ok_or_else(unknown)?;
                let layer = kohya_layer(layer).ok_or_else(unknown)?;
                if end == "lora_down.weight" {
                    // Without it readers take the rank, which is what this says to those that want it said.
                    let rank = *tensor.shape.first().ok_or_else(unknown)? as f32;
                    let alpha = Tensor {
                        dtype: Dtype::F32,
                        shape: Vec::new(),
                        data: rank.to_le_bytes().to_vec().into(),
                    };
                    renamed.insert(format!("{layer}.alpha"), alpha);
                }
                renamed.insert(format!("{layer}.{end}"), tensor);
            }
        }
    }
    Ok(renamed)
}

/// How much a layer of kohya's counts: alpha / rank, 1 without an alpha.
fn factor(tensors: &SafeTensors<'_>, layer: &str) -> Option<f32> {
    let down = tensors.tensor(&format!("{layer}.lora_down.weight")).ok()?;
    let rank = *down.shape().first()? as f32;
    match tensors.tensor(&format!("{layer}.alpha")) {
        Ok(alpha) => Some(numbers(alpha.dtype(), alpha.data())?.first()? / rank),
        Err(_none) => Some(1.0),
    }
}

fn scaled(tensor: &Tensor<'_>, factor: f32) -> Option<Vec<u8>> {
    let numbers = numbers(tensor.dtype, &tensor.data)?;
    Some(
        numbers
            .iter()
            .flat_map(|number| (number * factor).to_le_bytes())
            .collect(),
    )
}

/// Little-endian numbers as safetensors stores them; `None` for a format that no LoRA has.
fn numbers(dtype: Dtype, data: &[u8]) -> Option<Vec<f32>> {
    let pairs = |read: fn([u8; 2]) -> f32| data.chunks_exact(2).map(|pair| read([pair[0], pair[1]])).collect();
    if dtype == Dtype::F32 {
        let fours = data.chunks_exact(4);
        Some(
            fours
                .map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]]))
                .collect(),
        )
    } else if dtype == Dtype::F16 {
        Some(pairs(|pair| f16::from_le_bytes(pair).to_f32()))
    } else if dtype == Dtype::BF16 {
        Some(pairs(|pair| bf16::from_le_bytes(pair).to_f32()))
    } else {
        None
    }
}

/// Parts of a network by kohya's prefix and by diffusers'.
const PARTS: [(&str, &str); 4] = [
    ("lora_unet_", "unet."),
    ("lora_te_", "text_encoder."),
    ("lora_te1_", "text_encoder."),
    ("lora_te2_", "text_encoder_2."),
];

/// Names inside diffusers' networks that have an underscore of their own.
const WORDS: [&str; 25] = [
    "down_blocks",
    "up_blocks",
    "mid_block",
    "transformer_blocks",
    "to_q",
    "to_k",
    "to_v",
    "to_out",
    "proj_in",
    "proj_out",
    "conv_in",
    "conv_out",
    "conv_norm_out",
    "conv_shortcut",
    "time_emb_proj",
    "time_embedding",
    "add_embedding",
    "linear_1",
    "linear_2",
    "text_model",
    "self_attn",
    "q_proj",
    "k_proj",
    "v_proj",
    "out_proj",
];
/// Names without an underscore: anything else is none that diffusers has.
const SIMPLE: [&str; 23] = [
    "attentions",
    "resnets",
    "downsamplers",
    "upsamplers",
    "attn1",
    "attn2",
    "ff",
    "net",
    "proj",
    "conv",
    "conv1",
    "conv2",
    "norm",
    "norm1",
    "norm2",
    "norm3",
    "encoder",
    "layers",
    "mlp",
    "fc1",
    "fc2",
    "embeddings",
    "conditioning",
];

/// `lora_unet_mid_block_attentions_0_…_to_q` as `unet.mid_block.attentions.0.….to_q`.
fn peft_layer(layer: &str) -> Option<String> {
    let (kohya, peft) = PARTS.iter().find(|(kohya, _)| layer.starts_with(kohya))?;
    let mut rest = &layer[kohya.len()..];
    let mut name = String::new();
    while !rest.is_empty() {
        let begins = |word: &str| {
            let behind = rest.strip_prefix(word);
            behind.is_some_and(|behind| behind.is_empty() || behind.starts_with('_'))
        };
        let word = WORDS.into_iter().find(|word| begins(word));
        let word = word.unwrap_or_else(|| rest.split('_').next().unwrap_or_default());
        let known = WORDS.contains(&word) || SIMPLE.contains(&word);
        if !known && word.parse::<u32>().is_err() {
            return None;
        }
        name.push_str(if name.is_empty() { peft } else { "." });
        name.push_str(word);
        rest = rest[word.len()..].trim_start_matches('_');
    }
    (!name.is_empty()).then_some(name)
}

/// The other way. A file with a second text encoder is of a model that has two, so its first is `te1`; whether it has is not known
/// from one layer, and readers take `te` for the first of either.
fn kohya_layer(layer: &str) -> Option<String> {
    let (kohya, peft) = PARTS.iter().find(|(_, peft)| layer.starts_with(peft))?;
    Some(format!("{kohya}{}", layer[peft.len()..].replace('.', "_")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layer_is_found_under_its_dotted_name() {
        for (kohya, peft) in [
            (
                "lora_unet_down_blocks_0_attentions_1_transformer_blocks_0_attn1_to_out_0",
                "unet.down_blocks.0.attentions.1.transformer_blocks.0.attn1.to_out.0",
            ),
            (
                "lora_unet_mid_block_attentions_0_transformer_blocks_0_ff_net_0_proj",
                "unet.mid_block.attentions.0.transformer_blocks.0.ff.net.0.proj",
            ),
            (
                "lora_unet_up_blocks_1_resnets_2_time_emb_proj",
                "unet.up_blocks.1.resnets.2.time_emb_proj",
            ),
            (
                "lora_te_text_model_encoder_layers_11_self_attn_out_proj",
                "text_encoder.text_model.encoder.layers.11.self_attn.out_proj",
            ),
        ] {
            assert_eq!(peft_layer(kohya).as_deref(), Some(peft));
            assert_eq!(kohya_layer(peft).as_deref(), Some(kohya));
        }
        assert_eq!(peft_layer("lora_unet_input_blocks_4_1_proj_in"), None);
        assert_eq!(peft_layer("something"), None);
    }
}
