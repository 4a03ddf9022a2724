//! Weights of a model part, by the names that diffusers gives them, from checked safetensors files.

mod file;
mod original;
mod save;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{DType, Device, Tensor};

pub use file::{SafeTensors, TensorFacts};
pub(crate) use original::{Original, unet_prefixes};
pub use save::save;

use crate::adapter::{AdapterRegistry, AdapterSlot};
use crate::error::{EngineError, FileFault, Result};
use crate::layers::{Conv2d, GroupNorm, LayerNorm, Linear};
use crate::ops::Convolution;

/// Weights below one name. Clones and [`sub`](Self::sub) share the files and the registry of adapter slots.
#[derive(Clone)]
pub struct Weights {
    source: Arc<Source>,
    registry: Arc<Mutex<AdapterRegistry>>,
    prefix: String,
    device: Device,
    dtype: DType,
}

enum Source {
    Files {
        files: Vec<SafeTensors>,
        /// Which file holds a name.
        names: HashMap<String, usize>,
        /// How diffusers' names are found in a checkpoint with the original ones.
        original: Option<Original>,
    },
    /// Random weights, for measuring speed and memory without a download.
    Random,
}

/// How a wanted tensor is cut from the one in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    Whole,
    /// The n-th of three equal parts of the rows.
    Third(usize),
    Transposed,
}

impl Weights {
    /// Weights of the files in `folder` with one of these base names: `NAME.safetensors`, its shards, or its half-precision
    /// variant.
    ///
    /// # Errors
    /// When there is none, or only a pickle, or a file is not sound.
    pub fn open_folder(folder: &Path, base_names: &[&str], device: &Device, dtype: DType) -> Result<Self> {
        let paths = find_files(folder, base_names)?;
        let files = paths
            .iter()
            .map(|path| SafeTensors::open(path))
            .collect::<Result<Vec<_>>>()?;
        Ok(Self::of(files, None, device, dtype))
    }

    /// Weights of a single-file checkpoint.
    pub(crate) fn of_checkpoint(file: SafeTensors, original: Original, device: &Device, dtype: DType) -> Self {
        Self::of(vec![file], Some(original), device, dtype)
    }

    /// Random weights, scaled so that activations stay near 1.
    pub fn random(device: &Device, dtype: DType) -> Self {
        Self::from_source(Source::Random, device, dtype)
    }

    fn of(files: Vec<SafeTensors>, original: Option<Original>, device: &Device, dtype: DType) -> Self {
        let names = files
            .iter()
            .enumerate()
            .flat_map(|(i, file)| file.names().map(move |name| (name.to_owned(), i)))
            .collect();
        Self::from_source(Source::Files { files, names, original }, device, dtype)
    }

    fn from_source(source: Source, device: &Device, dtype: DType) -> Self {
        Self {
            source: Arc::new(source),
            registry: Arc::default(),
            prefix: String::new(),
            device: device.clone(),
            dtype,
        }
    }

    /// Weights whose names begin with this one's, a dot and `name`.
    pub fn sub(&self, name: impl std::fmt::Display) -> Self {
        Self {
            prefix: self.full(&name.to_string()),
            ..self.clone()
        }
    }

    /// Whether a tensor is there.
    pub fn has(&self, name: &str) -> bool {
        match &*self.source {
            Source::Files { names, .. } => self
                .find(&self.full(name))
                .is_some_and(|(name, _)| names.contains_key(&name)),
            Source::Random => false,
        }
    }

