//! The model that was used last stays loaded, as long as its files and what is asked of it are the same.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use atelier_engine::device::suitable_dtype;
use atelier_engine::model::Model;
use atelier_engine::{EngineError, Result};
use atelier_worker_protocol::{DType, Phase};
use candle_core::Device;

use crate::jobs::Order;

/// Loads models onto one device.
pub(crate) struct Models {
    device: Device,
    last: Option<(Key, Arc<Model>)>,
}

#[derive(PartialEq)]
struct Key {
    path: PathBuf,
    dtype: candle_core::DType,
    /// Every file with its length and time of change.
    files: Vec<(PathBuf, u64, Option<SystemTime>)>,
}

impl Models {
    pub(crate) fn new(device: Device) -> Self {
        Self { device, last: None }
    }

    pub(crate) fn device(&self) -> &Device {
        &self.device
    }

    /// Gives the memory of the last model back.
    pub(crate) fn forget(&mut self) {
        self.last = None;
    }

    /// The model at `path`, without adapters.
    pub(crate) fn load(&mut self, path: &Path, dtype: Option<DType>, order: &Order<'_>) -> Result<Arc<Model>> {
        let dtype = dtype.map_or_else(|| suitable_dtype(&self.device), format);
        let mut files = Vec::new();
        list(path, &mut files).map_err(EngineError::io(path))?;
        files.sort();
        let key = Key {
            path: path.to_owned(),
            dtype,
            files,
        };
        // Said in any case: the first sign of life of every job, which is repeated while its first step takes long.
        order.progress(Phase::Loading, 0, 0, None);
        if let Some((_, model)) = self.last.as_ref().filter(|(last, _)| *last == key) {
            model.clear_adapters();
            return Ok(Arc::clone(model));
        }
        // Two models at once may not fit.
        self.forget();
        let model = Arc::new(Model::load(path, &self.device, dtype)?);
        self.last = Some((key, Arc::clone(&model)));
        Ok(model)
    }
}

/// The engine's word for a format.
pub(crate) fn format(dtype: DType) -> candle_core::DType {
    match dtype {
        DType::F32 => candle_core::DType::F32,
        DType::Bf16 => candle_core::DType::BF16,
        DType::F16 => candle_core::DType::F16,
    }
}

fn list(path: &Path, files: &mut Vec<(PathBuf, u64, Option<SystemTime>)>) -> std::io::Result<()> {
    let facts = std::fs::metadata(path)?;
    if !facts.is_dir() {
        files.push((path.to_owned(), facts.len(), facts.modified().ok()));
        return Ok(());
    }
    for entry in std::fs::read_dir(path)? {
        list(&entry?.path(), files)?;
    }
    Ok(())
}
