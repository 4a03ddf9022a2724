//! Which layers learn, and how their adapters begin.

use candle_core::{DType, Tensor, Var};

use super::chance::Chance;
use super::request::TrainSettings;
use crate::adapter::{AdapterSlot, Learning};
use crate::error::{EngineError, RequestFault, Result};
use crate::model::{Architecture, Model};

/// Part of a model that a layer belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AdaptedPart {
    /// The noise predictor.
    Unet,
    /// A text encoder by its number.
    Text(usize),
}

/// A layer that learns.
pub(super) struct Adapter {
    pub(super) part: AdaptedPart,
    /// As diffusers calls it.
    pub(super) name: String,
    pub(super) learning: Learning,
    slot: AdapterSlot,
}

/// All layers that learn. While it lives they carry their adapters; afterwards the model is as its file says.
pub(super) struct Adapters(Vec<Adapter>);

impl Drop for Adapters {
    fn drop(&mut self) {
        self.0.iter().for_each(|adapter| adapter.slot.clear());
    }
}

/// The layers that `settings` name, the UNet's first, by name.
pub(super) fn targets(model: &Model, settings: &TrainSettings) -> Vec<(AdaptedPart, String, AdapterSlot)> {
    let mut targets = Vec::new();
    for (name, slot) in &model.unet_slots {
        if learns_in_unet(name, settings) {
            targets.push((AdaptedPart::Unet, name.clone(), slot.clone()));
        }
    }
    if settings.text_encoder {
        for (i, part) in model.text.iter().enumerate() {
            let unread = unread_layer(model, i);
            let slots = part.slots.iter().filter(|(name, _)| {
                name.contains(".self_attn.") && !unread.as_ref().is_some_and(|layer| name.contains(layer))
            });
            targets.extend(slots.map(|(name, slot)| (AdaptedPart::Text(i), name.clone(), slot.clone())));
        }
    }
    targets
}

/// The last layer of SDXL's first text encoder: the prompt is read before it, so that it could learn nothing.
fn unread_layer(model: &Model, encoder: usize) -> Option<String> {
    let unread = model.architecture == Architecture::Sdxl && encoder == 0;
    unread.then(|| format!(".layers.{}.", model.text[encoder].config.num_hidden_layers - 1))
}

fn learns_in_unet(name: &str, settings: &TrainSettings) -> bool {
    let attention = name.contains(".attn1.") || name.contains(".attn2.");
    let feed_forward = name.contains(".ff.net.");
    let convolution = name.contains(".resnets.") && name.contains(".conv");
    attention || (settings.feed_forward && feed_forward) || (settings.convolutions && convolution)
}

impl Adapters {
    /// Puts fresh adapters into the model: the way down uniform within ±1/√fan-in (PyTorch's default, Kaiming with a = √5), the way up zero,
    /// so that the model does at first what it did.
    pub(super) fn new(model: &Model, settings: &TrainSettings) -> Result<Self> {
        let targets = targets(model, settings);
        if targets.is_empty() {
            return Err(EngineError::RequestInvalid(RequestFault::NothingToAdapt));
        }
        let mut adapters = Self(Vec::with_capacity(targets.len()));
        for (part, name, slot) in targets {
            let learning = fresh(&name, &slot, settings)?;
            slot.learn(learning.clone());
            adapters.0.push(Adapter {
                part,
                name,
                learning,
                slot,
            });
        }
        Ok(adapters)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Adapter> {
        self.0.iter()
    }

    pub(super) fn count(&self) -> u32 {
        self.0.len() as u32
    }

    /// Down and up of every layer, in order.
    pub(super) fn parameters(&self) -> Vec<Var> {
        let pairs = self.iter().map(|adapter| &adapter.learning);
        pairs
            .flat_map(|learning| [learning.down.clone(), learning.up.clone()])
            .collect()
    }

    /// Names and shapes of all adapters, to tell whether a checkpoint is one of these.
    pub(super) fn layout(&self) -> String {
        let lines = self.iter().map(|adapter| {
            let (down, up) = (adapter.learning.down.dims(), adapter.learning.up.dims());
            format!("{:?} {} {down:?} {up:?}\n", adapter.part, adapter.name)
        });
        lines.collect()
    }
}

fn fresh(name: &str, slot: &AdapterSlot, settings: &TrainSettings) -> Result<Learning> {
    let weight = slot.weight();
    let rank = settings.rank as usize;
    let (mut down, mut up) = (weight.dims().to_vec(), vec![1; weight.rank()]);
    (up[0], up[1]) = (weight.dim(0)?, rank);
    down[0] = rank;
    let count: usize = down.iter().product();
    let bound = ((count / rank) as f64).powf(-0.5);
    let mut chance = Chance::new(settings.seed, name, 0);
    let numbers: Vec<f32> = (0..count)
        .map(|_| ((2.0 * chance.uniform() - 1.0) * bound) as f32)
        .collect();
    Ok(Learning {
        down: Var::from_tensor(&Tensor::from_vec(numbers, down, weight.device())?)?,
        up: Var::zeros(up, DType::F32, weight.device())?,
        scale: settings.scale(),
    })
}
