//! Jobs: long work as rows, so that a kill at any point leaves something that can go on or end with a reason.
//!
//! A job belongs to the program that holds the library's lock. What a row says is `running` when a program gets that lock was left by
//! one that died: [`recover`] puts it back. Every move is one `UPDATE … WHERE status = from`; no row back means that somebody was faster.

mod queue;

use atelier_contract::{Finding, GenerationStatus, JobId, JobKind, JobStatus, Refusal, StyleId, TrainingStatus};
use sqlx::{Sqlite, SqliteConnection, Transaction};

use crate::{Error, Library};

pub use queue::Job;
pub(crate) use queue::{cancel_waiting, go_on, list, move_before, next, pause_again, put_to_queue, show};

/// How often a generation is tried again.
pub const RETRIES_MAX: u32 = 3;

/// Writes a new job, `queued`. Its `request` is all that is needed to start it again.
pub(crate) async fn create(
    tx: &mut Transaction<'_, Sqlite>,
    kind: JobKind,
    style: Option<StyleId>,
    request: &str,
) -> Result<JobId, Error> {
    let (kind, style) = (kind.as_str(), style.map(StyleId::get));
    let row = sqlx::query!(
        r#"INSERT INTO jobs (kind, style_id, request, place)
           SELECT $1, $2, $3, CASE WHEN max(place) > coalesce((SELECT max(id) FROM jobs), 0) THEN max(place) + 1 END
             FROM jobs
            WHERE status IN ('queued','paused')
        RETURNING id AS "id!: i64""#,
        kind,
        style,
        request,
    )
    .fetch_one(&mut **tx)
    .await?;
    id(row.id)
}

/// Moves a job; `false` when it is no longer in `from`. A move to `running` counts as an attempt. One that is cancelled remembers whether
/// it was paused, in case that is taken back.
pub(crate) async fn advance(
    connection: &mut SqliteConnection,
    job: JobId,
    from: JobStatus,
    to: JobStatus,
    failure: Option<&Refusal>,
) -> Result<bool, Error> {
    debug_assert!(from.may_become(to), "{from} → {to}");
    let failure = failure.map(serde_json::to_string).transpose()?;
    let (job, from, to) = (job.get(), from.as_str(), to.as_str());
    let moved = sqlx::query!(
        r#"UPDATE jobs
              SET status = $3,
                  failure = $4,
                  attempts = attempts + ($3 = 'running'),
                  goes_on = ($3 = 'cancelled' AND $2 <> 'paused'),
                  started_at = CASE WHEN $3 = 'running' THEN strftime('%Y-%m-%dT%H:%M:%fZ', 'now') ELSE started_at END,
                  ended_at = CASE WHEN $3 IN ('completed','failed','cancelled') THEN strftime('%Y-%m-%dT%H:%M:%fZ', 'now') END,
                  updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
            WHERE id = $1 AND status = $2"#,
        job,
        from,
        to,
        failure,
    )
    .execute(connection)
    .await?;
    Ok(moved.rows_affected() == 1)
}

/// Moves a generation; `false` when it is no longer in `from`. A move to `retrying` counts as a retry.
pub(crate) async fn advance_generation(
    connection: &mut SqliteConnection,
    generation: i64,
    from: GenerationStatus,
    to: GenerationStatus,
    failure: Option<&Refusal>,
) -> Result<bool, Error> {
    debug_assert!(from.may_become(to), "{from} → {to}");
    let failure = failure.map(serde_json::to_string).transpose()?;
    let (from, to) = (from.as_str(), to.as_str());
    let moved = sqlx::query!(
        r#"UPDATE generations
              SET status = $3,
                  failure = $4,
                  retry_count = retry_count + ($3 = 'retrying'),
                  generation_progress = NULL,
                  updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
            WHERE id = $1 AND status = $2"#,
        generation,
        from,
        to,
        failure,
    )
    .execute(connection)
    .await?;
    Ok(moved.rows_affected() == 1)
}

/// Moves a style between the states of its training; `false` when it is no longer in `from`.
pub(crate) async fn advance_style(
    connection: &mut SqliteConnection,
    style: StyleId,
    from: TrainingStatus,
    to: TrainingStatus,
    failure: Option<&Refusal>,
) -> Result<bool, Error> {
    debug_assert!(from.may_become(to), "{from} → {to}");
    let failure = failure.map(serde_json::to_string).transpose()?;
    let (style, from, to) = (style.get(), from.as_str(), to.as_str());
    let moved = sqlx::query!(
        r#"UPDATE styles
              SET training_status = $3,
                  training_failure = $4,
                  training_progress = NULL,
                  updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
            WHERE id = $1 AND training_status = $2"#,
        style,
        from,
        to,
        failure,
    )
    .execute(connection)
    .await?;
    Ok(moved.rows_affected() == 1)
}

