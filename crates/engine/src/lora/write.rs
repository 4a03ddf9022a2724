//! Writing LoRA files, in the names that others read.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use candle_core::{Device, Tensor};
use safetensors::tensor::{Dtype, TensorView};

use super::naming::{Naming, text_prefixes};
use crate::error::{EngineError, Result};
use crate::train::{AdaptedPart, write_whole};

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
    let mut tensors = Vec::new();
    for layer in layers {
        let (peft, kohya) = match layer.part {
            AdaptedPart::Unet => ("unet", "lora_unet"),
            AdaptedPart::Text(i) => text_prefixes(i, text_encoders),
        };
        match naming {
            Naming::Kohya => {
                let name = format!("{kohya}_{}", layer.name.replace('.', "_"));
                tensors.push((
                    format!("{name}.lora_down.weight"),
                    bytes(&layer.down)?,
                    layer.down.dims().to_vec(),
                ));
                tensors.push((
                    format!("{name}.lora_up.weight"),
                    bytes(&layer.up)?,
                    layer.up.dims().to_vec(),
                ));
                tensors.push((
                    format!("{name}.alpha"),
                    (layer.alpha as f32).to_le_bytes().to_vec(),
                    Vec::new(),
                ));
            }
            Naming::Peft => {
                let name = format!("{peft}.{}", layer.name);
                // Readers that do not look at alpha take it to be the rank: it is multiplied in.
                let scaled = (&layer.up * (layer.alpha / layer.down.dim(0)? as f64))?;
                tensors.push((
                    format!("{name}.lora_A.weight"),
                    bytes(&layer.down)?,
                    layer.down.dims().to_vec(),
                ));
                tensors.push((format!("{name}.lora_B.weight"), bytes(&scaled)?, scaled.dims().to_vec()));
            }
        }
    }
    let invalid = |error: safetensors::SafeTensorError| EngineError::invalid(path, error.to_string());
    let views = tensors
        .iter()
        .map(|(name, bytes, shape)| Ok((name.as_str(), TensorView::new(Dtype::F32, shape.clone(), bytes)?)))
        .collect::<std::result::Result<Vec<_>, _>>()
        .map_err(invalid)?;
    let metadata: HashMap<String, String> = metadata.clone().into_iter().collect();
    let file = safetensors::serialize(views, Some(metadata)).map_err(invalid)?;
    write_whole(path, &file)
}

fn bytes(tensor: &Tensor) -> Result<Vec<u8>> {
    let numbers = tensor.to_device(&Device::Cpu)?.flatten_all()?.to_vec1::<f32>()?;
    Ok(numbers.into_iter().flat_map(f32::to_le_bytes).collect())
}
