//! What the worker says: one event at a time, from any thread, and a sign of life while a step takes long.

use std::io::Stdout;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use atelier_worker_protocol::framing::{self, FramingError};
use atelier_worker_protocol::{Event, JobId, Progress};

/// Progress is said no more often, unless its phase changed or ended.
const PROGRESS_EVERY: Duration = Duration::from_millis(100);
/// And is said again when there is nothing new for so long.
const AGAIN_AFTER: Duration = Duration::from_secs(15);

/// Clones speak into the same pipe.
#[derive(Clone)]
pub(crate) struct Voice {
    to: Arc<Mutex<Stdout>>,
    last: Arc<Mutex<Option<Said>>>,
}

struct Said {
    job: JobId,
    progress: Progress,
    at: Instant,
}

impl Voice {
    pub(crate) fn new() -> Self {
        let voice = Self {
            to: Arc::new(Mutex::new(std::io::stdout())),
            last: Arc::default(),
        };
        let again = voice.clone();
        std::thread::spawn(move || {
            loop {
                std::thread::sleep(AGAIN_AFTER / 3);
                again.say_again();
            }
        });
        voice
    }

    /// Says `event`. Without a listener there is nothing left to do for this process, which ends here.
    pub(crate) fn say(&self, event: &Event) {
        let mut to = self.to.lock().unwrap_or_else(PoisonError::into_inner);
        match framing::write(&mut *to, event) {
            Ok(()) => {}
            Err(FramingError::Broken(_)) => crate::leave(0),
            Err(error) => tracing::error!("an event was not said: {error}"),
        }
    }

    /// Says how far a job is, unless that was said a moment ago. Returns whether it did.
    pub(crate) fn progress(&self, job: JobId, progress: Progress) -> bool {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let ended = progress.steps > 0 && progress.step >= progress.steps;
        let too_soon = last.as_ref().is_some_and(|said| {
            said.job == job && said.progress.phase == progress.phase && !ended && said.at.elapsed() < PROGRESS_EVERY
        });
        if !too_soon {
            *last = Some(Said {
                job,
                progress: progress.clone(),
                at: Instant::now(),
            });
            self.say(&Event::Progress { job, progress });
        }
        !too_soon
    }

    /// The job is over: its progress is not repeated.
    pub(crate) fn hush(&self) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn say_again(&self) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(said) = last.as_mut().filter(|said| said.at.elapsed() >= AGAIN_AFTER) {
            let passed = said.at.elapsed().as_secs_f64();
            said.at = Instant::now();
            said.progress.seconds_left = said.progress.seconds_left.map(|left| (left - passed).max(0.0));
            self.say(&Event::Progress {
                job: said.job,
                progress: said.progress.clone(),
            });
        }
    }
}
