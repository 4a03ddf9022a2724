//! Writing tensors for other programs to read.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use candle_core::{DType, Device, Tensor};
use safetensors::tensor::{Dtype, TensorView};

use crate::error::{EngineError, Result};
use crate::train::write_whole;

/// Writes tensors by name into a safetensors file, f32, whole or not at all.
///
/// # Errors
/// When the file cannot be written or the device fails.
pub fn save(path: &Path, tensors: &BTreeMap<String, Tensor>, metadata: &BTreeMap<String, String>) -> Result<()> {
    let data = tensors
        .iter()
        .map(|(name, tensor)| Ok((name, bytes(tensor)?, tensor.dims().to_vec())))
        .collect::<Result<Vec<_>>>()?;
    let invalid = |error: safetensors::SafeTensorError| EngineError::invalid(path, error.to_string());
    let views = data
        .iter()
        .map(|(name, bytes, shape)| Ok((name.as_str(), TensorView::new(Dtype::F32, shape.clone(), bytes)?)))
        .collect::<std::result::Result<Vec<_>, _>>()
        .map_err(invalid)?;
    let metadata: HashMap<String, String> = metadata.clone().into_iter().collect();
    let file = safetensors::serialize(views, (!metadata.is_empty()).then_some(metadata)).map_err(invalid)?;
    write_whole(path, &file)
}

fn bytes(tensor: &Tensor) -> Result<Vec<u8>> {
    let numbers = tensor
        .to_device(&Device::Cpu)?
        .to_dtype(DType::F32)?
        .flatten_all()?
        .to_vec1::<f32>()?;
    Ok(numbers.into_iter().flat_map(f32::to_le_bytes).collect())
}
