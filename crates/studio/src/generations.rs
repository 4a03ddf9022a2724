//! Generations: pictures from styles and tags. One row a picture, one job an order.
//!
//! `queued → processing → completed`, and on the way `retrying` at most [`jobs::RETRIES_MAX`] times, once when memory was short.
//! A picture that is finished stays finished, whatever happens to those behind it.

mod finish;
mod order;
mod request;
mod run;

use std::fs;
use std::path::Path;

use atelier_contract::{JobId, JobKind, JobStatus, LicenseType, Refusal, StyleId, Tag, TrainingStatus};
use atelier_worker_protocol::Sampler;
use sqlx::{Sqlite, SqliteConnection, Transaction};

use crate::jobs;
use crate::models::{self, Model};
use crate::picture::provenance::{ModelFacts, StyleFacts};
use crate::picture::signature;
use crate::worker::Workshop;
use crate::{Config, Error, Library, styles};

pub use finish::Finished;
pub use order::{
    COUNT_MAX, GUIDANCE_MAX, Order, SAMPLERS, STEPS_MAX, STRENGTH_MAX, Settings, prompt, sampler_name, sampler_named,
    size_of,
};
pub(crate) use request::asked;
pub use request::{
    AspectChoice, Choices, GenerationRequest, STYLES_MAX, StyleReceipt, StyleUse, choices, place_request, receipts,
};
pub(crate) use run::waiting;
pub use run::{Update, run_job, run_queue};

/// Steps, guidance and sampler that suit most pictures of a model.
const STEPS: u32 = 20;
const GUIDANCE: f64 = 7.0;
const GUIDANCE_SMALL: f64 = 4.0;
const SAMPLER: Sampler = Sampler::Dpmpp2mKarras;

/// A style that is fit for use.
struct Usable {
    id: StyleId,
    facts: StyleFacts,
    lora: String,
    base_model: String,
}

/// Writes down an order: a job and a row for every picture, all `queued`. [`run_queue`] makes them.
///
/// # Errors
/// [`Refusal::StyleUnknown`], [`Refusal::StyleNotTrained`], [`Refusal::StyleInTraining`], [`Refusal::StyleUnhealthy`],
/// [`Refusal::ModelUnknown`], [`Refusal::NumberOutOfRange`], [`Refusal::NothingToMake`], and [`Refusal::NotWritable`] or [`Refusal::DiskFull`] for the
/// folder of copies.
pub async fn place(library: &Library, config: &Config, workshop: &mut Workshop, order: &Order) -> Result<JobId, Error> {
    order.check()?;
    if let Some(out) = &order.out {
        require_writable(out)?;
    }
    let mut styles = Vec::with_capacity(order.styles.len());
    for (name, strength) in &order.styles {
        styles.push(usable(library, name, *strength).await?);
    }
    let base = order
        .model
        .clone()
        .or_else(|| styles.first().map(|style| style.base_model.clone()));
    let model = models::resolve(
        library,
        config,
        workshop,
        base.as_deref().unwrap_or(styles::STARTER_MODEL),
    )
    .await?;
    let settings = settings(order, &styles, &model);
    let first = order.seed.unwrap_or_else(random_seed);
    let seeds: Vec<u64> = (0..u64::from(order.count))
        .map(|index| first.wrapping_add(index))
        .collect();
    write(
        library,
        &settings,
        styles.first().map(|style| style.id),
        &order.tags,
        &seeds,
    )
    .await
}

fn settings(order: &Order, styles: &[Usable], model: &Model) -> Settings {
    let (width, height) = size_of(order.aspect, model.native_size_px);
    Settings {
        model: ModelFacts {
            id: model.id.clone(),
            architecture: model.architecture.clone(),
            sha256: model.hash(),
        },
        model_path: model.path.clone(),
        loras: styles.iter().map(|style| style.lora.clone()).collect(),
        prompt: prompt(
            styles.iter().map(|style| style.facts.name.as_str()),
            order.tags.iter().map(Tag::as_str),
        ),
        styles: styles.iter().map(|style| style.facts.clone()).collect(),
        negative_prompt: prompt([], order.negative.iter().map(Tag::as_str)),
        tags: order.tags.iter().map(|tag| tag.as_str().to_owned()).collect(),
        aspect: order.aspect,
        width,
        height,
        steps: order.steps.unwrap_or(STEPS),
        guidance: order.guidance.unwrap_or_else(|| guidance_of(model)),
        sampler: order.sampler.unwrap_or(SAMPLER),
        out: order.out.clone(),
    }
}

