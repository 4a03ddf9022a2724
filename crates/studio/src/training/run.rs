//! Running a training: worker, progress, retries, and the end.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use atelier_contract::{JobId, JobStatus, Refusal, StyleId, TrainingProgress, TrainingStatus};
use atelier_worker_protocol::{Failure, Outcome, Phase, Progress, Task, Train, Trained};
use serde_json::json;
use tokio::sync::watch;

use super::end::{forget, has_checkpoint, release_style};
use super::{Ended, Update, now};
use crate::jobs;
use crate::worker::{Broken, Message, Wish, WorkError, Workshop};
use crate::{Error, Library, findings};

/// Shortest time between two writes of progress. The worker speaks at least every 30 s, which is as long as it may take.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(2);
/// How often a training goes on after its worker died.
const ATTEMPTS_MAX: u32 = 4;
/// Points that are kept of a loss curve: then every second one goes.
const LOSS_POINTS_MAX: usize = 400;

/// A training whose row is `running`.
pub(super) struct Run<'a> {
    pub(super) library: &'a Library,
    pub(super) workshop: &'a mut Workshop,
    pub(super) job: JobId,
    pub(super) style: StyleId,
    pub(super) style_name: String,
    pub(super) train: Train,
    pub(super) loss: LossCurve,
}

