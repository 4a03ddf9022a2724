//! Writing tensors for other programs to read.

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::{DType, Device, Tensor};
use serde_json::{Map, json};

use crate::error::{EngineError, Result};
use crate::train::write_whole;

/// Writes tensors by name into a safetensors file, f32, whole or not at all. The same tensors give the same bytes, which the
/// `safetensors` crate does not promise: it writes metadata in any order.
///
/// # Errors
/// When the file cannot be written or the device fails.
pub fn save(path: &Path, tensors: &BTreeMap<String, Tensor>, metadata: &BTreeMap<String, String>) -> Result<()> {
    let mut header = Map::new();
    if !metadata.is_empty() {
        header.insert("__metadata__".into(), json!(metadata));
    }
    let mut data = Vec::new();
    for (name, tensor) in tensors {
        let start = data.len();
        append(tensor, &mut data)?;
        let facts = json!({"dtype": "F32", "shape": tensor.dims(), "data_offsets": [start, data.len()]});
        header.insert(name.clone(), facts);
    }
    let mut header = serde_json::to_vec(&header).map_err(|error| EngineError::Defect(error.to_string()))?;
    // The data begins at a multiple of 8.
    header.resize(header.len().next_multiple_of(8), b' ');
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.append(&mut header);
    file.append(&mut data);
    write_whole(path, &file)
}

fn append(tensor: &Tensor, data: &mut Vec<u8>) -> Result<()> {
    let numbers = tensor
        .to_device(&Device::Cpu)?
        .to_dtype(DType::F32)?
        .flatten_all()?
        .to_vec1::<f32>()?;
    data.extend(numbers.into_iter().flat_map(f32::to_le_bytes));
    Ok(())
}
