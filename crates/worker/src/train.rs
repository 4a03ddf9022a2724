//! A style from pictures.

use std::sync::atomic::Ordering;
use std::time::Instant;

use atelier_engine::Result;
use atelier_engine::model::Model;
use atelier_engine::train::{self, Control, TrainEvent, TrainPhase, TrainProgress, TrainRequest};
use atelier_worker_protocol::{
    Event, Health, HealthProblem, Outcome, Phase, Preflight, PreflightProblem, PreflightWarning, Preview, Progress,
    Train, TrainSettings, Trained, TrainingPicture,
};

use crate::device;
use crate::generate::pixels;
use crate::jobs::Order;
use crate::models::Models;

/// Steps whose mean is the final loss.
const FINAL_STEPS: usize = 50;

pub(crate) fn run(task: Train, models: &mut Models, order: &Order<'_>) -> Result<Outcome> {
    let began = Instant::now();
    let model = models.load(&task.model, task.dtype, order)?;
    let loading = began.elapsed();
    let request = request(task, &model);
    let mut curve = Curve::default();
    let trained = train::train(&model, &request, &mut |event| {
        if let TrainEvent::Progress(progress) = &event {
            let learns = matches!(progress.phase, TrainPhase::Training | TrainPhase::Sampling);
            order.wishes.worth_keeping.store(learns, Ordering::Relaxed);
        }
        tell(event, &mut curve, order);
        match (order.wishes.stops(), order.wishes.pauses()) {
            (true, _) => Control::Cancel,
            (false, true) => Control::Pause,
            (false, false) => Control::Continue,
        }
    });
    model.clear_adapters();
    let trained = trained?;
    let last = &trained.losses[trained.losses.len().saturating_sub(FINAL_STEPS)..];
    Ok(Outcome::Trained(Trained {
        output: trained.output,
        steps: trained.steps,
        resumed_at: trained.resumed_at,
        final_loss: last.iter().sum::<f64>() / last.len().max(1) as f64,
        seconds: loading.as_secs_f64() + trained.seconds,
        peak_memory_bytes: device::peak_memory(),
        health: Health {
            problems: trained.health.problems.into_iter().map(health_problem).collect(),
            layers: trained.health.layers,
            picture_difference: trained.health.picture_difference,
        },
    }))
}

pub(crate) fn preflight(task: Train, models: &mut Models, order: &Order<'_>) -> Result<Outcome> {
    let model = models.load(&task.model, task.dtype, order)?;
    let told = train::preflight(&model, &request(task, &model))?;
    Ok(Outcome::Preflight(Preflight {
        memory_bytes: told.memory_bytes,
        memory_available_bytes: told.memory_available_bytes,
        seconds: told.seconds,
        recompute: told.recompute,
        adapters: told.adapters,
        buckets: told.buckets,
        problems: told.problems.into_iter().map(problem).collect(),
        warnings: told.warnings.into_iter().map(warning).collect(),
    }))
}

fn health_problem(problem: train::HealthProblem) -> HealthProblem {
    match problem {
        train::HealthProblem::NotNumbers { layers } => HealthProblem::NotNumbers { layers },
        train::HealthProblem::NothingLearnt { layers } => HealthProblem::NothingLearnt { layers },
        train::HealthProblem::LayersLost { matched, layers } => HealthProblem::LayersLost { matched, layers },
        train::HealthProblem::PictureUnchanged => HealthProblem::PictureUnchanged,
    }
}

fn problem(problem: train::PreflightProblem) -> PreflightProblem {
    match problem {
        train::PreflightProblem::Setting { setting } => PreflightProblem::Setting {
            setting: setting.to_owned(),
        },
        train::PreflightProblem::Picture { file } => PreflightProblem::Picture { file },
        train::PreflightProblem::TooFewPictures { pictures, pictures_min } => {
            PreflightProblem::TooFewPictures { pictures, pictures_min }
        }
        train::PreflightProblem::NoName => PreflightProblem::NoName,
        train::PreflightProblem::Memory {
            needed_bytes,
            available_bytes,
        } => PreflightProblem::Memory {
            needed_bytes,
            available_bytes,
        },
    }
}

fn warning(warning: train::PreflightWarning) -> PreflightWarning {
    match warning {
        train::PreflightWarning::Untagged { pictures, all } => PreflightWarning::Untagged { pictures, all },
        train::PreflightWarning::Repeated { pictures } => PreflightWarning::Repeated { pictures },
        train::PreflightWarning::NotAllSeen { steps } => PreflightWarning::NotAllSeen { steps },
        train::PreflightWarning::Enlarged { pictures } => PreflightWarning::Enlarged { pictures },
    }
}

fn request(task: Train, model: &Model) -> TrainRequest {
    // The model is loaded already: what it takes is free no more, and needed no more.
    let free = || device::memory_available(&model.device).map(|free| free + model.weight_bytes());
    TrainRequest {
        trigger: task.trigger,
        pictures: task.pictures.into_iter().map(picture).collect(),
        folder: task.folder,
        output: task.output,
        metadata: task.metadata,
        resume: task.resume,
        memory_available_bytes: task.memory_available_bytes.or_else(free),
        settings: settings(task.settings),
    }
}

fn picture(picture: TrainingPicture) -> train::TrainingPicture {
    train::TrainingPicture {
        path: picture.path,
        crop: picture.crop,
        quarter_turns: picture.quarter_turns,
        tags: picture.tags,
    }
}

fn settings(settings: TrainSettings) -> train::TrainSettings {
    train::TrainSettings {
        steps: settings.steps,
        rank: settings.rank,
        alpha: settings.alpha,
        learning_rate: settings.learning_rate,
        warmup_steps: settings.warmup_steps,
        weight_decay: settings.weight_decay,
        batch: settings.batch,
        accumulation: settings.accumulation,
        min_snr_gamma: settings.min_snr_gamma,
        caption_dropout: settings.caption_dropout,
        feed_forward: settings.feed_forward,
        convolutions: settings.convolutions,
        text_encoder: settings.text_encoder,
        flip: settings.flip,
        resolution: settings.resolution,
        recompute: settings.recompute,
        checkpoint_every: settings.checkpoint_every,
        sample_every: settings.sample_every,
        samples: settings.samples,
        seed: settings.seed,
    }
}

/// Losses since progress was last said: a message carries their mean.
#[derive(Default)]
struct Curve {
    sum: f64,
    count: u32,
}

fn tell(event: TrainEvent, curve: &mut Curve, order: &Order<'_>) {
    match event {
        TrainEvent::Progress(progress) => {
            if order.voice.progress(order.job, said(progress, curve)) {
                *curve = Curve::default();
            }
        }
        TrainEvent::Sample { step, index, picture } => order.voice.say(&Event::Preview {
            job: order.job,
            preview: Preview {
                step,
                index,
                pixels: pixels(picture),
            },
        }),
        TrainEvent::Checkpoint { step } => tracing::info!(step, "checkpoint"),
    }
}

fn said(progress: TrainProgress, curve: &mut Curve) -> Progress {
    let loss = progress.loss.map(|loss| {
        curve.sum += loss;
        curve.count += 1;
        curve.sum / f64::from(curve.count)
    });
    Progress {
        phase: match progress.phase {
            TrainPhase::Encoding => Phase::Encoding,
            TrainPhase::Training => Phase::Training,
            TrainPhase::Sampling => Phase::Sampling,
            TrainPhase::Checking => Phase::Checking,
        },
        step: progress.step,
        steps: progress.steps,
        loss,
        learning_rate: progress.learning_rate,
        seconds_left: progress.seconds_left,
    }
}
