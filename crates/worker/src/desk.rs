//! Requests as they come in: jobs that wait, and what is wished of the one that runs.

use std::collections::VecDeque;
use std::io::Read;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use atelier_worker_protocol::{Event, JobId, Request, Task, framing};

use crate::voice::Voice;

/// Where requests are laid down and jobs are taken up.
pub(crate) struct Desk {
    state: Mutex<State>,
    changed: Condvar,
    voice: Voice,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Job>,
    running: Option<(JobId, Wishes)>,
    closed: bool,
}

/// A job with what is wished of it.
pub(crate) struct Job {
    pub(crate) id: JobId,
    pub(crate) task: Box<Task>,
    pub(crate) wishes: Wishes,
}

/// What is wished of a job that runs. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Wishes {
    /// Break off at the next operator.
    pub(crate) stop: Arc<AtomicBool>,
    /// Write a checkpoint after this step, then stop.
    pub(crate) pause: Arc<AtomicBool>,
}

impl Wishes {
    pub(crate) fn stops(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    pub(crate) fn pauses(&self) -> bool {
        self.pause.load(Ordering::Relaxed)
    }
}

impl Desk {
    pub(crate) fn new(voice: Voice) -> Self {
        Self {
            state: Mutex::default(),
            changed: Condvar::new(),
            voice,
        }
    }

    /// Reads requests to the end of `from`. When the studio is gone, so is the reason to go on: the process ends at once.
    pub(crate) fn read(&self, from: &mut impl Read) {
        loop {
            match framing::read::<Request>(from) {
                Ok(Some(request)) => self.take(request),
                Ok(None) => std::process::exit(0),
                Err(error) => {
                    tracing::error!("a request could not be read: {error}");
                    std::process::exit(1);
                }
            }
        }
    }

    fn take(&self, request: Request) {
        let mut state = self.state();
        match request {
            Request::Run { job, task } => state.waiting.push_back(Job {
                id: job,
                task,
                wishes: Wishes::default(),
            }),
            Request::Cancel { job, checkpoint } => self.cancel(&mut state, job, checkpoint),
            Request::Shutdown => {
                state.closed = true;
                state.waiting.clear();
                if let Some((_, wishes)) = &state.running {
                    wishes.stop.store(true, Ordering::Relaxed);
                }
            }
        }
        self.changed.notify_all();
    }

    fn cancel(&self, state: &mut State, job: JobId, checkpoint: bool) {
        if let Some((_, wishes)) = state.running.as_ref().filter(|(running, _)| *running == job) {
            let wish = if checkpoint { &wishes.pause } else { &wishes.stop };
            wish.store(true, Ordering::Relaxed);
            return;
        }
        let before = state.waiting.len();
        state.waiting.retain(|waiting| waiting.id != job);
        if state.waiting.len() < before {
            self.voice.say(&Event::Cancelled { job });
        }
    }

    /// The next job, when there is one; `None` once the worker is to end.
    pub(crate) fn next(&self) -> Option<Job> {
        let mut state = self.state();
        state.running = None;
        loop {
            if state.closed {
                return None;
            }
            if let Some(job) = state.waiting.pop_front() {
                state.running = Some((job.id, job.wishes.clone()));
                return Some(job);
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
