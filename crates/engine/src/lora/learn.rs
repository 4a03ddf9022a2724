//! A LoRA file's tensors as what learns: to continue a training, or to compare gradients with another implementation.

use candle_core::Var;

use super::LoraFile;
use crate::adapter::Learning;
use crate::error::Result;
use crate::model::Model;
use crate::train::AdaptedPart;

/// A layer's adapter that learns, with the names of its tensors in the file.
pub struct LearningLayer {
    /// Part of the model.
    pub part: AdaptedPart,
    /// Name and shape of `down` in the file; its [`Var`] has the shape that the layer wants.
    pub down_in_file: (String, Vec<usize>),
    /// Likewise of `up`.
    pub up_in_file: (String, Vec<usize>),
    /// What learns.
    pub learning: Learning,
}

impl LoraFile {
    /// Puts the LoRA into the model so that it learns, in place of any other adapter; [`Model::clear_adapters`] takes it out again.
    ///
    /// # Errors
    /// As [`apply`](Self::apply).
    pub fn learn(&self, model: &Model, strength: f64) -> Result<Vec<LearningLayer>> {
        let (_, places) = self.meet(model, strength)?;
        let parts = self.layers_of(model)?;
        model.clear_adapters();
        let mut layers = Vec::with_capacity(places.len());
        for ((raw, slot), layer) in places.into_iter().zip(parts) {
            let rank = raw.down.dim(0)?;
            let (mut down, mut up) = (slot.weight().dims().to_vec(), vec![1; slot.weight().rank()]);
            (up[0], up[1]) = (slot.weight().dim(0)?, rank);
            down[0] = rank;
            let learning = Learning {
                down: Var::from_tensor(&raw.down.reshape(down)?.to_device(&model.device)?)?,
                up: Var::from_tensor(&raw.up.reshape(up)?.to_device(&model.device)?)?,
                scale: strength * layer.alpha / rank as f64,
            };
            slot.learn(learning.clone());
            let [down_name, up_name] = raw.names.clone();
            layers.push(LearningLayer {
                part: layer.part,
                down_in_file: (down_name, raw.down.dims().to_vec()),
                up_in_file: (up_name, raw.up.dims().to_vec()),
                learning,
            });
        }
        Ok(layers)
    }
}
