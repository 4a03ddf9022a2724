//! The operators of the networks: a forward pass and a backward pass that yields the gradient of its input alone.
//!
//! Weights are frozen everywhere in this engine; what learns are adapters (`crate::adapter`). So no operator here keeps or
//! computes the gradient of a weight. On the processor, in f32, they run on kernels of their own (`f32` in, `f32` out, all
//! cores); elsewhere they are put together from candle's primitives. candle's own fused norms, softmax and attention have no
//! backward pass and must not be used where something learns.

mod activation;
mod attention;
mod convolution;
mod cpu;
mod gradient;
mod interrupt;
mod linear;
mod matmul;
mod normalization;
mod resample;
#[cfg(test)]
mod tests;

pub use activation::{geglu, gelu, quick_gelu, silu};
pub use attention::attention;
pub use convolution::{Convolution, conv2d, conv2d_trainable};
pub(crate) use gradient::without_recording;
pub use gradient::{AdapterGradients, checkpoint, is_recording};
pub(crate) use interrupt::go_on;
pub use interrupt::interruptible;
pub use linear::{linear, linear_adapted};
pub use normalization::{group_norm, group_norm_silu, layer_norm};
pub use resample::upsample_nearest;
