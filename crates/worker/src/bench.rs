//! Speed and memory.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use atelier_engine::model::Model;
use atelier_engine::{EngineError, RequestFault, Result, measure};
use atelier_worker_protocol::{Bench, BenchPart, Measured, Outcome, Phase};

use crate::device;
use crate::jobs::Order;
use crate::models::{Models, format};

/// Architectures that can be made with random weights.
const KNOWN: [&str; 3] = ["sd15", "sdxl", "tiny"];

pub(crate) fn run(task: &Bench, models: &mut Models, order: &Order<'_>) -> Result<Outcome> {
    if task.repeat == 0 {
        return Err(EngineError::RequestInvalid(RequestFault::Setting { setting: "repeat" }));
    }
    let model = if KNOWN.contains(&task.arch.as_str()) {
        models.forget();
        order.progress(Phase::Loading, 0, 0, None);
        Arc::new(Model::random(&task.arch, models.device(), format(task.dtype))?)
    } else {
        models.load(Path::new(&task.arch), Some(task.dtype), order)?
    };
    let (size, batch) = (task.size as usize, task.batch as usize);
    let mut work = match task.what {
        BenchPart::Unet => measure::unet(&model, size, batch)?,
        BenchPart::Vae => measure::vae(&model, size, batch)?,
        BenchPart::Generate => measure::picture(&model, size, batch)?,
        BenchPart::Train => measure::training_step(&model, size, batch)?,
    };
    // What is made on first use is not measured.
    work()?;
    let mut seconds = Vec::with_capacity(task.repeat as usize);
    for i in 0..task.repeat {
        let began = Instant::now();
        work()?;
        seconds.push(began.elapsed().as_secs_f64());
        order.progress(Phase::Denoising, i + 1, task.repeat, None);
    }
    drop(work);
    model.clear_adapters();
    Ok(Outcome::Measured(Measured {
        what: task.what,
        arch: task.arch.clone(),
        device: name(models.device()).to_owned(),
        dtype: task.dtype,
        size: task.size,
        batch: task.batch,
        median_s: median(&seconds),
        seconds,
        peak_rss_mb: device::peak_memory() as f64 / 1e6,
    }))
}

fn name(device: &candle_core::Device) -> &'static str {
    match device {
        candle_core::Device::Cpu => "cpu",
        candle_core::Device::Cuda(_) => "cuda:0",
        candle_core::Device::Metal(_) => "metal",
    }
}

fn median(seconds: &[f64]) -> f64 {
    let mut sorted = seconds.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 {
        sorted[middle]
    } else {
        f64::midpoint(sorted[middle - 1], sorted[middle])
    }
}
