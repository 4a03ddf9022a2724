//! What a file is, and whether it can be used.

use std::path::Path;

use atelier_engine::Result;
use atelier_engine::lora::LoraFile;
use atelier_engine::model::Architecture;
use atelier_worker_protocol::{ModelFacts, Outcome, Receipt};

use crate::jobs::Order;
use crate::models::Models;

/// Widest level of SD 1.5's UNet; models of its family that are narrower are small ones.
const SD15_WIDTH: usize = 1280;

/// Whether a LoRA fits a model, layer by layer.
pub(crate) fn lora(model: &Path, lora: &Path, models: &mut Models, order: &Order<'_>) -> Result<Outcome> {
    // The file first: it is much the smaller one.
    let file = LoraFile::read(lora)?;
    let model = models.load(model, None, order)?;
    Ok(Outcome::Checked(receipt(file.check(&model)?)))
}

/// What a base model is. It is loaded whole, which is the only proof that it can be.
pub(crate) fn model(path: &Path, models: &mut Models, order: &Order<'_>) -> Result<Outcome> {
    let model = models.load(path, None, order)?;
    let widest = model.unet_config.block_out_channels.iter().max();
    let architecture = match model.architecture {
        Architecture::Sdxl => "sdxl",
        Architecture::Sd15 if widest.is_some_and(|&widest| widest < SD15_WIDTH) => "sd15-small",
        Architecture::Sd15 => "sd15",
    };
    Ok(Outcome::Model(ModelFacts {
        architecture: architecture.to_owned(),
        single_file: path.is_file(),
        parameters: model.parameters,
        native_size: model.native_size() as u32,
        vae_factor: model.vae_config.factor() as u32,
    }))
}

/// A receipt in the words of the protocol.
pub(crate) fn receipt(receipt: atelier_engine::lora::Receipt) -> Receipt {
    Receipt {
        lora: receipt.file,
        layers_matched: receipt.layers_matched as u32,
        layers: receipt.layers as u32,
        made_for: receipt.made_for,
        base_model_matches: receipt.base_model_matches,
        strength: receipt.strength,
    }
}
