//! Making the pictures of an order: one task for the worker after the other, until every row is completed or failed.

use std::time::{Duration, Instant};

use atelier_contract::{GenerationProgress, GenerationStatus, JobId, JobStatus, Refusal};
use atelier_worker_protocol::{Generate, LoraUse, Outcome, Phase, Preview, Progress, Task};
use tokio::sync::watch;

use super::finish::Finished;
use super::{Settings, end, fail_open, is_kept_by_library, put_down};
use crate::jobs;
use crate::picture::provenance::StyleFacts;
use crate::picture::{Signature, signature};
use crate::worker::{Broken, Message, Wish, Workshop};
use crate::{Error, Library};

/// Shortest time between two writes of progress.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(1);
/// Steps between two previews of a picture that somebody watches.
const PREVIEW_EVERY: u32 = 2;

/// What [`run_queue`] says on its way.
#[derive(Debug)]
#[expect(missing_docs, reason = "a field is what its name says")]
pub enum Update {
    /// An order begins; `left_over` when it is from an earlier run.
    Begins { job: JobId, pictures: u32, left_over: bool },
    /// Part of it that is done, and what is going on. Steps count over all its pictures, those of earlier attempts too.
    Progress(Progress),
    /// A picture as it forms; its index is its place among all pictures of the order.
    Preview(Preview),
    /// A picture is finished.
    Finished(Finished),
    /// The worker failed; the pictures that are missing are tried again.
    Retrying { attempt: u32, reason: Refusal },
    /// Pictures that were given up.
    Failed { pictures: u32, reason: Refusal },
}

/// A row that is to be made.
pub(super) struct Open {
    pub(super) id: i64,
    pub(super) seed: u64,
    /// Whether a worker had it before.
    begun: bool,
    retries: u32,
}

/// Which pictures of its order a task makes.
#[derive(Debug, Clone, Copy)]
struct Share {
    /// Pictures of the order that are finished.
    finished: u32,
    /// Pictures of the task.
    pictures: u32,
    /// Pictures of the order.
    all: u32,
}

impl Share {
    /// A task's progress as that of its order. Of what comes before the first step nobody knows how long it takes.
    fn of_order(self, progress: Progress) -> Progress {
        if !matches!(progress.phase, Phase::Denoising | Phase::Decoding) {
            return Progress {
                step: 0,
                steps: 0,
                ..progress
            };
        }
        let of_picture = progress.steps / self.pictures.max(1);
        let (step, steps) = (self.finished * of_picture + progress.step, self.all * of_picture);
        let (left, left_of_task) = (
            steps - step.min(steps),
            progress.steps - progress.step.min(progress.steps),
        );
        let seconds_left = progress.seconds_left.filter(|_| left_of_task > 0);
        Progress {
            step,
            steps,
            seconds_left: seconds_left.map(|seconds| seconds * f64::from(left) / f64::from(left_of_task)),
            ..progress
        }
    }
}

/// Makes the pictures of all orders that wait, oldest first; `order` is the one that was placed now. Gives its first failure.
///
/// # Errors
/// The library's, and that a picture of `order` could not be kept. A picture that fails is told by [`Update::Failed`] and its row, and does
/// not end the others; nor does an order from before, whatever keeps it.
pub async fn run_queue(
    library: &Library,
    workshop: &mut Workshop,
    order: Option<JobId>,
    wish: &mut watch::Receiver<Wish>,
    on_update: &mut (dyn FnMut(Update) + Send),
) -> Result<Option<Refusal>, Error> {
    let mut failure = None;
    for job in waiting(library).await? {
        let left_over = order != Some(job);
        // Who ends this run means the order that it was for; those of before wait on.
        if left_over && *wish.borrow() != Wish::Run {
            continue;
        }
        let ended = match begin(library, workshop, job, wish, 0).await {
            Ok(run) => run.run(left_over, on_update).await,
            Err(error) => Err(error),
        };
        match ended {
            // Its folder for copies may be on a disk that is away: nothing to those behind it.
            Err(error) if left_over && !is_kept_by_library(&error) => {
                put_down(library, job, &error).await?;
                on_update(Update::Failed {
                    pictures: failed(library, job).await?,
                    reason: error.refusal(),
                });
            }
            Err(error) => return Err(error),
            Ok(_) if left_over => {}
            Ok(ended) => failure = ended,
        }
    }
    Ok(failure)
}

