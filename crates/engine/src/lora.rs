//! LoRA files: read in every naming that is in use, applied with a receipt, written for others to read.

mod learn;
mod naming;
mod write;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use candle_core::{DType, Tensor};

pub use learn::LearningLayer;
pub use naming::Naming;
pub use write::{LoraLayer, write};

use crate::adapter::AdapterSlot;
use crate::error::{EngineError, FileFault, Result};
use crate::model::{Architecture, Model};
use crate::weights::SafeTensors;
use naming::{Names, Piece};

/// A LoRA file, read but not yet met with a model.
pub struct LoraFile {
    path: PathBuf,
    /// By the name that the file gives the layer.
    layers: BTreeMap<String, Raw>,
    metadata: BTreeMap<String, String>,
    naming: Naming,
}

/// One layer of a file.
struct Raw {
    /// Of `down` and `up`, in the file.
    names: [String; 2],
    down: Tensor,
    up: Tensor,
    alpha: Option<f64>,
}

/// How a LoRA met a model.
#[derive(Debug, Clone)]
pub struct Receipt {
    /// The file.
    pub file: PathBuf,
    /// Layers that found their place.
    pub layers_matched: usize,
    /// Layers in the file.
    pub layers: usize,
    /// What the file says (or its shapes tell) it was made for.
    pub made_for: Option<String>,
    /// Whether that is the model's architecture.
    pub base_model_matches: bool,
    /// How strongly it counts.
    pub strength: f64,
}

impl LoraFile {
    /// Reads a file in kohya, PEFT or older diffusers naming.
    ///
    /// # Errors
    /// When the file is not sound, holds no LoRA, or holds one of a kind that is not supported.
    pub fn read(path: &Path) -> Result<Self> {
        let file = SafeTensors::open(path)?;
        type Found = (Option<(String, Tensor)>, Option<(String, Tensor)>, Option<f64>);
        let mut parts: BTreeMap<String, Found> = BTreeMap::new();
        let mut naming = None;
        for name in file.names() {
            let Some((layer, piece, how)) = naming::split(name) else {
                let other = [
                    "hada_",
                    "lokr_",
                    "oft_",
                    "dora_scale",
                    "lora_mid",
                    "lora_magnitude",
                    "diff",
                ];
                let fault = match other.iter().find(|kind| name.contains(*kind)) {
                    Some(kind) => FileFault::OtherAdapter {
                        adapter: kind.trim_end_matches('_').to_owned(),
                    },
                    None => FileFault::NotALora,
                };
                return Err(EngineError::invalid(
                    path,
                    fault,
                    format!("the tensor {name} is not part of a LoRA"),
                ));
            };
            let entry = parts.entry(layer).or_default();
            match piece {
                Piece::Down => entry.0 = Some((name.to_owned(), file.load(name, DType::F32)?)),
                Piece::Up => entry.1 = Some((name.to_owned(), file.load(name, DType::F32)?)),
                Piece::Alpha => {
                    let alpha = file.load(name, DType::F32)?.flatten_all()?.to_vec1::<f32>()?;
                    entry.2 = alpha.first().map(|&alpha| f64::from(alpha));
                }
            }
            naming = naming.or(how);
        }
        let metadata = file.metadata().clone();
        let mut layers = BTreeMap::new();
        for (name, (down, up, alpha)) in parts {
            let (Some((down_name, down)), Some((up_name, up))) = (down, up) else {
                return Err(EngineError::invalid(
                    path,
                    FileFault::LayerIncomplete { layer: name.clone() },
                    format!("the layer {name} has only one of its two matrices"),
                ));
            };
            if down.rank() < 2 || up.rank() < 2 || down.dim(0)? != up.dim(1)? || down.dim(0)? == 0 {
                let shapes = format!("{:?} and {:?}", down.dims(), up.dims());
                return Err(EngineError::invalid(
                    path,
                    FileFault::LayerIncomplete { layer: name.clone() },
                    format!("the matrices of layer {name} do not fit each other: {shapes}"),
                ));
            }
            let alpha = alpha
                .filter(|&alpha| alpha != 0.0)
                .or_else(|| naming::peft_alpha(&metadata, &name));
            let names = [down_name, up_name];
            layers.insert(name, Raw { names, down, up, alpha });
        }
        Ok(Self {
            path: path.to_owned(),
            layers,
            metadata,
            naming: naming.unwrap_or(Naming::Kohya),
        })
    }