/// The weight of guidance that suits a model.
fn guidance_of(model: &Model) -> f64 {
    if model.architecture == "sd15-small" {
        GUIDANCE_SMALL
    } else {
        GUIDANCE
    }
}

async fn write(
    library: &Library,
    settings: &Settings,
    style: Option<StyleId>,
    tags: &[Tag],
    seeds: &[u64],
) -> Result<JobId, Error> {
    let request = serde_json::to_string(settings)?;
    let aspect = settings.aspect.as_str();
    let style = style.map(StyleId::get);
    let mut tx = library.begin().await?;
    let job = jobs::create(&mut tx, JobKind::Generate, None, &request).await?;
    let job_number = job.get();
    for seed in seeds {
        // All 64 bits; a seed of 2⁶³ or more looks negative there.
        let seed = i64::from_ne_bytes(seed.to_ne_bytes());
        let generation = sqlx::query!(
            r#"INSERT INTO generations (job_id, style_id, aspect_ratio, seed, settings)
               VALUES ($1, $2, $3, $4, $5)
            RETURNING id AS "id!: i64""#,
            job_number,
            style,
            aspect,
            seed,
            request,
        )
        .fetch_one(&mut *tx)
        .await?
        .id;
        for (sequence, tag) in (0_i64..).zip(tags) {
            let name = tag.as_str();
            sqlx::query!(
                "INSERT INTO tags (name) VALUES ($1) ON CONFLICT (name) DO NOTHING",
                name
            )
            .execute(&mut *tx)
            .await?;
            sqlx::query!(
                "INSERT OR IGNORE INTO generation_tags (generation_id, tag_id, sequence)
                 SELECT $1, id, $2 FROM tags WHERE name = $3",
                generation,
                sequence,
                name,
            )
            .execute(&mut *tx)
            .await?;
        }
    }
    tx.commit().await?;
    Ok(job)
}

/// A style's LoRA and what stands in pictures about it.
async fn usable(library: &Library, name: &str, strength: f64) -> Result<Usable, Error> {
    let style = styles::find(library, name).await?;
    let not_trained = || Refusal::StyleNotTrained {
        style: style.name.clone(),
    };
    // What an earlier training made is as good as before, however a later one goes.
    let lora = match (&style.model_path, style.training_status) {
        (Some(lora), _) => lora.clone(),
        (None, TrainingStatus::Training) => return Err(Refusal::StyleInTraining { style: style.name }.into()),
        (None, TrainingStatus::Failed) => {
            return Err(style.training_failure.clone().unwrap_or_else(not_trained).into());
        }
        (None, TrainingStatus::Pending | TrainingStatus::Completed) => return Err(not_trained().into()),
    };
    let path = library.path_of(&lora);
    if !path.is_file() {
        return Err(Refusal::FileMissing {
            file: path.display().to_string(),
        }
        .into());
    }
    let sha256 = tokio::task::spawn_blocking(move || models::download::sha256_of(&path)).await??;
    let id = style.id.get();
    let license = sqlx::query_scalar!("SELECT license_type FROM styles WHERE id = $1", id)
        .fetch_one(library.pool())
        .await?;
    let artist = signature::artist(library)?.name;
    let facts = StyleFacts {
        name: style.name,
        strength,
        artist: (!artist.is_empty() && !style.imported).then_some(artist),
        imported: style.imported,
        license: LicenseType::try_from(license.as_str()).unwrap_or(LicenseType::Personal),
        sha256,
        layers_matched: 0,
        layers: 0,
        base_model_matches: false,
    };
    Ok(Usable {
        id: style.id,
        facts,
        lora,
        base_model: style.base_model,
    })
}

/// Makes `folder` and tries it with a file, before there is a picture that could not be put there.
fn require_writable(folder: &Path) -> Result<(), Error> {
    fs::create_dir_all(folder).map_err(Error::file(folder))?;
    let trial = folder.join(format!(".atelier-{:016x}", random_seed()));
    fs::write(&trial, "the picture comes next").map_err(Error::file(folder))?;
    fs::remove_file(&trial).map_err(Error::file(folder))
}

