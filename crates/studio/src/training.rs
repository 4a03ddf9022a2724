//! Training a style: preset, preflight, the run itself with pause and resume, and the finished LoRA's way into the library.
//!
//! The job's row has the whole request, its folder the checkpoints. A kill leaves a `running` row, which the next program finds and
//! turns into `paused`; the style stays `training` until somebody goes on or starts again. What may go wrong otherwise comes to the same
//! as far as there is a checkpoint.

mod end;
mod prepare;
pub mod presets;
mod run;
mod samples;
mod sweep;
mod view;

use std::fs;
use std::path::{Path, PathBuf};

use atelier_contract::{JobId, JobKind, JobStatus, Refusal, StyleId, TrainingStatus};
use atelier_worker_protocol::{Preflight, Preview, Progress, Trained};
use tokio::sync::watch;

use crate::library::copy_whole;
use crate::models::download::sha256_of;
use crate::styles::{self, Style};
use crate::worker::{Wish, Workshop};
use crate::{Config, Error, Library, jobs};

pub(crate) use end::{put_down, release_style, restore};
use prepare::{Request, check, prepare};
pub use presets::Preset;
use run::{LossCurve, Run, folder_of};
pub use samples::{keep_sample, sample};
pub(crate) use sweep::sweep;
pub use view::{Bucket, TrainRequest, Training, TrainingMetric, TrainingPlan, TrainingSample, plan, show};

/// Most steps that can be asked for.
pub const STEPS_MAX: u32 = 100_000;
/// Highest rank that can be asked for.
pub const RANK_MAX: u32 = 256;

/// How a person wants a style trained.
#[derive(Debug, Clone, Default)]
pub struct Choice {
    /// The style's name.
    pub style: String,
    /// Settings to start from.
    pub preset: Preset,
    /// Instead of the preset's.
    pub steps: Option<u32>,
    /// Instead of the preset's.
    pub rank: Option<u32>,
    /// Go on with the paused training.
    pub resume: bool,
    /// Give up the paused training and start again.
    pub restart: bool,
    /// Paint samples on the way, for somebody who watches.
    pub watched: bool,
}

/// What a training says on its way.
#[derive(Debug)]
#[expect(missing_docs, reason = "a field is what its name says")]
pub enum Update {
    /// What it will need, before it starts.
    Preflight(Preflight),
    /// It goes on from a checkpoint, if the folder has a sound one.
    Resuming,
    /// How far it is.
    Progress(Progress),
    /// A sample of the style.
    Sample(Preview),
    /// The worker failed and is started again, `less` when with less memory.
    Retrying { attempt: u32, reason: Refusal, less: bool },
}

/// How a training ended, when not with an error.
#[derive(Debug)]
#[expect(missing_docs, reason = "a field is what its name says")]
pub enum Ended {
    /// The style is ready.
    Completed { trained: Box<Trained>, lora: PathBuf },
    /// It can go on after the step.
    Paused { step: u32 },
    /// It was given up.
    Cancelled,
}

/// Trains a style, or goes on with its training.
///
/// # Errors
/// [`Refusal::StyleUnknown`], [`Refusal::StyleTooFewArtworks`], [`Refusal::StyleTooManyArtworks`], [`Refusal::NumberOutOfRange`],
/// [`Refusal::NothingToResume`], [`Refusal::TrainingNotPossible`], [`Refusal::StyleUnhealthy`], [`Refusal::LossNotFinite`],
/// [`Refusal::OutOfMemory`], [`Refusal::WorkerCrashed`].
pub async fn train(
    library: &Library,
    config: &Config,
    workshop: &mut Workshop,
    choice: &Choice,
    wish: &mut watch::Receiver<Wish>,
    on_update: &mut (dyn FnMut(Update) + Send),
) -> Result<Ended, Error> {
    let job = if choice.resume {
        on_update(Update::Resuming);
        requeue(library, &choice.style).await?
    } else {
        place(library, config, workshop, choice, on_update).await?
    };
    run_job(library, workshop, job, wish, on_update).await
}

/// Writes a training down, `queued`. [`run_job`] does it.
///
/// # Errors
/// What [`train`] finds before it begins.
pub async fn place(
    library: &Library,
    config: &Config,
    workshop: &mut Workshop,
    choice: &Choice,
    on_update: &mut (dyn FnMut(Update) + Send),
) -> Result<JobId, Error> {
    check(choice)?;
    let style = styles::find(library, &choice.style).await?;
    let open = open_job(library, style.id).await?;
    if open.is_some() && !choice.restart {
        let style = style.name;
        return Err(Refusal::TrainingPaused { style }.into());
    }
    let request = prepare(library, config, workshop, choice, &style, on_update).await?;
    enqueue(library, &style, open, &request).await
}

/// The paused training of a style, `queued` again.
async fn requeue(library: &Library, style: &str) -> Result<JobId, Error> {
    let style = styles::find(library, style).await?;
    let Some((job, from)) = open_job(library, style.id).await? else {
        return Err(Refusal::NothingToResume { style: style.name }.into());
    };
    if from == JobStatus::Paused {
        let mut connection = library.pool().acquire().await?;
        jobs::advance(&mut connection, job, from, JobStatus::Queued, None).await?;
    }
    Ok(job)
}

