//! Reading safetensors: the header is checked before anything in it is believed, the data is mapped.
//!
//! Format: 8 bytes length of the header, little-endian; the header, a JSON object of name → dtype, shape, offsets; the data.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use memmap2::Mmap;
use serde::Deserialize;

use crate::error::{EngineError, FileFault, ModelFault, Result};

/// Largest header that is read. SDXL with both text encoders needs 0.3 MB.
const HEADER_BYTES_MAX: u64 = 4 << 20;
/// Most tensors in one file. SDXL with both text encoders has 2,600.
const TENSORS_MAX: usize = 20_000;

/// A safetensors file whose header was checked.
pub struct SafeTensors {
    path: PathBuf,
    data: Mmap,
    tensors: BTreeMap<String, TensorFacts>,
    metadata: BTreeMap<String, String>,
}

/// A tensor of a file.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct TensorFacts {
    /// As the format spells it.
    pub dtype: String,
    /// Sizes.
    pub shape: Vec<usize>,
    /// First byte and the one past the last, counted in the file.
    #[serde(rename = "data_offsets")]
    bytes: (usize, usize),
}

impl SafeTensors {
    /// Opens and checks a file.
    ///
    /// # Errors
    /// When it is missing, a pickle, or not sound in any way: header too long, too many tensors, unknown formats, offsets outside
    /// the file, overlapping, or not of the size that shape and format give.
    pub fn open(path: &Path) -> Result<Self> {
        let mut file = File::open(path).map_err(EngineError::io(path))?;
        let length = file.metadata().map_err(EngineError::io(path))?.len();
        let invalid = |reason: String| EngineError::invalid(path, FileFault::NotSafetensors, reason);
        let mut start = [0; 8];
        let read = file.read(&mut start).map_err(EngineError::io(path))?;
        if is_pickle(path, &start[..read]) {
            return Err(EngineError::FileUnsafe { file: path.to_owned() });
        }
        if read < 8 {
            return Err(invalid("it is too short to be a safetensors file".into()));
        }
        let header_bytes = u64::from_le_bytes(start);
        if header_bytes > HEADER_BYTES_MAX {
            let told = header_bytes / 1_000_000;
            return Err(invalid(format!(
                "its header would take {told} MB, more than the {} MiB allowed; it is damaged or not a safetensors file",
                HEADER_BYTES_MAX >> 20
            )));
        }
        if header_bytes < 2 || header_bytes + 8 > length {
            return Err(invalid(
                "its header is empty or cut off; it is damaged or not a safetensors file".into(),
            ));
        }
        let mut header = vec![0; header_bytes as usize];
        file.read_exact(&mut header).map_err(EngineError::io(path))?;
        let data_start = header_bytes as usize + 8;
        let (tensors, metadata) = check(&header, data_start, length as usize).map_err(invalid)?;
        #[expect(
            unsafe_code,
            reason = "mapping a file; another program that shortens it while it is read could end this process"
        )]
        // SAFETY: the mapping is read-only and only read inside the checked offsets; the process that does this is made to be expendable.
        let data = unsafe { Mmap::map(&file) }.map_err(EngineError::io(path))?;
        Ok(Self {
            path: path.to_owned(),
            data,
            tensors,
            metadata,
        })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Names of all tensors, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// A tensor's format and shape.
    pub fn facts(&self, name: &str) -> Option<&TensorFacts> {
        self.tensors.get(name)
    }

    /// The file's `__metadata__`.
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.metadata
    }

    /// Numbers in all tensors.
    pub fn elements(&self) -> u64 {
        self.tensors
            .values()
            .map(|facts| facts.shape.iter().product::<usize>() as u64)
            .sum()
    }

    /// A tensor on the processor, turned into `dtype`. Its pages are given back at once, so that loading a model takes little more
    /// memory than the model.
    ///
    /// # Errors
    /// When there is no such tensor.
    pub fn load(&self, name: &str, dtype: DType) -> Result<Tensor> {
        crate::ops::go_on()?;
        let missing = || EngineError::tensor_missing(&self.path, name);
        let facts = self.tensors.get(name).ok_or_else(missing)?;
        let (start, end) = facts.bytes;
        let stored = candle_dtype(&facts.dtype).ok_or_else(|| {
            let format = facts.dtype.clone();
            let reason = format!("the tensor {name} has the format {format}");
            EngineError::unsupported(&self.path, ModelFault::Format { format }, reason)
        })?;
        let tensor =
            Tensor::from_raw_buffer(&self.data[start..end], stored, &facts.shape, &Device::Cpu)?.to_dtype(dtype)?;
        #[cfg(unix)]
        #[expect(unsafe_code, reason = "tells the kernel that these pages are not needed now")]
        // SAFETY: the mapping is read-only and backed by the file: pages that are touched again are read again.
        let _ = unsafe {
            self.data
                .unchecked_advise_range(memmap2::UncheckedAdvice::DontNeed, start, end - start)
        };
        Ok(tensor)
    }
}

