//! The queue of the one device: what is in it, in which order, and what a person may do to it while no worker has the job.

use atelier_contract::{JobId, JobKind, JobStatus, Refusal, StyleId};
use atelier_worker_protocol::Phase;
use serde::Serialize;

use super::{advance, id};
use crate::generations::{self, GenerationRequest};
use crate::{Error, Library, training};

/// A job as a person sees it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct Job {
    /// Its id in this library.
    pub id: JobId,
    /// What is made.
    pub kind: JobKind,
    /// Where it stands.
    pub status: JobStatus,
    /// The style in training.
    pub style: Option<StyleId>,
    /// The style's name, or the prompt.
    pub title: String,
    /// Pictures that were asked for.
    pub pictures: u32,
    /// Pictures that are there.
    pub finished: u32,
    /// What goes on, while a worker has it.
    pub phase: Option<Phase>,
    /// Of the phase; of a training that waits, where it goes on.
    pub step: u32,
    /// Of the phase.
    pub steps: u32,
    /// Until the end, as far as is known.
    pub seconds_left: Option<f64>,
    /// Why it failed, or why it was paused when nobody wished that.
    pub failure: Option<Refusal>,
    /// What was asked for, to ask for it again.
    pub settings: Option<GenerationRequest>,
    /// ISO 8601, UTC.
    pub created_at: String,
}

impl Job {
    /// Refuses what a job in its state cannot do any more.
    pub(crate) fn ended(&self) -> Refusal {
        Refusal::JobEnded {
            job: self.id.get(),
            status: self.status.to_string(),
        }
    }
}

/// A row before its request is read.
struct Row {
    id: i64,
    kind: String,
    status: String,
    style: Option<i64>,
    style_name: Option<String>,
    metric: Option<String>,
    request: String,
    failure: Option<String>,
    created_at: String,
    pictures: u32,
    finished: u32,
    seed: Option<i64>,
}

/// All that waits, runs or is paused, in the order it will be done, and those of `ended` that are there.
pub(crate) async fn list(library: &Library, ended: &[JobId]) -> Result<Vec<Job>, Error> {
    let ended = serde_json::to_string(ended)?;
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT jobs.id AS "id!: i64", jobs.kind, jobs.status, jobs.style_id AS style, styles.name AS "style_name?",
                  styles.training_metric AS "metric?", jobs.request, jobs.failure, jobs.created_at,
                  (SELECT count(*) FROM generations WHERE job_id = jobs.id) AS "pictures!: u32",
                  (SELECT count(*) FROM generations WHERE job_id = jobs.id AND status = 'completed') AS "finished!: u32",
                  (SELECT min(seed) FROM generations WHERE id = (SELECT min(id) FROM generations WHERE job_id = jobs.id)) AS "seed?: i64"
             FROM jobs
             LEFT JOIN styles ON styles.id = jobs.style_id
            WHERE jobs.status IN ('queued','running','paused') OR jobs.id IN (SELECT value FROM json_each($1))
            ORDER BY jobs.status = 'running' DESC, coalesce(jobs.place, jobs.id), jobs.id"#,
        ended,
    )
    .fetch_all(library.pool())
    .await?;
    let mut jobs = Vec::with_capacity(rows.len());
    for row in rows {
        jobs.push(job(library, row).await?);
    }
    Ok(jobs)
}

/// One job, wherever it stands.
///
/// # Errors
/// [`Refusal::JobUnknown`].
pub(crate) async fn show(library: &Library, wanted: JobId) -> Result<Job, Error> {
    let jobs = list(library, &[wanted]).await?;
    let found = jobs.into_iter().find(|job| job.id == wanted);
    Ok(found.ok_or(Refusal::JobUnknown { job: wanted.get() })?)
}

async fn job(library: &Library, row: Row) -> Result<Job, Error> {
    let wrong = |error: atelier_contract::UnknownWord| Refusal::Internal {
        reason: error.to_string(),
    };
    let kind = JobKind::try_from(row.kind.as_str()).map_err(wrong)?;
    let settings = match kind {
        JobKind::Generate => {
            let settings: generations::Settings = serde_json::from_str(&row.request)?;
            Some(generations::asked(library, row.id, &settings, row.seed, row.pictures).await?)
        }
        JobKind::Train => None,
    };
    let (step, steps) = reached(row.metric.as_deref());
    Ok(Job {
        id: id(row.id)?,
        kind,
        status: JobStatus::try_from(row.status.as_str()).map_err(wrong)?,
        style: row.style.map(id).transpose()?,
        title: row.style_name.unwrap_or_else(|| title(settings.as_ref(), &row.request)),
        pictures: row.pictures,
        finished: row.finished,
        phase: None,
        step: if kind == JobKind::Train { step } else { 0 },
        steps: if kind == JobKind::Train { steps } else { 0 },
        seconds_left: None,
        failure: row.failure.as_deref().map(serde_json::from_str).transpose()?,
        settings,
        created_at: row.created_at,
    })
}