    /// Slots of all layers loaded so far.
    pub fn registry(&self) -> AdapterRegistry {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A tensor of this shape; sizes of 1 at the end may be missing or superfluous in the file.
    ///
    /// # Errors
    /// When it is missing or has another shape.
    pub fn tensor(&self, name: &str, shape: &[usize]) -> Result<Tensor> {
        let name = self.full(name);
        let (files, names) = match &*self.source {
            Source::Random => {
                crate::ops::go_on()?;
                return Ok(random(&name, shape, &self.device, self.dtype)?);
            }
            Source::Files { files, names, .. } => (files, names),
        };
        let missing = || EngineError::tensor_missing(files[0].path(), &name);
        let (stored, cut) = self.find(&name).ok_or_else(missing)?;
        let file = &files[*names.get(&stored).ok_or_else(missing)?];
        let tensor = file.load(&stored, self.dtype)?;
        let tensor = match cut {
            Cut::Whole => tensor,
            Cut::Third(n) => tensor
                .narrow(0, n * (tensor.dim(0)? / 3), tensor.dim(0)? / 3)?
                .force_contiguous()?,
            Cut::Transposed => tensor.t()?.contiguous()?,
        };
        let trimmed = |shape: &[usize]| {
            let end = shape.iter().rposition(|&size| size != 1).map_or(0, |last| last + 1);
            shape[..end].to_vec()
        };
        if trimmed(tensor.dims()) != trimmed(shape) {
            let found = tensor.dims();
            return Err(EngineError::invalid(
                file.path(),
                FileFault::TensorShape { tensor: name.clone() },
                format!("the tensor {name} has shape {found:?}, not {shape:?}"),
            ));
        }
        Ok(tensor.reshape(shape)?.to_device(&self.device)?)
    }

    /// A linear layer, with its slot registered.
    ///
    /// # Errors
    /// When a tensor is missing or has another shape.
    pub fn linear(&self, name: &str, inputs: usize, outputs: usize, bias: bool) -> Result<Linear> {
        let at = self.sub(name);
        let bias = bias.then(|| at.tensor("bias", &[outputs])).transpose()?;
        let layer = Linear::new(at.tensor("weight", &[outputs, inputs])?, bias);
        self.register(at.prefix, layer.slot());
        Ok(layer)
    }

    /// A convolution with a bias, with its slot registered.
    ///
    /// # Errors
    /// When a tensor is missing or has another shape.
    pub fn conv2d(&self, name: &str, inputs: usize, outputs: usize, kernel: usize, by: Convolution) -> Result<Conv2d> {
        let at = self.sub(name);
        let weight = at.tensor("weight", &[outputs, inputs, kernel, kernel])?;
        let layer = Conv2d::new(weight, Some(at.tensor("bias", &[outputs])?), by);
        self.register(at.prefix, layer.slot());
        Ok(layer)
    }

    /// A group norm.
    ///
    /// # Errors
    /// When a tensor is missing or has another shape.
    pub fn group_norm(&self, name: &str, channels: usize, groups: usize, eps: f64) -> Result<GroupNorm> {
        let at = self.sub(name);
        Ok(GroupNorm::new(
            at.tensor("weight", &[channels])?,
            at.tensor("bias", &[channels])?,
            groups,
            eps,
        ))
    }

    /// A layer norm.
    ///
    /// # Errors
    /// When a tensor is missing or has another shape.
    pub fn layer_norm(&self, name: &str, width: usize, eps: f64) -> Result<LayerNorm> {
        let at = self.sub(name);
        Ok(LayerNorm::new(
            at.tensor("weight", &[width])?,
            at.tensor("bias", &[width])?,
            eps,
        ))
    }

    fn register(&self, name: String, slot: &AdapterSlot) {
        self.registry
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(name, slot.clone());
    }

    fn full(&self, name: &str) -> String {
        if self.prefix.is_empty() {
            name.to_owned()
        } else {
            format!("{}.{name}", self.prefix)
        }
    }

    /// Where a file keeps the tensor that diffusers calls `name`.
    fn find(&self, name: &str) -> Option<(String, Cut)> {
        let Source::Files { names, original, .. } = &*self.source else {
            return None;
        };
        if let Some(original) = original {
            return original.find(name);
        }
        if names.contains_key(name) {
            return Some((name.to_owned(), Cut::Whole));
        }
        // Attention of older VAEs.
        let older = [
            (".to_q.", ".query."),
            (".to_k.", ".key."),
            (".to_v.", ".value."),
            (".to_out.0.", ".proj_attn."),
        ];
        let older = older
            .iter()
            .find_map(|(now, then)| name.contains(now).then(|| name.replace(now, then)))?;
        names.contains_key(&older).then_some((older, Cut::Whole))
    }
}

/// The safetensors files of a model part.
fn find_files(folder: &Path, base_names: &[&str]) -> Result<Vec<PathBuf>> {
    for base in base_names {
        for variant in ["", ".fp16"] {
            let single = folder.join(format!("{base}{variant}.safetensors"));
            if single.is_file() {
                return Ok(vec![single]);
            }
            let index = folder.join(format!("{base}.safetensors.index{variant}.json"));
            if index.is_file() {
                return shards(folder, &index);
            }
        }
    }
    for pickle in base_names
        .iter()
        .flat_map(|base| [format!("{base}.bin"), "pytorch_model.bin".into()])
    {
        if folder.join(&pickle).is_file() {
            return Err(EngineError::FileUnsafe {
                file: folder.join(pickle),
            });
        }
    }
    Err(EngineError::FileMissing {
        file: folder.join(format!("{}.safetensors", base_names[0])),
    })
}

fn shards(folder: &Path, index: &Path) -> Result<Vec<PathBuf>> {
    let object = crate::config::read_object(index)?;
    let map = object.get("weight_map").and_then(|map| map.as_object());
    let map = map.ok_or_else(|| EngineError::invalid(index, FileFault::NotConfiguration, "it has no weight_map"))?;
    let mut names: Vec<_> = map.values().filter_map(|name| name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    names
        .into_iter()
        .map(|name| match Path::new(name).components().collect::<Vec<_>>()[..] {
            [std::path::Component::Normal(_)] => Ok(folder.join(name)),
            _ => Err(EngineError::invalid(
                index,
                FileFault::NotConfiguration,
                format!("it names a file outside its folder: {name}"),
            )),
        })
        .collect()
}

/// Numbers that depend on the name alone: uniform, with the variance 1 / inputs that keeps activations near 1; norms are 1, biases 0.
fn random(name: &str, shape: &[usize], device: &Device, dtype: DType) -> candle_core::Result<Tensor> {
    if name.ends_with(".bias") {
        return Tensor::zeros(shape, dtype, device);
    }
    if shape.len() == 1 {
        return Tensor::ones(shape, dtype, device);
    }
    let inputs: usize = shape[1..].iter().product();
    let range = (3.0 / inputs as f32).sqrt();
    let mut state = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
    });
    let values = (0..shape.iter().product())
        .map(|_| {
            // xorshift64. Marsaglia 2003.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            ((state >> 40) as f32 / 8_388_608.0 - 1.0) * range
        })
        .collect::<Vec<_>>();
    Tensor::from_vec(values, shape, &Device::Cpu)?
        .to_dtype(dtype)?
        .to_device(device)
}
