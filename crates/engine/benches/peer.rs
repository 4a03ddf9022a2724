//! One pass of SD 1.5's UNet (batch 2, 512×512, f32, random weights), the engine beside candle-transformers, in turn in one run.
//!
//! Prints one JSON object: seconds of each pass, the medians, and their ratio.

use std::time::Instant;

use atelier_engine::model::Model;
use atelier_engine::unet::Conditioning;
use candle_core::{DType, Device, Tensor};
use candle_nn::{VarBuilder, VarMap};
use candle_transformers::models::stable_diffusion::unet_2d::{UNet2DConditionModel, UNet2DConditionModelConfig};

const ROUNDS: usize = 3;

fn main() -> anyhow::Result<()> {
    let device = Device::Cpu;
    let sample = Tensor::randn(0f32, 1.0, (2, 4, 64, 64), &device)?;
    let context = Tensor::randn(0f32, 1.0, (2, 77, 768), &device)?;
    let timestep = Tensor::new(&[500f32, 500.0], &device)?;
    let ours = Model::random("sd15", &device, DType::F32)?;
    let variables = VarMap::new();
    let builder = VarBuilder::from_varmap(&variables, DType::F32, &device);
    let config = UNet2DConditionModelConfig {
        cross_attention_dim: 768,
        ..Default::default()
    };
    let theirs = UNet2DConditionModel::new(builder, 4, 4, false, config)?;
    let conditioning = Conditioning {
        context: context.clone(),
        added: None,
    };
    let (mut engine, mut peer) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        engine.push(seconds(|| {
            Ok(ours.unet.forward(&sample, &timestep, &conditioning, None)?)
        })?);
        peer.push(seconds(|| Ok(theirs.forward(&sample, 500.0, &context)?))?);
    }
    let (ours, theirs) = (median(&engine), median(&peer));
    let report = serde_json::json!({
        "what": "unet", "arch": "sd15", "device": "cpu", "dtype": "f32", "size": 512, "batch": 2,
        "engine_s": engine, "candle_transformers_s": peer,
        "engine_median_s": ours, "candle_transformers_median_s": theirs, "times_faster": theirs / ours,
    });
    use std::io::Write;
    Ok(writeln!(std::io::stdout(), "{report}")?)
}

fn seconds(pass: impl Fn() -> anyhow::Result<Tensor>) -> anyhow::Result<f64> {
    let began = Instant::now();
    pass()?.sum_all()?.to_scalar::<f32>()?;
    Ok(began.elapsed().as_secs_f64())
}

fn median(seconds: &[f64]) -> f64 {
    let mut sorted = seconds.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}