/// 64 random bits. The standard library's hasher takes its keys from the system, and nothing secret depends on a seed.
fn random_seed() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    std::collections::hash_map::RandomState::new().build_hasher().finish()
}

/// Puts down an order that cannot go on now. One that could not even begin is ended, so that it is not taken up again and again; when the
/// library is what keeps it, it waits on. One that began, and whose end could not be written, is put back as after a crash.
///
/// # Errors
/// [`Error::Database`].
pub(crate) async fn put_down(library: &Library, job: JobId, error: &Error) -> Result<(), Error> {
    if !is_kept_by_library(error) {
        let mut tx = library.begin().await?;
        if end(&mut tx, job, JobStatus::Queued, &error.refusal()).await? {
            tx.commit().await?;
            return Ok(());
        }
    }
    jobs::recover(library).await?;
    Ok(())
}

/// Whether the library itself keeps an order from its work: its disk is full, or away. That has nothing to do with what is asked for, and
/// may pass.
pub(crate) fn is_kept_by_library(error: &Error) -> bool {
    let lasts = || {
        matches!(
            error.refusal(),
            Refusal::Internal { .. } | Refusal::LibraryDamaged { .. }
        )
    };
    matches!(error, Error::Database(_)) && !lasts()
}

/// Ends an order that stands at `from`, with the pictures that it has not finished; `false` when it stands elsewhere.
pub(crate) async fn end(
    tx: &mut Transaction<'_, Sqlite>,
    job: JobId,
    from: JobStatus,
    reason: &Refusal,
) -> Result<bool, Error> {
    let (to, failure) = match reason {
        Refusal::Cancelled {} => (JobStatus::Cancelled, None),
        reason => (JobStatus::Failed, Some(reason)),
    };
    if !jobs::advance(tx, job, from, to, failure).await? {
        return Ok(false);
    }
    fail_open(tx, job, reason).await?;
    Ok(true)
}

/// Fails the pictures that an order has not finished; gives how many.
async fn fail_open(connection: &mut SqliteConnection, job: JobId, reason: &Refusal) -> Result<u32, Error> {
    let failure = serde_json::to_string(reason)?;
    let job = job.get();
    let failed = sqlx::query!(
        "UPDATE generations
            SET status = 'failed', failure = $2, generation_progress = NULL, updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
          WHERE job_id = $1 AND status IN ('queued','processing','retrying')",
        job,
        failure,
    )
    .execute(connection)
    .await?;
    Ok(u32::try_from(failed.rows_affected()).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sqlx::Connection;

    use super::*;
    use crate::Access;

    /// What a disk without room makes of a write.
    async fn no_room() -> sqlx::Result<Error> {
        let mut database = SqliteConnection::connect("sqlite::memory:").await?;
        sqlx::query("PRAGMA max_page_count = 1").execute(&mut database).await?;
        let full = sqlx::query("CREATE TABLE more (room TEXT)")
            .execute(&mut database)
            .await;
        Ok(full.expect_err("one page is full").into())
    }

    #[tokio::test]
    async fn an_order_waits_for_room_and_one_that_cannot_begin_ends_with_its_pictures() -> Result<(), Error> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let library = Library::open(folder.path(), Access::Write, Duration::ZERO).await?;
        let mut tx = library.begin().await?;
        let job = jobs::create(&mut tx, JobKind::Generate, None, "{}").await?;
        sqlx::query("INSERT INTO generations (job_id) VALUES ($1)")
            .bind(job.get())
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        let states = async || {
            let both = "SELECT jobs.status, generations.status FROM jobs JOIN generations ON job_id = jobs.id";
            sqlx::query_as::<_, (String, String)>(both)
                .fetch_one(library.pool())
                .await
        };
        put_down(&library, job, &no_room().await?).await?;
        assert_eq!(states().await?, ("queued".into(), "queued".into()));
        let unreadable = serde_json::from_str::<Settings>("{}").expect_err("it says nothing");
        put_down(&library, job, &unreadable.into()).await?;
        assert_eq!(states().await?, ("failed".into(), "failed".into()));
        Ok(())
    }
}
