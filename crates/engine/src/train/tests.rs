//! Whole trainings of the smallest model.

use std::path::Path;

use candle_core::{DType, Device};
use image::{Rgb, RgbImage};

use super::*;
use crate::adapter::LayerKind;
use crate::error::EngineError;

fn model() -> Model {
    Model::random("tiny", &Device::Cpu, DType::F32).expect("the smallest model fits into memory")
}

/// A request with twelve striped pictures of two shapes in `folder`.
fn request(folder: &Path, steps: u32) -> TrainRequest {
    let pictures = (0..12u32).map(|i| {
        let (width, height) = if i % 3 == 0 { (96, 64) } else { (64, 64) };
        let stripes = RgbImage::from_fn(width, height, |x, y| {
            Rgb([(x * 5 + i) as u8, (y * 3) as u8, (i * 20) as u8])
        });
        let path = folder.join(format!("{i}.png"));
        stripes.save(&path).expect("the folder can be written");
        TrainingPicture {
            path,
            crop: None,
            quarter_turns: 0,
            tags: vec!["stripes".into(), format!("number {i}")],
        }
    });
    TrainRequest {
        trigger: "striped".into(),
        pictures: pictures.collect(),
        folder: folder.to_owned(),
        output: folder.join("style.safetensors"),
        metadata: [("modelspec.author".to_owned(), "somebody".to_owned())].into(),
        resume: true,
        memory_available_bytes: None,
        settings: TrainSettings {
            steps,
            rank: 4,
            alpha: 4.0,
            learning_rate: 2e-3,
            warmup_steps: 2,
            weight_decay: 0.01,
            batch: 2,
            accumulation: 2,
            min_snr_gamma: Some(5.0),
            caption_dropout: 0.1,
            feed_forward: false,
            convolutions: false,
            text_encoder: false,
            flip: true,
            resolution: 64,
            recompute: Some(false),
            checkpoint_every: 3,
            sample_every: 0,
            samples: vec![("stripes".into(), 5)],
            seed: 11,
        },
    }
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn go_on(_: TrainEvent) -> Control {
    Control::Continue
}

#[test]
fn a_resumed_training_goes_through_the_same_losses() -> Result<()> {
    let model = model();
    let (whole, parted) = (folder(), folder());
    let uninterrupted = train(&model, &request(whole.path(), 8), &mut go_on)?;
    let mut losses = Vec::new();
    let paused = train(&model, &request(parted.path(), 8), &mut |event| match event {
        TrainEvent::Progress(TrainProgress {
            step, loss: Some(loss), ..
        }) => {
            losses.push(loss);
            if step == 5 { Control::Pause } else { Control::Continue }
        }
        _ => Control::Continue,
    });
    assert!(matches!(paused, Err(EngineError::Cancelled)));
    let began = Instant::now();
    let resumed = train(&model, &request(parted.path(), 8), &mut go_on)?;
    assert_eq!(resumed.resumed_at, Some(5));
    assert!(
        resumed.seconds > began.elapsed().as_secs_f64(),
        "the first five steps took time too"
    );
    losses.extend(&resumed.losses);
    assert_eq!(losses, uninterrupted.losses);
    let read = |folder: &tempfile::TempDir| std::fs::read(folder.path().join("style.safetensors"));
    assert_eq!(
        read(&whole).expect("it was written"),
        read(&parted).expect("it was written")
    );
    Ok(())
}

#[test]
fn a_finished_style_is_healthy_and_leaves_the_model_as_it_was() -> Result<()> {
    let (model, folder) = (model(), folder());
    let mut request = request(folder.path(), 6);
    request.settings.sample_every = 3;
    (
        request.settings.feed_forward,
        request.settings.convolutions,
        request.settings.text_encoder,
    ) = (true, true, true);
    let mut samples = Vec::new();
    let trained = train(&model, &request, &mut |event| {
        if let TrainEvent::Sample { step, .. } = event {
            samples.push(step);
        }
        Control::Continue
    })?;
    assert_eq!((samples, trained.losses.len()), (vec![0, 3, 6], 6));
    assert!(trained.health.problems.is_empty(), "{:?}", trained.health);
    assert!(trained.health.picture_difference > 0.002);
    let file = crate::lora::LoraFile::read(&trained.output)?;
    assert_eq!(file.metadata()["modelspec.author"], "somebody");
    assert_eq!(file.check(&model)?.layers, trained.health.layers as usize);
    Ok(())
}

#[test]
fn recomputation_changes_no_loss() -> Result<()> {
    let (model, folder) = (model(), folder());
    let mut request = request(folder.path(), 3);
    request.resume = false;
    let kept = train(&model, &request, &mut go_on)?;
    request.settings.recompute = Some(true);
    let again = train(&model, &request, &mut go_on)?;
    for (kept, again) in kept.losses.iter().zip(&again.losses) {
        // Sums in another order.
        assert!((kept - again).abs() < 1e-4 * kept.abs(), "{kept} {again}");
    }
    Ok(())
}

#[test]
fn training_stops_at_a_loss_that_is_no_number() -> Result<()> {
    let (model, folder) = (model(), folder());
    let mut request = request(folder.path(), 8);
    request.settings.checkpoint_every = 1;
    let result = train(&model, &request, &mut |event| {
        if matches!(event, TrainEvent::Checkpoint { step: 4 }) {
            spoil(&model);
        }
        Control::Continue
    });
    assert!(matches!(
        result,
        Err(EngineError::LossNotFinite { step: 5, kept: Some(4) })
    ));
    assert!(!request.output.exists());
    Ok(())
}

/// Makes one layer answer with what is no number, as a driver's fault or an overflow would.
fn spoil(model: &Model) {
    let outside = |(name, slot): &(&String, &crate::adapter::AdapterSlot)| {
        name.ends_with("conv_out") && matches!(slot.kind(), LayerKind::Conv2d(_))
    };
    let (_, slot) = model.unet_slots.iter().find(outside).expect("every UNet has it");
    let nothing = (slot.weight() * f64::NAN).expect("a tensor can be scaled");
    slot.merge(&nothing).expect("the shapes are the same");
}

#[test]
fn a_training_goes_on_where_the_model_has_another_format() -> Result<()> {
    let folder = folder();
    let request = request(folder.path(), 4);
    let paused = train(&model(), &request, &mut |event| match event {
        TrainEvent::Progress(progress) if progress.phase == TrainPhase::Training => Control::Pause,
        _ => Control::Continue,
    });
    assert!(matches!(paused, Err(EngineError::Cancelled)));
    let half = Model::random("tiny", &Device::Cpu, DType::F16)?;
    let mut training = Training::begin(&half, &request, &mut go_on)?;
    assert_eq!(training.resume()?, Some(1));
    Ok(())
}

#[test]
fn a_preflight_says_what_is_wrong() -> Result<()> {
    let (model, folder) = (model(), folder());
    let mut request = request(folder.path(), 100);
    assert_eq!(preflight(&model, &request)?.problems, []);
    request.pictures.truncate(7);
    request.pictures[0].path = folder.path().join("not there.png");
    request.memory_available_bytes = Some(1000);
    let told = preflight(&model, &request)?;
    let needed_bytes = told.memory_bytes;
    assert_eq!(
        told.problems,
        [
            PreflightProblem::Picture {
                file: folder.path().join("not there.png")
            },
            PreflightProblem::TooFewPictures {
                pictures: 6,
                pictures_min: 10
            },
            PreflightProblem::Memory {
                needed_bytes,
                available_bytes: 1000
            },
        ]
    );
    assert_eq!(told.buckets.iter().map(|bucket| bucket.2).sum::<u32>(), 6);
    Ok(())
}

#[test]
fn a_preflight_warns_of_what_deserves_a_look() -> Result<()> {
    let (model, folder) = (model(), folder());
    let mut request = request(folder.path(), 100);
    // Four are 96 pixels wide, and a model whose pictures measure multiples of 64 sees them at 128.
    assert_eq!(
        preflight(&model, &request)?.warnings,
        [PreflightWarning::Enlarged { pictures: 4 }]
    );
    request.settings.resolution = 128;
    (request.settings.steps, request.settings.accumulation) = (5, 1);
    request.pictures[1].tags.clear();
    request.pictures[2].path = request.pictures[4].path.clone();
    assert_eq!(
        preflight(&model, &request)?.warnings,
        [
            PreflightWarning::Untagged { pictures: 1, all: 12 },
            PreflightWarning::Repeated { pictures: 1 },
            PreflightWarning::NotAllSeen { steps: 5 },
            PreflightWarning::Enlarged { pictures: 12 },
        ]
    );
    Ok(())
}

#[test]
fn the_learning_rate_rises_and_falls() {
    let folder = folder();
    let mut settings = request(folder.path(), 100).settings;
    settings.warmup_steps = 10;
    assert_eq!(settings.learning_rate_at(0), 2e-4);
    assert_eq!(settings.learning_rate_at(9), 2e-3);
    assert_eq!(settings.learning_rate_at(10), 2e-3);
    assert!((settings.learning_rate_at(55) - 1e-3).abs() < 1e-9);
    assert!(settings.learning_rate_at(99) < 1e-5);
}
