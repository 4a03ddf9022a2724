//! Where LoRA meets a layer. Hu et al. 2021, "LoRA: Low-Rank Adaptation of Large Language Models".

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use candle_core::{Result, Tensor, Var};

use crate::ops::{self, Convolution};

/// The kind of layer behind a slot, as far as an adapter must know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LayerKind {
    /// Weight `[out, in]`.
    Linear,
    /// Weight `[out, in, k, k]`.
    Conv2d(Convolution),
}

/// What a layer adds to its frozen weight.
#[derive(Clone)]
enum Adapted {
    Nothing,
    /// Finished adapters, summed into a weight of its own; the frozen one stays as it is.
    Merged(Tensor),
    Learning(Learning),
}

/// An adapter that learns: x → `scale`·up(down(x)).
#[derive(Clone)]
pub struct Learning {
    /// `[r, in]`, or `[r, in, k, k]`.
    pub down: Var,
    /// `[out, r]`, or `[out, r, 1, 1]`.
    pub up: Var,
    /// alpha / rank.
    pub scale: f64,
}

/// A layer's place for adapters. Clones are handles to the same place.
#[derive(Clone)]
pub struct AdapterSlot {
    kind: LayerKind,
    weight: Tensor,
    adapted: Arc<RwLock<Adapted>>,
}

/// Slots by the names that diffusers gives their layers, such as
/// `down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q`.
pub type AdapterRegistry = BTreeMap<String, AdapterSlot>;

impl AdapterSlot {
    pub(crate) fn new(kind: LayerKind, weight: Tensor) -> Self {
        Self {
            kind,
            weight,
            adapted: Arc::new(RwLock::new(Adapted::Nothing)),
        }
    }

    /// What kind of layer this is.
    pub fn kind(&self) -> LayerKind {
        self.kind
    }

    /// The frozen weight.
    pub fn weight(&self) -> &Tensor {
        &self.weight
    }

    /// Adds `delta`, in the shape of the weight, to what the layer multiplies with.
    ///
    /// # Errors
    /// When the shapes differ or the device fails.
    pub fn merge(&self, delta: &Tensor) -> Result<()> {
        let mut adapted = self.adapted.write().unwrap_or_else(PoisonError::into_inner);
        let before = match &*adapted {
            Adapted::Merged(weight) => weight,
            Adapted::Nothing | Adapted::Learning(_) => &self.weight,
        };
        let sum = (before + delta.to_dtype(before.dtype())?)?;
        *adapted = Adapted::Merged(sum);
        Ok(())
    }

    /// Puts an adapter here that learns.
    pub fn learn(&self, adapter: Learning) {
        *self.adapted.write().unwrap_or_else(PoisonError::into_inner) = Adapted::Learning(adapter);
    }

    /// Takes away what was merged or learns here; the layer is again exactly what its file says.
    pub fn clear(&self) {
        *self.adapted.write().unwrap_or_else(PoisonError::into_inner) = Adapted::Nothing;
    }

    pub(crate) fn forward(&self, x: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
        let adapted = self.adapted.read().unwrap_or_else(PoisonError::into_inner).clone();
        match adapted {
            Adapted::Nothing => self.frozen(x, &self.weight, bias),
            Adapted::Merged(weight) => self.frozen(x, &weight, bias),
            Adapted::Learning(adapter) => self.learning(x, bias, &adapter),
        }
    }

    fn frozen(&self, x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
        match self.kind {
            LayerKind::Linear => ops::linear(x, weight, bias),
            LayerKind::Conv2d(by) => ops::conv2d(x, weight, bias, by),
        }
    }

    fn learning(&self, x: &Tensor, bias: Option<&Tensor>, adapter: &Learning) -> Result<Tensor> {
        let variable = |var: &Var| {
            if ops::is_recording() {
                var.as_tensor().clone()
            } else {
                var.as_detached_tensor()
            }
        };
        let (down, up) = (variable(&adapter.down), variable(&adapter.up));
        match self.kind {
            LayerKind::Linear => ops::linear_adapted(x, &self.weight, bias, &down, &up, adapter.scale),
            LayerKind::Conv2d(by) => {
                // The adapter computes in its own format (f32) whatever the network's is.
                let inside = ops::conv2d_trainable(&x.to_dtype(down.dtype())?, &down, by)?;
                let branch = ops::conv2d_trainable(&inside, &up, Convolution { stride: 1, padding: 0 })?;
                self.frozen(x, &self.weight, bias)? + (branch * adapter.scale)?.to_dtype(x.dtype())?
            }
        }
    }
}
