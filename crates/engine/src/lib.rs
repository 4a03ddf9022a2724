//! Pictures from tags and styles from pictures: networks, samplers, LoRA, training and the formats of their files.
//!
//! One model description (configuration and weights) goes in; the same text encoder, UNet and VAE serve the starter model,
//! SD 1.5 and SDXL. The engine knows no users, network, databases or processes, and touches no path that it was not given.

pub mod adapter;
pub mod config;
pub mod device;
pub mod error;
pub mod generate;
pub mod layers;
pub mod lora;
pub mod measure;
pub mod model;
pub mod noise;
pub mod ops;
pub mod probe;
pub mod samplers;
pub mod schedule;
pub mod text_encoder;
pub mod tokenizer;
pub mod train;
pub mod unet;
pub mod vae;
pub mod weights;

pub use error::{EngineError, FileFault, ModelFault, RequestFault, Result};
