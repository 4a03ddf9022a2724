//! The names that LoRA files give their layers.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use crate::adapter::AdapterSlot;
use crate::model::Model;
use crate::train::AdaptedPart;
use crate::weights::unet_prefixes;

/// How a file names its layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Naming {
    /// `lora_unet_down_blocks_0_….lora_down.weight`, with `.alpha`; what ComfyUI and A1111 expect.
    Kohya,
    /// `unet.down_blocks.0.….lora_A.weight`; what diffusers writes.
    Peft,
}

/// Which tensor of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece {
    Down,
    Up,
    Alpha,
}

/// Ends of tensor names, the older ones of diffusers included.
const ENDS: [(&str, Piece, Option<Naming>); 10] = [
    (".lora_down.weight", Piece::Down, Some(Naming::Kohya)),
    (".lora_up.weight", Piece::Up, Some(Naming::Kohya)),
    (".alpha", Piece::Alpha, None),
    (".lora_A.weight", Piece::Down, Some(Naming::Peft)),
    (".lora_B.weight", Piece::Up, Some(Naming::Peft)),
    (".lora.down.weight", Piece::Down, Some(Naming::Peft)),
    (".lora.up.weight", Piece::Up, Some(Naming::Peft)),
    (".lora_linear_layer.down.weight", Piece::Down, Some(Naming::Peft)),
    (".lora_linear_layer.up.weight", Piece::Up, Some(Naming::Peft)),
    ("_lora.down.weight", Piece::Down, Some(Naming::Peft)),
];

/// Parts a tensor's name into its layer's and what it is there.
pub(super) fn split(name: &str) -> Option<(String, Piece, Option<Naming>)> {
    // `…attn1.processor.to_q_lora.down.weight`, of the first versions of diffusers.
    for (end, piece) in [("_lora.down.weight", Piece::Down), ("_lora.up.weight", Piece::Up)] {
        if let Some(layer) = name.strip_suffix(end)
            && layer.contains(".processor.")
        {
            let layer = layer.replace(".processor.", ".");
            let layer = layer
                .strip_suffix("to_out")
                .map_or(layer.clone(), |start| format!("{start}to_out.0"));
            return Some((layer, piece, Some(Naming::Peft)));
        }
    }
    let name = name.replace(".default.weight", ".weight");
    ENDS.iter()
        .find_map(|(end, piece, naming)| Some((name.strip_suffix(end)?.to_owned(), *piece, *naming)))
}

/// A layer's alpha from the adapter configuration that diffusers keeps in the metadata; `None` means alpha = rank.
pub(super) fn peft_alpha(metadata: &BTreeMap<String, String>, layer: &str) -> Option<f64> {
    let config: Value = serde_json::from_str(metadata.get("lora_adapter_metadata")?).ok()?;
    let (part, rest) = layer.split_once('.')?;
    let patterns = config.get(format!("{part}.alpha_pattern")).and_then(Value::as_object);
    let special = patterns.and_then(|patterns| patterns.iter().find(|(pattern, _)| rest.ends_with(pattern.as_str())));
    match special {
        Some((_, alpha)) => alpha.as_f64(),
        None => config.get(format!("{part}.lora_alpha"))?.as_f64(),
    }
}

/// Every name by which a file may call a layer of one model.
pub(super) struct Names<'a>(HashMap<String, (AdaptedPart, &'a str, &'a AdapterSlot)>);

impl<'a> Names<'a> {
    pub(super) fn of(model: &'a Model) -> Self {
        let mut names = HashMap::new();
        let originals = unet_prefixes(&model.unet_config);
        for (name, slot) in &model.unet_slots {
            let place = (AdaptedPart::Unet, name.as_str(), slot);
            names.insert(format!("unet.{name}"), place);
            names.insert(name.clone(), place);
            names.insert(format!("lora_unet_{}", name.replace('.', "_")), place);
            let original = originals.iter().find_map(|(ours, original)| {
                let rest = name.strip_prefix(ours.as_str())?;
                (rest.is_empty() || rest.starts_with('.')).then(|| format!("{original}{}", resnet_part(rest)))
            });
            if let Some(original) = original {
                names.insert(format!("lora_unet_{}", original.replace('.', "_")), place);
            }
        }
        for (i, part) in model.text.iter().enumerate() {
            let (peft, kohya) = text_prefixes(i, model.text.len());
            for (name, slot) in &part.slots {
                let place = (AdaptedPart::Text(i), name.as_str(), slot);
                names.insert(format!("{peft}.{name}"), place);
                names.insert(format!("{kohya}_{}", name.replace('.', "_")), place);
                // transformers 5 and what is saved with it.
                if let Some(name) = name.strip_prefix("text_model.") {
                    names.insert(format!("{peft}.{name}"), place);
                }
            }
        }
        Self(names)
    }

    pub(super) fn find(&self, name: &str) -> Option<(AdaptedPart, &'a str, &'a AdapterSlot)> {
        self.0.get(name).copied()
    }
}

/// The end of a layer's name as the original code has it.
fn resnet_part(rest: &str) -> String {
    let parts = [
        (".conv1", ".in_layers.2"),
        (".time_emb_proj", ".emb_layers.1"),
        (".conv2", ".out_layers.3"),
        (".conv_shortcut", ".skip_connection"),
    ];
    let original = parts
        .iter()
        .find(|(ours, _)| rest == *ours)
        .map(|(_, original)| *original);
    original.unwrap_or(rest).to_owned()
}

/// What layers of text encoder `i` of `count` begin with, in PEFT's and kohya's naming.
pub(super) fn text_prefixes(i: usize, count: usize) -> (&'static str, &'static str) {
    match (i, count) {
        (0, 1) => ("text_encoder", "lora_te"),
        (0, _) => ("text_encoder", "lora_te1"),
        _ => ("text_encoder_2", "lora_te2"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_every_age_are_parted() {
        let cases = [
            (
                "lora_unet_mid_block_attentions_0_proj_in.lora_up.weight",
                "lora_unet_mid_block_attentions_0_proj_in",
                Piece::Up,
            ),
            ("unet.conv_in.lora_A.weight", "unet.conv_in", Piece::Down),
            (
                "unet.mid_block.attn1.processor.to_out_lora.up.weight",
                "unet.mid_block.attn1.to_out.0",
                Piece::Up,
            ),
            (
                "text_encoder.layers.0.q_proj.lora_linear_layer.down.weight",
                "text_encoder.layers.0.q_proj",
                Piece::Down,
            ),
            ("lora_te_x.alpha", "lora_te_x", Piece::Alpha),
        ];
        for (name, layer, piece) in cases {
            let found = split(name).map(|(layer, piece, _)| (layer, piece));
            assert_eq!(found, Some((layer.to_owned(), piece)), "{name}");
        }
        assert_eq!(split("lora_unet_x.hada_w1_a"), None);
    }
}
