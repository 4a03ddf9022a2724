//! What a training needs to know before it has a row, and what speaks against it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use atelier_contract::{Number, Refusal, StyleId};
use atelier_worker_protocol::{Outcome, Preflight, PreflightProblem, Task, Train, TrainSettings, TrainingPicture};
use serde::{Deserialize, Serialize};

use super::{Choice, Preset, RANK_MAX, STEPS_MAX, Update, now, presets};
use crate::artworks::{self, Artwork};
use crate::models::{self, Model};
use crate::styles::Style;
use crate::worker::Workshop;
use crate::{Config, Error, Library, findings};

/// How often a training that is watched paints samples.
const SAMPLINGS: u32 = 5;

/// What stands in `jobs.request`.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Request {
    #[serde(default)]
    pub(super) preset: Preset,
    model: PathBuf,
    trigger: String,
    pub(super) pictures: Vec<TrainingPicture>,
    metadata: BTreeMap<String, String>,
    pub(super) settings: TrainSettings,
}

impl Request {
    pub(super) fn train(&self, folder: &Path, resume: bool) -> Train {
        Train {
            model: self.model.clone(),
            dtype: None,
            trigger: self.trigger.clone(),
            pictures: self.pictures.clone(),
            folder: folder.to_owned(),
            output: folder.join("style.safetensors"),
            metadata: self.metadata.clone(),
            resume,
            memory_available_bytes: None,
            settings: self.settings.clone(),
        }
    }
}

pub(super) fn check(choice: &Choice) -> Result<(), Refusal> {
    let within = |number: Number, value: Option<u32>, max: u32| match value {
        Some(value) if !(1..=max).contains(&value) => Err(number.out_of_range(value, 1, max)),
        Some(_) | None => Ok(()),
    };
    within(Number::Steps, choice.steps, STEPS_MAX)?;
    within(Number::Rank, choice.rank, RANK_MAX)
}

/// Everything that speaks against a training is found before it has a row.
pub(super) async fn prepare(
    library: &Library,
    config: &Config,
    workshop: &mut Workshop,
    choice: &Choice,
    style: &Style,
    on_update: &mut (dyn FnMut(Update) + Send),
) -> Result<Request, Error> {
    style.require_ready()?;
    let mut request = assemble(library, config, workshop, choice, style).await?;
    let preflight = ask(library, workshop, &request).await?;
    if let Some(refusal) = against(style, &preflight) {
        return Err(refusal.into());
    }
    if preflight.recompute {
        request.settings.recompute = Some(true);
    }
    on_update(Update::Preflight(preflight));
    Ok(request)
}

/// What a preflight says against a training, if anything. Memory first: it is what people run into.
pub(super) fn against(style: &Style, preflight: &Preflight) -> Option<Refusal> {
    let problems = &preflight.problems;
    let short = problems.iter().find_map(|problem| match problem {
        PreflightProblem::Memory {
            needed_bytes,
            available_bytes,
        } => Some(Refusal::OutOfMemory {
            needed_mb: Some(needed_bytes.div_ceil(1_000_000)),
            available_mb: Some(available_bytes / 1_000_000),
        }),
        PreflightProblem::Setting { .. }
        | PreflightProblem::Picture { .. }
        | PreflightProblem::TooFewPictures { .. }
        | PreflightProblem::NoName => None,
    });
    let others = || Refusal::TrainingNotPossible {
        style: style.name.clone(),
        problems: problems.iter().map(findings::of_problem).collect(),
    };
    short.or_else(|| (!problems.is_empty()).then(others))
}

/// All that a training needs to know, as far as this side knows it.
pub(super) async fn assemble(
    library: &Library,
    config: &Config,
    workshop: &mut Workshop,
    choice: &Choice,
    style: &Style,
) -> Result<Request, Error> {
    check(choice)?;
    let pictures = pictures(library, style.id).await?;
    let valid = u32::try_from(pictures.len()).unwrap_or(u32::MAX);
    let model = models::resolve(library, config, workshop, &style.base_model).await?;
    let mut settings = presets::settings(choice.preset, &model.architecture, model.native_size_px, valid);
    settings.steps = choice.steps.unwrap_or(settings.steps);
    settings.warmup_steps = settings.warmup_steps.min(settings.steps);
    settings.checkpoint_every = settings.checkpoint_every.min(settings.steps.div_ceil(4)).max(1);
    if let Some(rank) = choice.rank {
        settings.rank = rank;
        settings.alpha = f64::from(rank);
    }
    if choice.watched {
        settings.sample_every = settings.steps.div_ceil(SAMPLINGS).max(1);
        settings.samples = sample_prompts(&style.name, &pictures);
    }
    let metadata = metadata(library, style, &model)?;
    Ok(Request {
        preset: choice.preset,
        model: model.path,
        trigger: style.name.clone(),
        pictures,
        metadata,
        settings,
    })
}

/// What samples show: the captions of two artworks that came far apart, with seeds that stay the same.
fn sample_prompts(style: &str, pictures: &[TrainingPicture]) -> Vec<(String, u64)> {
    let chosen = [pictures.first(), pictures.get(pictures.len() / 2)];
    let caption = |picture: &TrainingPicture| {
        let tags = picture.tags.iter().map(String::as_str).filter(|tag| *tag != style);
        crate::generations::prompt([style], tags)
    };
    let mut prompts: Vec<_> = chosen.into_iter().flatten().map(caption).collect();
    prompts.dedup();
    prompts.into_iter().zip(1..).collect()
}

/// Asks the worker what a training needs.
pub(super) async fn ask(library: &Library, workshop: &mut Workshop, request: &Request) -> Result<Preflight, Error> {
    let folder = library.folder().join("training").join("preflight");
    fs::create_dir_all(&folder).map_err(Error::file(&folder))?;
    let mut task = request.train(&folder, false);
    task.memory_available_bytes = workshop.memory_later().await?;
    match workshop.run(Task::Preflight(task)).await {
        Ok(Outcome::Preflight(preflight)) => Ok(preflight),
        Ok(other) => Err(Refusal::Internal {
            reason: format!("{other:?} is no preflight"),
        }
        .into()),
        Err(error) => Err(error.refusal(1).into()),
    }
}

async fn pictures(library: &Library, style: StyleId) -> Result<Vec<TrainingPicture>, Error> {
    let valid = artworks::valid(library, style).await?;
    let picture = |artwork: Artwork| TrainingPicture {
        path: artwork.path,
        crop: artwork
            .crop
            .map(|crop| [crop.left_px, crop.top_px, crop.width_px, crop.height_px]),
        quarter_turns: artwork.quarter_turns,
        tags: artwork.tags,
    };
    Ok(valid.into_iter().map(picture).collect())
}

/// What stands in the LoRA's file beside what the trainer knows. No tags and no file names: they are the artist's.
fn metadata(library: &Library, style: &Style, model: &Model) -> Result<BTreeMap<String, String>, Error> {
    let artist = crate::picture::signature::artist(library)?.name;
    let mut metadata = BTreeMap::from([
        ("modelspec.title".to_owned(), style.name.clone()),
        ("modelspec.trigger_phrase".to_owned(), style.name.clone()),
        ("modelspec.date".to_owned(), now()),
        ("ss_sd_model_hash".to_owned(), model.hash()),
        ("atelier.base_model".to_owned(), model.id.clone()),
    ]);
    if !artist.is_empty() {
        metadata.insert("modelspec.author".to_owned(), artist);
    }
    Ok(metadata)
}
