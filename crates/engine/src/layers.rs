//! Layers with frozen weights.

use candle_core::{Result, Tensor};

use crate::adapter::{AdapterSlot, LayerKind};
use crate::ops::{self, Convolution};

/// x·Wᵀ + b over the last dimension.
pub struct Linear {
    slot: AdapterSlot,
    bias: Option<Tensor>,
}

impl Linear {
    /// Weight `[out, in]`, bias `[out]`.
    pub fn new(weight: Tensor, bias: Option<Tensor>) -> Self {
        Self {
            slot: AdapterSlot::new(LayerKind::Linear, weight),
            bias,
        }
    }

    /// Where adapters go.
    pub fn slot(&self) -> &AdapterSlot {
        &self.slot
    }

    /// `[…, in]` → `[…, out]`.
    ///
    /// # Errors
    /// When the shapes do not fit or the device fails.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.slot.forward(x, self.bias.as_ref())
    }
}

/// Convolution over `[B, C, H, W]`.
pub struct Conv2d {
    slot: AdapterSlot,
    bias: Option<Tensor>,
}

impl Conv2d {
    /// Weight `[O, C, k, k]`, bias `[O]`.
    pub fn new(weight: Tensor, bias: Option<Tensor>, by: Convolution) -> Self {
        Self {
            slot: AdapterSlot::new(LayerKind::Conv2d(by), weight),
            bias,
        }
    }

    /// Where adapters go.
    pub fn slot(&self) -> &AdapterSlot {
        &self.slot
    }

    /// `[B, C, H, W]` → `[B, O, H', W']`.
    ///
    /// # Errors
    /// When the shapes do not fit or the device fails.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.slot.forward(x, self.bias.as_ref())
    }
}

/// Group normalization over `[B, C, …]`.
pub struct GroupNorm {
    weight: Tensor,
    bias: Tensor,
    groups: usize,
    eps: f64,
}

impl GroupNorm {
    /// Weight and bias `[C]`.
    pub fn new(weight: Tensor, bias: Tensor, groups: usize, eps: f64) -> Self {
        Self {
            weight,
            bias,
            groups,
            eps,
        }
    }

    /// The same shape.
    ///
    /// # Errors
    /// When the shapes do not fit or the device fails.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        ops::group_norm(x, self.groups, &self.weight, &self.bias, self.eps)
    }

    /// Followed by SiLU.
    ///
    /// # Errors
    /// When the shapes do not fit or the device fails.
    pub fn forward_silu(&self, x: &Tensor) -> Result<Tensor> {
        ops::group_norm_silu(x, self.groups, &self.weight, &self.bias, self.eps)
    }
}

/// Layer normalization over the last dimension.
pub struct LayerNorm {
    weight: Tensor,
    bias: Tensor,
    eps: f64,
}

impl LayerNorm {
    /// Weight and bias `[C]`.
    pub fn new(weight: Tensor, bias: Tensor, eps: f64) -> Self {
        Self { weight, bias, eps }
    }

    /// The same shape.
    ///
    /// # Errors
    /// When the shapes do not fit or the device fails.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        ops::layer_norm(x, &self.weight, &self.bias, self.eps)
    }
}