impl Run<'_> {
    /// Trains to the end, a pause or a failure. What an error leaves is for [`put_down`](super::put_down).
    pub(super) async fn run(
        mut self,
        wish: &mut watch::Receiver<Wish>,
        on_update: &mut (dyn FnMut(Update) + Send),
    ) -> Result<Ended, Error> {
        let mut attempt = 1;
        loop {
            match self.attempt(wish, on_update).await {
                Ok(Some(trained)) => return self.publish(trained).await,
                Ok(None) if *wish.borrow() == Wish::Pause => return self.pause().await,
                Ok(None) => return self.cancel().await,
                Err(Broken::Library(error)) => {
                    self.workshop.abandon();
                    return Err(error);
                }
                Err(Broken::Work(error)) => {
                    let less = error.wants_less() && self.take_less();
                    let refusal = self.named(error.refusal(attempt));
                    let again = if error.wants_less() {
                        less
                    } else {
                        error.may_pass_later()
                    };
                    if !again || attempt >= ATTEMPTS_MAX {
                        return Err(refusal.into());
                    }
                    on_update(Update::Retrying {
                        attempt,
                        reason: refusal,
                        less,
                    });
                    self.train.resume = true;
                    attempt += 1;
                }
            }
        }
    }

    /// Less memory for the next attempt; `false` when there is no smaller way. A checkpoint goes on with the batches that it was made with.
    fn take_less(&mut self) -> bool {
        let settings = &mut self.train.settings;
        if settings.recompute != Some(true) {
            settings.recompute = Some(true);
            return true;
        }
        if settings.batch > 1 && !has_checkpoint(&self.train.folder) {
            settings.accumulation *= settings.batch;
            settings.batch = 1;
            return true;
        }
        false
    }

    /// One life of the worker. `None` when it stopped because that was wished.
    async fn attempt(
        &mut self,
        wish: &mut watch::Receiver<Wish>,
        on_update: &mut (dyn FnMut(Update) + Send),
    ) -> Result<Option<Trained>, Broken> {
        self.workshop.begin(Task::Train(self.train.clone())).await?;
        let mut written: Option<Instant> = None;
        let mut first_step = true;
        let mut seconds_left = None;
        loop {
            match self.workshop.next(wish).await? {
                Message::Progress(progress) => {
                    let mut progress = self.of_training(progress);
                    // While samples are painted nobody estimates anew, and about as much is left as was before them.
                    seconds_left = progress.seconds_left.or(seconds_left);
                    progress.seconds_left = seconds_left;
                    if let (Phase::Training, Some(loss)) = (progress.phase, progress.loss) {
                        if std::mem::take(&mut first_step) {
                            self.loss.go_back_before(progress.step);
                        }
                        self.loss.push(progress.step, loss);
                    }
                    if written.is_none_or(|written| written.elapsed() >= PROGRESS_INTERVAL) {
                        written = Some(Instant::now());
                        self.write_progress(&progress).await?;
                    }
                    on_update(Update::Progress(progress));
                }
                Message::Preview(preview) => on_update(Update::Sample(preview)),
                Message::Picture(_) => {}
                Message::Done(Outcome::Trained(trained)) => return Ok(Some(trained)),
                Message::Done(other) => {
                    return Err(WorkError::Failed(Failure::Internal {
                        message: format!("{other:?} ends no training"),
                    })
                    .into());
                }
                Message::Stopped => return Ok(None),
            }
        }
    }

    /// Progress in the steps of the training: artworks that are read and samples that are painted have counts of their own.
    fn of_training(&self, progress: Progress) -> Progress {
        if progress.phase == Phase::Training {
            return progress;
        }
        Progress {
            step: self.loss.last_step(),
            steps: self.train.settings.steps,
            ..progress
        }
    }

    async fn write_progress(&self, progress: &Progress) -> Result<(), Error> {
        let settings = &self.train.settings;
        let artworks = u32::try_from(self.train.pictures.len()).unwrap_or(u32::MAX).max(1);
        let epochs = |steps: u32| (steps.saturating_mul(settings.batch * settings.accumulation)) / artworks;
        let step = progress.step;
        let shown = TrainingProgress {
            current_epoch: epochs(step),
            total_epochs: epochs(settings.steps).max(1),
            progress_percent: (step * 100).checked_div(settings.steps).unwrap_or_default().min(100),
            estimated_seconds: progress.seconds_left.unwrap_or_default().max(0.0) as u64,
            last_updated: now(),
        };
        let metric = json!({
            "step": step, "steps": settings.steps, "learning_rate": progress.learning_rate, "loss": self.loss.points,
        });
        let (style, shown, metric) = (self.style.get(), serde_json::to_string(&shown)?, metric.to_string());
        sqlx::query!(
            "UPDATE styles
                SET training_progress = $2, training_metric = $3, updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
              WHERE id = $1 AND training_status = 'training'",
            style,
            shown,
            metric,
        )
        .execute(self.library.pool())
        .await?;
        Ok(())
    }

    /// The LoRA comes into the library under its hash, then the row names it, then the folder of the job goes.
    async fn publish(self, trained: Trained) -> Result<Ended, Error> {
        if !trained.health.problems.is_empty() {
            let refusal = Refusal::StyleUnhealthy {
                style: self.style_name.clone(),
                problems: trained.health.problems.iter().map(findings::of_health).collect(),
            };
            return Err(refusal.into());
        }
        let (output, folder) = (trained.output.clone(), self.library.folder().to_owned());
        let url = tokio::task::spawn_blocking(move || super::shelve(&output, &folder)).await??;
        let metric = json!({
            "step": trained.steps, "steps": trained.steps, "loss": self.loss.points, "final_loss": trained.final_loss,
            "seconds": trained.seconds, "peak_memory_bytes": trained.peak_memory_bytes, "resumed_at": trained.resumed_at,
            "layers": trained.health.layers, "picture_difference": trained.health.picture_difference,
            "learning_rate": self.train.settings.learning_rate, "rank": self.train.settings.rank,
        })
        .to_string();
        let style = self.style.get();
        let mut tx = self.library.begin().await?;
        jobs::advance_style(
            &mut tx,
            self.style,
            TrainingStatus::Training,
            TrainingStatus::Completed,
            None,
        )
        .await?;
        sqlx::query!(
            "UPDATE styles SET model_path = $2, training_metric = $3 WHERE id = $1",
            style,
            url,
            metric
        )
        .execute(&mut *tx)
        .await?;
        jobs::advance(&mut tx, self.job, JobStatus::Running, JobStatus::Completed, None).await?;
        tx.commit().await?;
        forget(self.library, self.job);
        Ok(Ended::Completed {
            trained: Box::new(trained),
            lora: self.library.path_of(&url),
        })
    }

    async fn pause(self) -> Result<Ended, Error> {
        let mut connection = self.library.pool().acquire().await?;
        jobs::advance(&mut connection, self.job, JobStatus::Running, JobStatus::Paused, None).await?;
        Ok(Ended::Paused {
            step: self.loss.last_step(),
        })
    }

    /// Its checkpoints stay: the cancel may be taken back.
    async fn cancel(self) -> Result<Ended, Error> {
        let mut tx = self.library.begin().await?;
        release_style(&mut tx, self.style).await?;
        jobs::advance(&mut tx, self.job, JobStatus::Running, JobStatus::Cancelled, None).await?;
        tx.commit().await?;
        Ok(Ended::Cancelled)
    }

    /// The worker does not know what a style is called.
    fn named(&self, refusal: Refusal) -> Refusal {
        match refusal {
            Refusal::LossNotFinite { step, .. } => Refusal::LossNotFinite {
                style: self.style_name.clone(),
                step,
            },
            other => other,
        }
    }
}