type Header = (BTreeMap<String, TensorFacts>, BTreeMap<String, String>);

/// Parses and checks a header; returns what is wrong in words.
fn check(header: &[u8], data_start: usize, file_bytes: usize) -> std::result::Result<Header, String> {
    let mut object: BTreeMap<String, serde_json::Value> = serde_json::from_slice(header).map_err(|_not_json| {
        "its header is not what a safetensors header is; it is damaged or another kind of file".to_owned()
    })?;
    let metadata = match object.remove("__metadata__") {
        None => BTreeMap::new(),
        Some(metadata) => serde_json::from_value(metadata).map_err(|error| format!("its metadata: {error}"))?,
    };
    if object.len() > TENSORS_MAX {
        return Err(format!(
            "it holds {} tensors, more than the {TENSORS_MAX} allowed",
            object.len()
        ));
    }
    if object.is_empty() {
        return Err("it holds no tensors".into());
    }
    let mut tensors = BTreeMap::new();
    for (name, facts) in object {
        let mut facts: TensorFacts =
            serde_json::from_value(facts).map_err(|error| format!("the tensor {name}: {error}"))?;
        let size = element_bytes(&facts.dtype)
            .ok_or_else(|| format!("the tensor {name} has the unknown format {}", facts.dtype))?;
        let bytes = facts
            .shape
            .iter()
            .try_fold(size, |bytes, &size| bytes.checked_mul(size));
        let (start, end) = facts.bytes;
        if bytes.is_none() || end.checked_sub(start) != bytes {
            return Err(format!("the tensor {name} does not have the size that its shape gives"));
        }
        match end.checked_add(data_start) {
            Some(end) if end <= file_bytes => facts.bytes = (start + data_start, end),
            _ => return Err(format!("the tensor {name} lies outside the file, which may be cut off")),
        }
        tensors.insert(name, facts);
    }
    let mut by_place: Vec<_> = tensors.iter().map(|(name, facts)| (facts.bytes, name)).collect();
    by_place.sort_unstable();
    for pair in by_place.windows(2) {
        if pair[0].0.1 > pair[1].0.0 {
            return Err(format!("the tensors {} and {} overlap", pair[0].1, pair[1].1));
        }
    }
    Ok((tensors, metadata))
}

/// Bytes of one number, for every format that is known, also those that no weight of ours comes in.
fn element_bytes(name: &str) -> Option<usize> {
    match name {
        "F64" | "I64" | "U64" => Some(8),
        "F32" | "I32" | "U32" => Some(4),
        "F16" | "BF16" | "I16" | "U16" => Some(2),
        "U8" | "I8" | "BOOL" | "F8_E4M3" | "F8_E5M2" => Some(1),
        _ => None,
    }
}

fn candle_dtype(name: &str) -> Option<DType> {
    Some(match name {
        "F64" => DType::F64,
        "F32" => DType::F32,
        "F16" => DType::F16,
        "BF16" => DType::BF16,
        "I64" => DType::I64,
        "I32" => DType::I32,
        "U32" => DType::U32,
        "U8" => DType::U8,
        _ => return None,
    })
}

/// Whether a file is a pickle, by its name or its first bytes: PyTorch writes a zip archive, or a bare pickle of protocol 2 and up.
fn is_pickle(path: &Path, start: &[u8]) -> bool {
    let named = path.extension().is_some_and(|extension| {
        ["ckpt", "pt", "pth", "bin", "pkl"]
            .iter()
            .any(|known| extension == *known)
    });
    named
        || start.starts_with(b"PK\x03\x04")
        || (start.first() == Some(&0x80) && matches!(start.get(1), Some(2..=5)) && start.get(2) != Some(&0))
}
