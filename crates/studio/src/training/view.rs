//! A training as a person sees it: what it would need before it is begun, and how it goes or went.

use atelier_contract::{Finding, JobId, JobStatus, Refusal, StyleId, TrainingStatus};
use serde::{Deserialize, Serialize};

use super::end::has_checkpoint;
use super::prepare::{Request, against, ask, assemble};
use super::run::folder_of;
use super::{Choice, Preset, open_job, samples};
use crate::styles::Style;
use crate::worker::Workshop;
use crate::{Config, Error, Library, findings, jobs, styles};

/// How a person wants a style trained, by the style's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct TrainRequest {
    /// Which.
    pub style: StyleId,
    /// Settings to start from.
    pub preset: Preset,
    /// Instead of the preset's.
    pub steps: Option<u32>,
    /// Instead of the preset's.
    pub rank: Option<u32>,
    /// Give up a paused training and start again.
    pub restart: bool,
}

impl TrainRequest {
    pub(crate) async fn choice(&self, library: &Library) -> Result<Choice, Error> {
        Ok(Choice {
            style: styles::show(library, self.style).await?.name,
            preset: self.preset,
            steps: self.steps,
            rank: self.rank,
            resume: false,
            restart: self.restart,
            watched: true,
        })
    }
}

/// What a training would do and need.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct TrainingPlan {
    /// Steps of the optimiser.
    pub steps: u32,
    /// Of the LoRA.
    pub rank: u32,
    /// Side in pixels of the square whose area no artwork exceeds.
    pub resolution: u32,
    /// Artworks that are learnt from.
    pub artworks: u32,
    /// Sizes at which they are seen.
    pub buckets: Vec<Bucket>,
    /// At its highest.
    pub memory_bytes: u64,
    /// That is free, if the device says so.
    pub memory_available_bytes: Option<u64>,
    /// From begin to end on this machine, if that could be measured.
    pub seconds: Option<f64>,
    /// Why it cannot be done.
    pub problems: Vec<Refusal>,
    /// What deserves a look before it is done.
    pub warnings: Vec<Finding>,
}

/// A size, and how many artworks are seen at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[expect(missing_docs, reason = "a field is what its name says")]
pub struct Bucket {
    pub width_px: u32,
    pub height_px: u32,
    pub artworks: u32,
}

/// The last training of a style.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct Training {
    /// Its job.
    pub job: JobId,
    /// Where it stands.
    pub status: JobStatus,
    /// What it was begun with.
    pub preset: Preset,
    /// Steps that are done.
    pub step: u32,
    /// Steps in all.
    pub steps: u32,
    /// 0 to 1.
    pub progress: f64,
    /// Loss by step, thinned.
    pub losses: Vec<(u32, f64)>,
    /// What it painted on its way, in order.
    pub samples: Vec<TrainingSample>,
    /// What came out.
    pub metric: Option<TrainingMetric>,
    /// Why it failed, or why it was paused when nobody wished that.
    pub failure: Option<Refusal>,
    /// Whether it was cancelled and has a checkpoint still, so that it can go on when that is taken back.
    pub can_be_restored: bool,
}

/// A picture that a training painted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[expect(missing_docs, reason = "a field is what its name says")]
pub struct TrainingSample {
    pub step: u32,
    pub index: u32,
    pub prompt: String,
}

/// What a finished training came to.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[expect(missing_docs, reason = "a field is what its name says")]
pub struct TrainingMetric {
    pub final_loss: f64,
    pub seconds: f64,
}

/// What a training would do and need. What speaks against it is told, not refused. While the style is being trained, or waits for that,
/// nothing is measured: none can be begun, and the model would be loaded a second time beside the training that runs.
///
/// # Errors
/// [`Refusal::StyleUnknown`], and what keeps the worker from answering.
pub async fn plan(
    library: &Library,
    config: &Config,
    workshop: &mut Workshop,
    request: &TrainRequest,
) -> Result<TrainingPlan, Error> {
    let style = styles::show(library, request.style).await?;
    let wanted = assemble(library, config, workshop, &request.choice(library).await?, &style).await?;
    let mut plan = TrainingPlan {
        steps: wanted.settings.steps,
        rank: wanted.settings.rank,
        resolution: wanted.settings.resolution,
        artworks: u32::try_from(wanted.pictures.len()).unwrap_or(u32::MAX),
        buckets: Vec::new(),
        memory_bytes: 0,
        memory_available_bytes: None,
        seconds: None,
        problems: Vec::new(),
        warnings: Vec::new(),
    };
    if let Err(error) = style.require_ready() {
        plan.problems.push(error.refusal());
    }
    if wanted.pictures.is_empty() || is_under_way(library, &style).await? {
        return Ok(plan);
    }
    let answer = ask(library, workshop, &wanted).await?;
    plan.problems.extend(against(&style, &answer));
    plan.warnings = answer.warnings.iter().map(findings::of_warning).collect();
    let bucket = |(width_px, height_px, artworks)| Bucket {
        width_px,
        height_px,
        artworks,
    };
    plan.buckets = answer.buckets.into_iter().map(bucket).collect();
    plan.memory_bytes = answer.memory_bytes;
    plan.memory_available_bytes = answer.memory_available_bytes;
    plan.seconds = Some(answer.seconds).filter(|seconds| seconds.is_finite() && *seconds > 0.0);
    Ok(plan)
}

async fn is_under_way(library: &Library, style: &Style) -> Result<bool, Error> {
    let rests = matches!(open_job(library, style.id).await?, Some((_, JobStatus::Paused)));
    Ok(style.training_status == TrainingStatus::Training && !rests)
}

/// The last training of a style, `None` when it never had one.
///
/// # Errors
/// [`Refusal::StyleUnknown`], [`Error::Database`].
pub async fn show(library: &Library, style: StyleId) -> Result<Option<Training>, Error> {
    let number = style.get();
    let row = sqlx::query!(
        r#"SELECT id AS "id!: i64", status, request, failure
             FROM jobs
            WHERE style_id = $1 AND kind = 'train'
            ORDER BY id DESC
            LIMIT 1"#,
        number,
    )
    .fetch_optional(library.pool())
    .await?;
    let Some(row) = row else { return Ok(None) };
    let request: Request = serde_json::from_str(&row.request)?;
    let measured = styles::show(library, style).await?.training_metric.unwrap_or_default();
    let job = jobs::id(row.id)?;
    let step = measured["step"]
        .as_u64()
        .and_then(|step| u32::try_from(step).ok())
        .unwrap_or_default();
    let prompts = &request.settings.samples;
    let sample = |(step, index): (u32, u32)| TrainingSample {
        step,
        index,
        prompt: prompts
            .get(index as usize)
            .map(|(prompt, _)| prompt.clone())
            .unwrap_or_default(),
    };
    let status = JobStatus::try_from(row.status.as_str()).map_err(|error| Refusal::Internal {
        reason: error.to_string(),
    })?;
    Ok(Some(Training {
        job,
        status,
        preset: request.preset,
        step,
        steps: request.settings.steps,
        progress: f64::from(step) / f64::from(request.settings.steps.max(1)),
        losses: serde_json::from_value(measured["loss"].clone()).unwrap_or_default(),
        samples: samples::all(library, job).into_iter().map(sample).collect(),
        metric: serde_json::from_value(measured).ok(),
        failure: row.failure.as_deref().map(serde_json::from_str).transpose()?,
        can_be_restored: status == JobStatus::Cancelled && has_checkpoint(&folder_of(library, job)),
    }))
}
