//! One job after the other, each to one of its ends: done, cancelled or failed.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use atelier_engine::EngineError;
use atelier_engine::ops::interruptible;
use atelier_worker_protocol::{Event, Failure, JobId, Outcome, Phase, Progress, Task};
use candle_core::Device;

use crate::desk::{Desk, Job, Wishes};
use crate::models::Models;
use crate::voice::Voice;
use crate::{adapters, bench, check, failures, generate, probe, train};

/// What every job works with.
pub(crate) struct Order<'a> {
    /// Which job it is.
    pub(crate) job: JobId,
    /// What is wished of it.
    pub(crate) wishes: Wishes,
    /// Where it tells how far it is.
    pub(crate) voice: &'a Voice,
}

impl Order<'_> {
    /// Tells how far the job is, without a loss.
    pub(crate) fn progress(&self, phase: Phase, step: u32, steps: u32, seconds_left: Option<f64>) {
        self.voice.progress(
            self.job,
            Progress {
                phase,
                step,
                steps,
                loss: None,
                learning_rate: None,
                seconds_left,
            },
        );
    }
}

/// Does jobs until the desk is closed.
pub(crate) fn work(desk: &Desk, voice: &Voice, device: Device) {
    let mut models = Models::new(device);
    while let Some(Job { id, task, wishes }) = desk.next() {
        voice.say(&Event::Started { job: id });
        let order = Order {
            job: id,
            wishes: wishes.clone(),
            voice,
        };
        let ended = catch_unwind(AssertUnwindSafe(|| {
            interruptible(&wishes.stop, || carry_out(*task, &mut models, &order))
        }));
        voice.hush();
        voice.say(&match ended {
            Ok(Ok(outcome)) => Event::Done { job: id, outcome },
            Ok(Err(_)) if wishes.stops() => Event::Cancelled { job: id },
            Ok(Err(EngineError::Cancelled)) => Event::Cancelled { job: id },
            Ok(Err(error)) => {
                tracing::warn!("the job failed: {error}");
                if error.is_out_of_memory() {
                    models.forget();
                }
                let failure = failures::of(error);
                Event::Failed { job: id, failure }
            }
            Err(panic) => {
                tracing::error!("the job panicked: {}", words(&*panic));
                // The model may have been left half changed.
                models.forget();
                let message = words(&*panic);
                Event::Failed {
                    job: id,
                    failure: Failure::Internal { message },
                }
            }
        });
    }
}

fn carry_out(task: Task, models: &mut Models, order: &Order<'_>) -> Result<Outcome, EngineError> {
    match task {
        Task::Generate(task) => generate::run(&task, models, order),
        Task::Train(task) => train::run(task, models, order),
        Task::Preflight(task) => train::preflight(task, models, order),
        Task::CheckLora { model, lora } => check::lora(&model, &lora, models, order),
        Task::CheckModel { model } => check::model(&model, models, order),
        Task::Probe(task) => probe::run(&task, models, order),
        Task::Bench(task) => bench::run(&task, models, order),
        Task::Adapters => Ok(Outcome::Adapters(adapters::list())),
    }
}

/// What a panic said.
fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "it panicked without a word".to_owned())
}