/// Orders that wait, in the order in which they will be done.
pub(crate) async fn waiting(library: &Library) -> Result<Vec<JobId>, Error> {
    let waiting = sqlx::query_scalar!(
        r#"SELECT id AS "id!: i64" FROM jobs WHERE kind = 'generate' AND status = 'queued' ORDER BY coalesce(place, id), id"#
    )
    .fetch_all(library.pool())
    .await?;
    waiting.into_iter().map(jobs::id).collect()
}

/// Pictures of an order that were given up.
async fn failed(library: &Library, job: JobId) -> Result<u32, Error> {
    let job = job.get();
    let failed = sqlx::query_scalar!(
        r#"SELECT count(*) AS "failed!: u32" FROM generations WHERE job_id = $1 AND status = 'failed'"#,
        job,
    );
    Ok(failed.fetch_one(library.pool()).await?)
}

/// Makes the pictures of one order that is `queued`, with previews. Gives its first failure. A wish to pause puts what is missing back
/// into the queue.
///
/// # Errors
/// As [`run_queue`].
pub async fn run_job(
    library: &Library,
    workshop: &mut Workshop,
    job: JobId,
    wish: &mut watch::Receiver<Wish>,
    on_update: &mut (dyn FnMut(Update) + Send),
) -> Result<Option<Refusal>, Error> {
    let run = begin(library, workshop, job, wish, PREVIEW_EVERY).await?;
    run.run(false, on_update).await
}

async fn begin<'a>(
    library: &'a Library,
    workshop: &'a mut Workshop,
    job: JobId,
    wish: &'a mut watch::Receiver<Wish>,
    preview_every: u32,
) -> Result<Run<'a>, Error> {
    let number = job.get();
    let request = sqlx::query_scalar!("SELECT request FROM jobs WHERE id = $1 AND kind = 'generate'", number)
        .fetch_optional(library.pool())
        .await?
        .ok_or(Refusal::JobUnknown { job: number })?;
    Ok(Run {
        library,
        workshop,
        job,
        settings: serde_json::from_str(&request)?,
        wish,
        preview_every,
    })
}

pub(super) struct Run<'a> {
    pub(super) library: &'a Library,
    workshop: &'a mut Workshop,
    job: JobId,
    pub(super) settings: Settings,
    wish: &'a mut watch::Receiver<Wish>,
    /// Steps between two previews; 0 for none.
    preview_every: u32,
}