/// Loss by step, thinned so that it stays short.
#[derive(Debug, Default)]
pub(super) struct LossCurve {
    points: Vec<(u32, f64)>,
    /// Every how many points one is kept.
    thinning: u32,
    seen: u32,
}

impl LossCurve {
    /// The curve that `styles.training_metric` holds.
    pub(super) fn of_metric(metric: Option<&serde_json::Value>) -> Self {
        let points = metric.and_then(|value| serde_json::from_value(value["loss"].clone()).ok());
        Self {
            points: points.unwrap_or_default(),
            ..Self::default()
        }
    }

    pub(super) fn last_step(&self) -> u32 {
        self.points.last().map(|(step, _)| *step).unwrap_or_default()
    }

    /// A resumed training does the steps behind its checkpoint again.
    fn go_back_before(&mut self, step: u32) {
        self.points.retain(|(before, _)| *before < step);
    }

    fn push(&mut self, step: u32, loss: f64) {
        self.seen += 1;
        if self.thinning > 1 && !self.seen.is_multiple_of(self.thinning) {
            return;
        }
        self.points.push((step, loss));
        if self.points.len() > LOSS_POINTS_MAX {
            let mut keep = false;
            self.points.retain(|_| {
                keep = !keep;
                keep
            });
            self.thinning = self.thinning.max(1) * 2;
        }
    }
}

/// Where the checkpoints of all trainings are.
pub(super) fn folder(library: &Library) -> PathBuf {
    library.folder().join("training")
}

/// Where a job's checkpoints are.
pub(super) fn folder_of(library: &Library, job: JobId) -> PathBuf {
    folder(library).join(job.to_string())
}

/// Whether a file in the folder of a job has a name that the worker gives: `checkpoint-00000012.safetensors`, or the finished style's. Until
/// they are whole they end in `.part`.
pub(super) fn is_written(name: &str) -> bool {
    let stem = [".safetensors", ".part"]
        .iter()
        .find_map(|ending| name.strip_suffix(ending));
    stem.is_some_and(|stem| {
        let step = stem.strip_prefix("checkpoint-");
        stem == "style" || step.is_some_and(|step| step.len() >= 8 && step.bytes().all(|digit| digit.is_ascii_digit()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_loss_curve_stays_short_and_in_order() {
        let mut curve = LossCurve::default();
        for step in 1..=10_000 {
            curve.push(step, 1.0 / f64::from(step));
        }
        assert!(curve.points.len() <= LOSS_POINTS_MAX && curve.points.len() > LOSS_POINTS_MAX / 4);
        assert!(curve.points.is_sorted_by_key(|(step, _)| *step));
    }

    #[test]
    fn a_resumed_curve_has_every_step_once() {
        let mut curve = LossCurve::of_metric(Some(&json!({"loss": [[1, 0.5], [2, 0.4], [3, 0.3]]})));
        curve.go_back_before(2);
        curve.push(2, 0.41);
        assert_eq!(curve.points, [(1, 0.5), (2, 0.41)]);
    }
}