/// What [`recover`] found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Trainings that can go on from their checkpoint.
    pub paused: u32,
    /// Generations that are tried again.
    pub retrying: u32,
    /// Generations that were tried often enough.
    pub failed: u32,
}

/// Puts back what a program that died has left `running`: a training is paused and can be resumed, a picture is tried again or,
/// after [`RETRIES_MAX`] times, failed.
pub(crate) async fn recover(library: &Library) -> Result<Recovered, Error> {
    let mut tx = library.begin().await?;
    let left = sqlx::query!(
        r#"SELECT id AS "id!: i64", kind AS "kind!: String"
             FROM jobs
            WHERE status = 'running'
            ORDER BY id"#
    )
    .fetch_all(&mut *tx)
    .await?;
    let mut recovered = Recovered::default();
    for row in left {
        let job = id(row.id)?;
        if row.kind == JobKind::Train.as_str() {
            advance(&mut tx, job, JobStatus::Running, JobStatus::Paused, None).await?;
            let job = job.get();
            sqlx::query!("UPDATE jobs SET goes_on = TRUE WHERE id = $1", job)
                .execute(&mut *tx)
                .await?;
            recovered.paused += 1;
        } else {
            let reason = Refusal::WorkerCrashed {
                attempts: RETRIES_MAX + 1,
                reason: Finding::StudioEnded {},
            };
            let (retrying, failed) = put_back(&mut tx, job, &reason).await?;
            recovered.retrying += retrying;
            recovered.failed += failed;
            let to = settled(&mut tx, job).await?;
            let failure = (to == JobStatus::Failed).then_some(&reason);
            advance(&mut tx, job, JobStatus::Running, to, failure).await?;
        }
    }
    tx.commit().await?;
    if recovered != Recovered::default() {
        tracing::info!(?recovered, "what was left in the middle is put back");
    }
    Ok(recovered)
}

/// Puts back the generations of `job` that were being made; gives how many are tried again and how many failed with `reason`.
pub(crate) async fn put_back(
    tx: &mut Transaction<'_, Sqlite>,
    job: JobId,
    reason: &Refusal,
) -> Result<(u32, u32), Error> {
    let number = job.get();
    let rows = sqlx::query!(
        r#"SELECT id AS "id!: i64", retry_count AS "retry_count!: u32"
             FROM generations
            WHERE job_id = $1 AND status = 'processing'
            ORDER BY id"#,
        number,
    )
    .fetch_all(&mut **tx)
    .await?;
    let (mut retrying, mut failed) = (0, 0);
    for row in rows {
        let from = GenerationStatus::Processing;
        if row.retry_count < RETRIES_MAX {
            advance_generation(tx, row.id, from, GenerationStatus::Retrying, None).await?;
            retrying += 1;
        } else {
            advance_generation(tx, row.id, from, GenerationStatus::Failed, Some(reason)).await?;
            failed += 1;
        }
    }
    Ok((retrying, failed))
}

/// Puts a job of generations back into the queue whose worker was stopped. Nothing failed, so no try is counted.
pub(crate) async fn wait_again(library: &Library, job: JobId) -> Result<(), Error> {
    let number = job.get();
    let mut tx = library.begin().await?;
    sqlx::query!(
        "UPDATE generations SET status = 'retrying', generation_progress = NULL WHERE job_id = $1 AND status = 'processing'",
        number,
    )
    .execute(&mut *tx)
    .await?;
    advance(&mut tx, job, JobStatus::Running, JobStatus::Queued, None).await?;
    tx.commit().await?;
    Ok(())
}

/// What a job of generations is once no worker has it: `queued` while a picture is missing, then `failed` if one failed.
pub(crate) async fn settled(tx: &mut Transaction<'_, Sqlite>, job: JobId) -> Result<JobStatus, Error> {
    let job = job.get();
    let row = sqlx::query!(
        r#"SELECT coalesce(sum(status IN ('queued','processing','retrying')), 0) AS "open!: i64",
                  coalesce(sum(status = 'failed'), 0) AS "failed!: i64"
             FROM generations
            WHERE job_id = $1"#,
        job,
    )
    .fetch_one(&mut **tx)
    .await?;
    Ok(match (row.open, row.failed) {
        (1.., _) => JobStatus::Queued,
        (_, 1..) => JobStatus::Failed,
        _ => JobStatus::Completed,
    })
}

/// The id that a column holds.
pub(crate) fn id<I: TryFrom<i64, Error = atelier_contract::IdError>>(number: i64) -> Result<I, Error> {
    I::try_from(number).map_err(|error| {
        Refusal::Internal {
            reason: error.to_string(),
        }
        .into()
    })
}