impl Run<'_> {
    /// Makes all that is open. Gives the first failure.
    async fn run(
        mut self,
        left_over: bool,
        on_update: &mut (dyn FnMut(Update) + Send),
    ) -> Result<Option<Refusal>, Error> {
        let mut connection = self.library.pool().acquire().await?;
        if !jobs::advance(&mut connection, self.job, JobStatus::Queued, JobStatus::Running, None).await? {
            return Ok(None);
        }
        drop(connection);
        let pictures = self.open().await?.len() as u32;
        on_update(Update::Begins {
            job: self.job,
            pictures,
            left_over,
        });
        let mut ran_out = false;
        let mut first_failure = None;
        loop {
            let open = self.open().await?;
            if open.is_empty() {
                break;
            }
            if *self.wish.borrow() != Wish::Run {
                return self.stop(left_over).await;
            }
            self.process(&open).await?;
            match self.attempt(&open, on_update).await {
                Ok(true) => {}
                Ok(false) => return self.stop(left_over).await,
                Err(Broken::Library(error)) => {
                    self.workshop.abandon();
                    self.end(&error.refusal()).await?;
                    return Err(error);
                }
                Err(Broken::Work(error)) => {
                    let attempt = open.iter().map(|row| row.retries).max().unwrap_or_default() + 1;
                    let reason = error.refusal(attempt);
                    // Pictures are made one by one, so there is no smaller way: where a new worker runs out of memory too, so will the next.
                    let is_short = matches!(reason, Refusal::OutOfMemory { .. });
                    let is_final = is_short && ran_out;
                    ran_out |= is_short;
                    let (retrying, failed) = if error.may_pass_later() && !is_final {
                        let mut tx = self.library.begin().await?;
                        let moved = jobs::put_back(&mut tx, self.job, &reason).await?;
                        tx.commit().await?;
                        moved
                    } else {
                        (0, self.give_up(&reason).await?)
                    };
                    if retrying > 0 {
                        on_update(Update::Retrying {
                            attempt,
                            reason: reason.clone(),
                        });
                    }
                    if failed > 0 {
                        on_update(Update::Failed {
                            pictures: failed,
                            reason: reason.clone(),
                        });
                        first_failure.get_or_insert(reason);
                    }
                }
            }
        }
        let mut tx = self.library.begin().await?;
        let to = jobs::settled(&mut tx, self.job).await?;
        let why = first_failure.clone().unwrap_or(Refusal::Cancelled {});
        jobs::advance(
            &mut tx,
            self.job,
            JobStatus::Running,
            to,
            (to == JobStatus::Failed).then_some(&why),
        )
        .await?;
        tx.commit().await?;
        Ok(first_failure)
    }

    /// Ends as was wished: for good, or with what is missing in the queue again, as always with an order of an earlier run.
    async fn stop(self, left_over: bool) -> Result<Option<Refusal>, Error> {
        if left_over || *self.wish.borrow() == Wish::Pause {
            jobs::wait_again(self.library, self.job).await?;
            return Ok(None);
        }
        self.end(&Refusal::Cancelled {}).await?;
        Ok(Some(Refusal::Cancelled {}))
    }

    async fn end(&self, reason: &Refusal) -> Result<(), Error> {
        let mut tx = self.library.begin().await?;
        end(&mut tx, self.job, JobStatus::Running, reason).await?;
        Ok(tx.commit().await?)
    }

    async fn open(&self) -> Result<Vec<Open>, Error> {
        let job = self.job.get();
        let rows = sqlx::query!(
            r#"SELECT id AS "id!: i64", seed AS "seed!: i64", status, retry_count AS "retry_count!: u32"
                 FROM generations
                WHERE job_id = $1 AND status IN ('queued','retrying')
                ORDER BY id"#,
            job,
        )
        .fetch_all(self.library.pool())
        .await?;
        let open = rows.into_iter().map(|row| Open {
            id: row.id,
            seed: u64::from_ne_bytes(row.seed.to_ne_bytes()),
            begun: row.status == GenerationStatus::Retrying.as_str(),
            retries: row.retry_count,
        });
        Ok(open.collect())
    }

    async fn process(&self, open: &[Open]) -> Result<(), Error> {
        let mut tx = self.library.begin().await?;
        for row in open {
            let from = if row.begun {
                GenerationStatus::Retrying
            } else {
                GenerationStatus::Queued
            };
            jobs::advance_generation(&mut tx, row.id, from, GenerationStatus::Processing, None).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// Fails what is open: the same would happen to each.
    async fn give_up(&self, reason: &Refusal) -> Result<u32, Error> {
        let mut connection = self.library.pool().acquire().await?;
        fail_open(&mut connection, self.job, reason).await
    }

    /// One task for the worker. `false` when the person ended it.
    async fn attempt(&mut self, open: &[Open], on_update: &mut (dyn FnMut(Update) + Send)) -> Result<bool, Broken> {
        if !self.receipts().await? {
            return Ok(false);
        }
        let artist = signature::artist(self.library)?;
        // The artist's own name goes with her styles; a picture of the base model alone, or of other artists' styles, is not hers.
        let signed = if self.settings.styles.iter().all(|style| style.imported) {
            None
        } else {
            Signature::load(self.library, &artist)?
        };
        let share = self.share(open).await?;
        self.workshop.begin(Task::Generate(self.task(open))).await?;
        let mut written = Instant::now();
        loop {
            match self.workshop.next(self.wish).await? {
                Message::Progress(progress) => {
                    let progress = share.of_order(progress);
                    if written.elapsed() >= PROGRESS_INTERVAL {
                        written = Instant::now();
                        self.write_progress(&progress).await?;
                    }
                    on_update(Update::Progress(progress));
                }
                Message::Picture(picture) => {
                    let Some(row) = open.get(picture.index as usize) else {
                        continue;
                    };
                    let finished = self.finish(row, picture.pixels, signed.as_ref()).await?;
                    on_update(Update::Finished(finished));
                }
                Message::Preview(preview) => {
                    let index = share.finished + preview.index;
                    on_update(Update::Preview(Preview { index, ..preview }));
                }
                Message::Done(_) => return Ok(true),
                Message::Stopped => return Ok(false),
            }
        }
    }

    async fn share(&self, open: &[Open]) -> Result<Share, Error> {
        let job = self.job.get();
        let counted = sqlx::query!(
            r#"SELECT count(*) AS "all!: u32", count(*) FILTER (WHERE status = 'completed') AS "finished!: u32"
                 FROM generations
                WHERE job_id = $1"#,
            job,
        )
        .fetch_one(self.library.pool())
        .await?;
        Ok(Share {
            finished: counted.finished,
            pictures: open.len() as u32,
            all: counted.all,
        })
    }

    fn task(&self, open: &[Open]) -> Generate {
        let lora = |(url, style): (&String, &StyleFacts)| LoraUse {
            path: self.library.path_of(url),
            strength: style.strength,
        };
        Generate {
            model: self.settings.model_path.clone(),
            dtype: None,
            loras: self
                .settings
                .loras
                .iter()
                .zip(&self.settings.styles)
                .map(lora)
                .collect(),
            prompt: self.settings.prompt.clone(),
            negative_prompt: self.settings.negative_prompt.clone(),
            width: self.settings.width,
            height: self.settings.height,
            seeds: open.iter().map(|row| row.seed).collect(),
            steps: self.settings.steps,
            guidance: self.settings.guidance,
            sampler: self.settings.sampler,
            preview_every: self.preview_every,
        }
    }

    /// Asks how each LoRA fits, before a picture says so. `false` when the person ended it.
    async fn receipts(&mut self) -> Result<bool, Broken> {
        for (url, style) in self.settings.loras.iter().zip(&mut self.settings.styles) {
            if style.layers > 0 {
                continue;
            }
            let task = Task::CheckLora {
                model: self.settings.model_path.clone(),
                lora: self.library.path_of(url),
            };
            let Some(outcome) = self.workshop.run_while(self.wish, task).await? else {
                return Ok(false);
            };
            if let Outcome::Checked(receipt) = outcome {
                style.layers = receipt.layers;
                style.layers_matched = receipt.layers_matched;
                style.base_model_matches = receipt.base_model_matches;
            }
        }
        Ok(true)
    }

    async fn write_progress(&self, progress: &Progress) -> Result<(), Error> {
        let progress = GenerationProgress {
            progress_percent: (progress.step * 100)
                .checked_div(progress.steps)
                .unwrap_or_default()
                .min(100),
            current_step: progress.step,
            total_steps: progress.steps,
            last_updated: crate::training::now(),
        };
        let (job, json) = (self.job.get(), serde_json::to_string(&progress)?);
        sqlx::query!(
            "UPDATE generations SET generation_progress = $2 WHERE job_id = $1 AND status = 'processing'",
            job,
            json,
        )
        .execute(self.library.pool())
        .await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(phase: Phase, step: u32, steps: u32) -> Progress {
        Progress {
            phase,
            step,
            steps,
            loss: None,
            learning_rate: None,
            seconds_left: Some(10.0),
        }
    }

    #[test]
    fn steps_count_over_the_whole_order() {
        // The second of four pictures of twenty steps, alone, half done.
        let share = Share {
            finished: 1,
            pictures: 1,
            all: 4,
        };
        let now = share.of_order(told(Phase::Denoising, 10, 20));
        assert_eq!((now.step, now.steps, now.seconds_left), (30, 80, Some(50.0)));
        let now = share.of_order(told(Phase::Decoding, 20, 20));
        assert_eq!((now.step, now.steps, now.seconds_left), (40, 80, None));
        let now = share.of_order(told(Phase::Loading, 0, 0));
        assert_eq!((now.step, now.steps), (0, 0));
    }
}