/// The prompt of an order, as the model reads it.
fn title(settings: Option<&GenerationRequest>, request: &str) -> String {
    let settings = settings.and_then(|_| serde_json::from_str::<generations::Settings>(request).ok());
    settings.map(|settings| settings.prompt).unwrap_or_default()
}

/// Where a training stands, by what its style measured last.
fn reached(metric: Option<&str>) -> (u32, u32) {
    let metric: serde_json::Value = metric
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default();
    let number = |name: &str| metric[name].as_u64().and_then(|number| u32::try_from(number).ok());
    (number("step").unwrap_or_default(), number("steps").unwrap_or_default())
}

/// The job that the device does next.
pub(crate) async fn next(library: &Library) -> Result<Option<(JobId, JobKind)>, Error> {
    let row = sqlx::query!(
        r#"SELECT id AS "id!: i64", kind FROM jobs WHERE status = 'queued' ORDER BY coalesce(place, id), id LIMIT 1"#
    )
    .fetch_optional(library.pool())
    .await?;
    let Some(row) = row else { return Ok(None) };
    let kind = JobKind::try_from(row.kind.as_str()).map_err(|error| Refusal::Internal {
        reason: error.to_string(),
    })?;
    Ok(Some((id(row.id)?, kind)))
}

/// Puts a waiting job before another, or behind all.
///
/// # Errors
/// [`Refusal::JobUnknown`] when one of them does not wait.
pub(crate) async fn move_before(library: &Library, moved: JobId, before: Option<JobId>) -> Result<(), Error> {
    let mut tx = library.begin().await?;
    let rows = sqlx::query!(
        r#"SELECT id AS "id!: i64", coalesce(place, id) AS "place!: f64"
             FROM jobs
            WHERE status IN ('queued','paused') AND id <> $1
            ORDER BY coalesce(place, id), id"#,
        Some(moved.get()),
    )
    .fetch_all(&mut *tx)
    .await?;
    let place = match before {
        None => rows.last().map_or(0.0, |last| last.place) + 1.0,
        Some(before) => {
            let at = rows.iter().position(|row| row.id == before.get());
            let at = at.ok_or(Refusal::JobUnknown { job: before.get() })?;
            let former = at
                .checked_sub(1)
                .map_or(rows[at].place - 1.0, |former| rows[former].place);
            former.midpoint(rows[at].place)
        }
    };
    let number = moved.get();
    let done = sqlx::query!(
        "UPDATE jobs SET place = $2 WHERE id = $1 AND status IN ('queued','paused')",
        number,
        place,
    )
    .execute(&mut *tx)
    .await?;
    if done.rows_affected() == 0 {
        return Err(Refusal::JobUnknown { job: number }.into());
    }
    tx.commit().await?;
    Ok(())
}

/// Queues every training that the end of a program paused.
pub(crate) async fn go_on(library: &Library) -> Result<(), Error> {
    sqlx::query!("UPDATE jobs SET status = 'queued', goes_on = FALSE WHERE status = 'paused' AND goes_on")
        .execute(library.pool())
        .await?;
    Ok(())
}

/// Marks a training that was paused because the program ends: the next one goes on with it.
pub(crate) async fn pause_again(library: &Library, job: JobId) -> Result<(), Error> {
    let job = job.get();
    sqlx::query!(
        "UPDATE jobs SET goes_on = TRUE WHERE id = $1 AND status = 'paused'",
        job
    )
    .execute(library.pool())
    .await?;
    Ok(())
}

/// Queues a paused training.
///
/// # Errors
/// [`Refusal::JobEnded`] when it is not paused.
pub(crate) async fn put_to_queue(library: &Library, job: JobId) -> Result<(), Error> {
    let mut connection = library.pool().acquire().await?;
    if advance(&mut connection, job, JobStatus::Paused, JobStatus::Queued, None).await? {
        return Ok(());
    }
    drop(connection);
    Err(show(library, job).await?.ended().into())
}

/// Ends a job that no worker has. `false` when a worker has it.
///
/// # Errors
/// [`Refusal::JobUnknown`], [`Refusal::JobEnded`].
pub(crate) async fn cancel_waiting(library: &Library, job: JobId) -> Result<bool, Error> {
    let found = show(library, job).await?;
    match found.status {
        JobStatus::Running => return Ok(false),
        JobStatus::Queued | JobStatus::Paused => {}
        JobStatus::Completed | JobStatus::Failed | JobStatus::Cancelled => return Err(found.ended().into()),
    }
    let mut tx = library.begin().await?;
    let ended = if let Some(style) = found.style {
        training::release_style(&mut tx, style).await?;
        advance(&mut tx, job, found.status, JobStatus::Cancelled, None).await?
    } else {
        generations::end(&mut tx, job, found.status, &Refusal::Cancelled {}).await?
    };
    if ended {
        tx.commit().await?;
    }
    Ok(ended)
}
