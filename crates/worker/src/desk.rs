//! Requests as they come in: jobs that wait, and what is wished of the one that runs.

use std::collections::VecDeque;
use std::io::Read;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use atelier_worker_protocol::{Event, JobId, Request, Task, framing};

use crate::leave;
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
    /// The job's own word: there is something to keep, so that a pause may wait for the end of a step.
    pub(crate) worth_keeping: Arc<AtomicBool>,
}

impl Wishes {
    pub(crate) fn stops(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    pub(crate) fn pauses(&self) -> bool {
        self.pause.load(Ordering::Relaxed)
    }

    /// A job that has nothing to keep stops at once, however it is asked.
    fn end(&self, checkpoint: bool) {
        let pause = checkpoint && self.worth_keeping.load(Ordering::Relaxed);
        let wish = if pause { &self.pause } else { &self.stop };
        wish.store(true, Ordering::Relaxed);
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
    pub(crate) fn read(&self, from: &mut impl Read) -> ! {
        loop {
            match framing::read::<Request>(from) {
                Ok(Some(request)) => self.take(request),
                Ok(None) => leave(0),
                Err(error) => {
                    tracing::error!("a request could not be read: {error}");
                    leave(1);
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
                    wishes.end(false);
                }
            }
        }
        self.changed.notify_all();
    }

    fn cancel(&self, state: &mut State, job: JobId, checkpoint: bool) {
        if let Some((_, wishes)) = state.running.as_ref().filter(|(running, _)| *running == job) {
            wishes.end(checkpoint);
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
