//! Writing LoRA files, in the names that others read.

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::{Device, Tensor};

use super::naming::{Naming, text_prefixes};
use crate::error::Result;
use crate::train::AdaptedPart;
use crate::weights::save;

/// A layer's adapter by the name that diffusers gives the layer.
pub struct LoraLayer {
    /// Part of the model.
    pub part: AdaptedPart,
    /// The layer.
    pub name: String,
    /// `[r, in]`, or `[r, in, k, k]`.
    pub down: Tensor,
    /// `[out, r]`, or `[out, r, 1, 1]`.
    pub up: Tensor,
    /// It counts alpha / r times.
    pub alpha: f64,
}

/// Writes a LoRA of a model with `text_encoders` text encoders, f32, whole or not at all.
///
/// # Errors
/// When the file cannot be written.
pub fn write(
    path: &Path,
    layers: &[LoraLayer],
    metadata: &BTreeMap<String, String>,
    naming: Naming,
    text_encoders: usize,
) -> Result<()> {
    let mut tensors = BTreeMap::new();
    for layer in layers {
        let (peft, kohya) = match layer.part {
            AdaptedPart::Unet => ("unet", "lora_unet"),
            AdaptedPart::Text(i) => text_prefixes(i, text_encoders),
        };
        match naming {
            Naming::Kohya => {
                let name = format!("{kohya}_{}", layer.name.replace('.', "_"));
                tensors.insert(format!("{name}.lora_down.weight"), layer.down.clone());
                tensors.insert(format!("{name}.lora_up.weight"), layer.up.clone());
                let alpha = Tensor::new(layer.alpha as f32, &Device::Cpu)?;
                tensors.insert(format!("{name}.alpha"), alpha);
            }
            Naming::Peft => {
                let name = format!("{peft}.{}", layer.name);
                // Readers that do not look at alpha take it to be the rank: it is multiplied in.
                let scaled = (&layer.up * (layer.alpha / layer.down.dim(0)? as f64))?;
                tensors.insert(format!("{name}.lora_A.weight"), layer.down.clone());
                tensors.insert(format!("{name}.lora_B.weight"), scaled);
            }
        }
    }
    save(path, &tensors, metadata)
}