/// Does a training that is `queued`, from its checkpoint if it was begun before. When it cannot, wherever that shows, [`put_down`] says
/// so in its row; a full disk may keep even that from being written, and then it is put down once more by whoever called.
///
/// # Errors
/// [`Refusal::JobEnded`] when it is not `queued` any more, and what [`train`] meets on its way.
pub async fn run_job(
    library: &Library,
    workshop: &mut Workshop,
    job: JobId,
    wish: &mut watch::Receiver<Wish>,
    on_update: &mut (dyn FnMut(Update) + Send),
) -> Result<Ended, Error> {
    let ended = begin_and_run(library, workshop, job, wish, on_update).await;
    if let Err(error) = &ended
        && let Err(unwritten) = put_down(library, job, &error.refusal()).await
    {
        tracing::error!("training {job} cannot be put down: {unwritten}");
    }
    ended
}

async fn begin_and_run(
    library: &Library,
    workshop: &mut Workshop,
    job: JobId,
    wish: &mut watch::Receiver<Wish>,
    on_update: &mut (dyn FnMut(Update) + Send),
) -> Result<Ended, Error> {
    let number = job.get();
    let row = sqlx::query!(
        r#"SELECT style_id AS "style!: i64", request, attempts AS "attempts: u32" FROM jobs WHERE id = $1 AND kind = 'train'"#,
        number,
    )
    .fetch_optional(library.pool())
    .await?
    .ok_or(Refusal::JobUnknown { job: number })?;
    let style = styles::show(library, jobs::id(row.style)?).await?;
    let request: Request = serde_json::from_str(&row.request)?;
    let folder = folder_of(library, job);
    fs::create_dir_all(&folder).map_err(Error::file(&folder))?;
    claim(library, job).await?;
    let begun = row.attempts > 0;
    let loss = if begun {
        LossCurve::of_metric(style.training_metric.as_ref())
    } else {
        LossCurve::default()
    };
    Run {
        library,
        workshop,
        job,
        style: style.id,
        style_name: style.name,
        train: request.train(&folder, begun),
        loss,
    }
    .run(wish, on_update)
    .await
}

/// The style's training that waits or is paused.
async fn open_job(library: &Library, style: StyleId) -> Result<Option<(JobId, JobStatus)>, Error> {
    let style = style.get();
    let row = sqlx::query!(
        r#"SELECT id AS "id!: i64", status
             FROM jobs
            WHERE style_id = $1 AND kind = 'train' AND status IN ('queued','paused')"#,
        style,
    )
    .fetch_optional(library.pool())
    .await?;
    let Some(row) = row else { return Ok(None) };
    let status = JobStatus::try_from(row.status.as_str()).map_err(|error| Refusal::Internal {
        reason: error.to_string(),
    })?;
    Ok(Some((jobs::id(row.id)?, status)))
}

/// Writes the job and moves the style, in one step; an earlier paused training is given up in the same.
async fn enqueue(
    library: &Library,
    style: &Style,
    open: Option<(JobId, JobStatus)>,
    request: &Request,
) -> Result<JobId, Error> {
    let json = serde_json::to_string(request)?;
    let mut tx = library.begin().await?;
    if let Some((job, from)) = open {
        jobs::advance(&mut tx, job, from, JobStatus::Cancelled, None).await?;
    }
    let job = jobs::create(&mut tx, JobKind::Train, Some(style.id), &json).await?;
    // A paused training has left it there already.
    if style.training_status != TrainingStatus::Training
        && !jobs::advance_style(&mut tx, style.id, style.training_status, TrainingStatus::Training, None).await?
    {
        return Err(Refusal::StyleInTraining {
            style: style.name.clone(),
        }
        .into());
    }
    let id = style.id.get();
    sqlx::query!("UPDATE styles SET training_metric = NULL WHERE id = $1", id)
        .execute(&mut *tx)
        .await?;
    tx.commit().await?;
    if let Err(error) = sweep(library, chrono::Utc::now()).await {
        // The next start sweeps again.
        tracing::warn!("what earlier trainings left stays for now: {error}");
    }
    Ok(job)
}

async fn claim(library: &Library, job: JobId) -> Result<(), Error> {
    let mut connection = library.pool().acquire().await?;
    if !jobs::advance(&mut connection, job, JobStatus::Queued, JobStatus::Running, None).await? {
        return Err(Refusal::JobEnded {
            job: job.get(),
            status: JobStatus::Running.to_string(),
        }
        .into());
    }
    Ok(())
}

/// Puts a LoRA among the library's styles, named after its content: `styles/ab/….safetensors`. Blocks.
pub(crate) fn shelve(file: &Path, library: &Path) -> Result<String, Error> {
    let hash = sha256_of(file)?;
    let url = format!("styles/{}/{}.safetensors", &hash[..2], &hash[2..]);
    let target = library.join(&url);
    if target.is_file() {
        return Ok(url);
    }
    let shelf = target.parent().unwrap_or(library);
    fs::create_dir_all(shelf).map_err(Error::file(shelf))?;
    copy_whole(file, &target)?;
    Ok(url)
}

/// The time, as the tables' JSON has it.
pub(crate) fn now() -> String {
    chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}