    /// Its `__metadata__`.
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.metadata
    }

    /// The naming it came in.
    pub fn naming(&self) -> Naming {
        self.naming
    }

    /// What the file says it was made for, or what its shapes tell: `sd15`, `sd2`, `sdxl`.
    pub fn made_for(&self) -> Option<String> {
        let said = |key: &str| self.metadata.get(key).map(|value| value.to_lowercase());
        let version = said("ss_base_model_version").or_else(|| said("modelspec.architecture"));
        if let Some(version) = version {
            if version.contains("xl") {
                return Some("sdxl".into());
            }
            if version.contains("v2") || said("ss_v2").is_some_and(|v2| v2 == "true") {
                return Some("sd2".into());
            }
            if version.contains("v1") || version.contains("1.5") {
                return Some("sd15".into());
            }
            return Some(version);
        }
        if self
            .layers
            .keys()
            .any(|name| name.starts_with("lora_te2_") || name.starts_with("text_encoder_2."))
        {
            return Some("sdxl".into());
        }
        // The width of the prompt's states tells the family.
        let context = self
            .layers
            .iter()
            .find(|(name, _)| name.contains("attn2") && name.contains("to_k"));
        match context.and_then(|(_, raw)| raw.down.dim(1).ok()) {
            Some(768) => Some("sd15".into()),
            Some(1024) => Some("sd2".into()),
            Some(2048) => Some("sdxl".into()),
            _ => None,
        }
    }

    /// Adds the LoRA to what the model's layers multiply with, all of it or nothing.
    ///
    /// # Errors
    /// [`EngineError::LoraForOtherModel`], [`EngineError::LoraMismatch`] with the names that found no place.
    pub fn apply(&self, model: &Model, strength: f64) -> Result<Receipt> {
        let (receipt, places) = self.meet(model, strength)?;
        for (raw, slot) in places {
            let delta = raw.delta(slot.weight().dims(), strength)?.to_device(&model.device)?;
            slot.merge(&delta)?;
        }
        Ok(receipt)
    }

    /// Whether it would apply, and how.
    ///
    /// # Errors
    /// As [`apply`](Self::apply).
    pub fn check(&self, model: &Model) -> Result<Receipt> {
        Ok(self.meet(model, 1.0)?.0)
    }

    /// Its layers by the names that diffusers gives the model's.
    ///
    /// # Errors
    /// As [`apply`](Self::apply).
    pub fn layers_of(&self, model: &Model) -> Result<Vec<LoraLayer>> {
        self.meet(model, 1.0)?;
        let names = Names::of(model);
        let layers = self.layers.iter().filter_map(|(name, raw)| {
            let (part, layer, _) = names.find(name)?;
            let alpha = raw.alpha.unwrap_or(raw.down.dim(0).ok()? as f64);
            Some(LoraLayer {
                part,
                name: layer.to_owned(),
                down: raw.down.clone(),
                up: raw.up.clone(),
                alpha,
            })
        });
        Ok(layers.collect())
    }

    fn meet<'a>(&'a self, model: &'a Model, strength: f64) -> Result<(Receipt, Vec<(&'a Raw, &'a AdapterSlot)>)> {
        let made_for = self.made_for();
        let model_is = model.architecture.name();
        let matches = made_for.as_deref().is_none_or(|made_for| made_for == model_is);
        let names = Names::of(model);
        let (mut places, mut missing) = (Vec::new(), Vec::new());
        for (name, raw) in &self.layers {
            match names.find(name) {
                Some((_, _, slot)) if raw.fits(slot.weight().dims()) => places.push((raw, slot)),
                _ => missing.push(name.clone()),
            }
        }
        if !matches && !missing.is_empty() {
            let made_for = made_for.unwrap_or_default();
            return Err(EngineError::LoraForOtherModel {
                file: self.path.clone(),
                made_for,
                model: model_is.into(),
            });
        }
        if places.is_empty() || !missing.is_empty() {
            let (file, matched, layers) = (self.path.clone(), places.len(), self.layers.len());
            return Err(EngineError::LoraMismatch {
                file,
                matched,
                layers,
                missing,
            });
        }
        let receipt = Receipt {
            file: self.path.clone(),
            layers_matched: places.len(),
            layers: self.layers.len(),
            made_for,
            base_model_matches: matches,
            strength,
        };
        Ok((receipt, places))
    }
}

impl Raw {
    /// Whether up·down has as many numbers as a weight of this shape, on its two sides.
    fn fits(&self, weight: &[usize]) -> bool {
        let (rank, outputs) = (self.down.dims()[0], self.up.dims()[0]);
        weight[0] == outputs
            && self.down.elem_count() == rank * weight[1..].iter().product::<usize>()
            && self.up.elem_count() == outputs * rank
    }

    /// strength·alpha/rank·up·down, in the shape of the weight.
    fn delta(&self, weight: &[usize], strength: f64) -> Result<Tensor> {
        let rank = self.down.dim(0)?;
        let scale = strength * self.alpha.map_or(1.0, |alpha| alpha / rank as f64);
        let (down, up) = (self.down.reshape((rank, ()))?, self.up.reshape(((), rank))?);
        Ok((up.matmul(&down)? * scale)?.reshape(weight)?)
    }
}

impl Model {
    /// What others read in `ss_base_model_version` and `modelspec.architecture` of a LoRA for this model.
    pub fn lora_base(&self) -> (&'static str, &'static str) {
        match self.architecture {
            Architecture::Sd15 => ("sd_v1", "stable-diffusion-v1/lora"),
            Architecture::Sdxl => ("sdxl_base_v1-0", "stable-diffusion-xl-v1-base/lora"),
        }
    }
}
