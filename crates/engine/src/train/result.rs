//! What comes out of a training: samples on the way, and the finished file.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use image::RgbImage;

use super::adapters::Adapters;
use super::request::TrainRequest;
use crate::error::{EngineError, Result};
use crate::generate::{GenerateEvent, GenerateRequest, generate};
use crate::lora::{self, LoraLayer, Naming};
use crate::model::Model;
use crate::ops::without_recording;
use crate::samplers::{Prediction, SamplerKind};

/// Enough for a look with this sampler.
pub(super) const SAMPLE_STEPS: usize = 15;
/// Enough to see whether two pictures differ.
pub(super) const HEALTH_STEPS: usize = 5;
const SAMPLE_GUIDANCE: f64 = 6.0;

/// A picture of `prompt` from `seed`, at the size of the training, of the model as it is now. `go_on` is asked after every step.
pub(super) fn sample(
    model: &Model,
    request: &TrainRequest,
    (prompt, seed): (&str, u64),
    steps: usize,
    go_on: &mut dyn FnMut() -> ControlFlow<()>,
) -> Result<RgbImage> {
    let multiple = model.size_multiple();
    let side = (request.settings.resolution as usize / multiple * multiple).max(multiple);
    let wanted = GenerateRequest {
        prompt: prompt.to_owned(),
        negative_prompt: String::new(),
        width: side,
        height: side,
        seeds: vec![seed],
        steps,
        guidance: SAMPLE_GUIDANCE,
        sampler: SamplerKind::Dpmpp2mKarras,
        preview_every: 0,
    };
    let mut made = None;
    without_recording(|| {
        generate(model, &wanted, &mut |event| {
            if let GenerateEvent::Picture { picture, .. } = event {
                made = Some(picture);
            }
            go_on()
        })
    })?;
    made.ok_or_else(|| EngineError::Defect("no sample was made".into()))
}

/// Writes the finished file.
pub(super) fn write(model: &Model, request: &TrainRequest, adapters: &Adapters) -> Result<()> {
    let layers = adapters.iter().map(|adapter| LoraLayer {
        part: adapter.part,
        name: adapter.name.clone(),
        down: adapter.learning.down.as_detached_tensor(),
        up: adapter.learning.up.as_detached_tensor(),
        alpha: request.settings.alpha,
    });
    let layers: Vec<_> = layers.collect();
    lora::write(
        &request.output,
        &layers,
        &metadata(model, request),
        Naming::Kohya,
        model.text.len(),
    )
}

/// What others read in the file, and what the artist wants said. Names: kohya's sd-scripts (`ss_*`) and the SAI model specification 1.0.1
/// (`modelspec.*`). Nothing about single pictures, their tags or folders: those are the artist's.
fn metadata(model: &Model, request: &TrainRequest) -> BTreeMap<String, String> {
    let settings = &request.settings;
    let (version, architecture) = model.lora_base();
    let side = settings.resolution;
    let prediction = match Prediction::of(&model.scheduler) {
        Prediction::Velocity => "v",
        Prediction::Epsilon | Prediction::Sample => "epsilon",
    };
    let arguments = if settings.convolutions {
        format!(
            r#"{{"conv_dim": "{}", "conv_alpha": "{}"}}"#,
            settings.rank, settings.alpha
        )
    } else {
        "{}".to_owned()
    };
    let facts = [
        ("ss_v2", "False".to_owned()),
        ("ss_base_model_version", version.to_owned()),
        ("ss_network_module", "networks.lora".to_owned()),
        ("ss_network_dim", settings.rank.to_string()),
        ("ss_network_alpha", settings.alpha.to_string()),
        ("ss_network_args", arguments),
        ("ss_output_name", request.trigger.clone()),
        ("ss_steps", settings.steps.to_string()),
        ("ss_max_train_steps", settings.steps.to_string()),
        ("ss_num_train_images", request.pictures.len().to_string()),
        ("ss_total_batch_size", settings.batch.to_string()),
        ("ss_gradient_accumulation_steps", settings.accumulation.to_string()),
        ("ss_learning_rate", settings.learning_rate.to_string()),
        ("ss_lr_scheduler", "cosine".to_owned()),
        ("ss_lr_warmup_steps", settings.warmup_steps.to_string()),
        ("ss_optimizer", "AdamW".to_owned()),
        (
            "ss_min_snr_gamma",
            settings
                .min_snr_gamma
                .map_or("None".to_owned(), |gamma| gamma.to_string()),
        ),
        ("ss_caption_dropout_rate", settings.caption_dropout.to_string()),
        ("ss_resolution", format!("({side}, {side})")),
        ("ss_enable_bucket", "True".to_owned()),
        ("ss_seed", settings.seed.to_string()),
        ("modelspec.sai_model_spec", "1.0.1".to_owned()),
        ("modelspec.architecture", architecture.to_owned()),
        ("modelspec.implementation", "diffusers".to_owned()),
        ("modelspec.title", request.trigger.clone()),
        ("modelspec.trigger_phrase", request.trigger.clone()),
        ("modelspec.resolution", format!("{side}x{side}")),
        ("modelspec.prediction_type", prediction.to_owned()),
    ];
    let mut metadata: BTreeMap<_, _> = facts
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    metadata.extend(request.metadata.clone());
    metadata
}
