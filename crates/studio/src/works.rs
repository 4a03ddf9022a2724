//! Long work that is no job because no device does it: imports, exports. Whoever asks for it numbers it, hears how far it is, and may end it.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// What a piece of work is watched by. Clones are the same; the default is watched by nobody and never ended.
#[derive(Clone, Default)]
pub struct Work {
    cancel: CancellationToken,
    on_progress: Option<Arc<OnProgress>>,
    /// Counts as running until the last clone is dropped.
    _place: Option<Arc<Place>>,
}

type OnProgress = dyn Fn(u64, u64) + Send + Sync;

impl Work {
    /// Ends it; look at it now and then.
    #[must_use]
    pub fn cancel(&self) -> &CancellationToken {
        &self.cancel
    }

    /// `done` of `total` are done, in whatever they are counted.
    pub fn tell(&self, done: u64, total: u64) {
        if let Some(on_progress) = &self.on_progress {
            on_progress(done, total);
        }
    }
}

impl fmt::Debug for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Work")
            .field("cancel", &self.cancel)
            .finish_non_exhaustive()
    }
}

/// The work that goes on, by its number. Clones are the same.
#[derive(Clone, Default)]
pub(crate) struct Works {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    idle: Notify,
}

#[derive(Default)]
struct State {
    closed: bool,
    running: HashMap<u32, CancellationToken>,
}

/// Where a piece of work stands among the others.
struct Place {
    number: u32,
    works: Works,
}

impl Works {
    /// Notes that the work `number` goes on from now on. Once all is closed, what begins is ended already.
    pub(crate) fn begin(&self, number: u32, on_progress: Arc<OnProgress>) -> Work {
        let cancel = CancellationToken::new();
        let mut state = self.state();
        if state.closed {
            cancel.cancel();
        }
        state.running.insert(number, cancel.clone());
        Work {
            cancel,
            on_progress: Some(on_progress),
            _place: Some(Arc::new(Place {
                number,
                works: self.clone(),
            })),
        }
    }

    /// Ends the work `number`, if it goes on.
    pub(crate) fn cancel(&self, number: u32) {
        if let Some(cancel) = self.state().running.get(&number) {
            cancel.cancel();
        }
    }

    /// Ends all of it, and waits until it has.
    pub(crate) async fn close(&self) {
        loop {
            // Made before the look, so that an end in between is heard.
            let idle = self.shared.idle.notified();
            {
                let mut state = self.state();
                state.closed = true;
                state.running.values().for_each(CancellationToken::cancel);
                if state.running.is_empty() {
                    return;
                }
            }
            idle.await;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.works.state().running.remove(&self.number);
        self.works.shared.idle.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn closing_ends_all_work_and_waits_for_it() {
        let works = Works::default();
        let first = works.begin(1, Arc::new(|_, _| {}));
        let second = works.begin(2, Arc::new(|_, _| {}));
        works.cancel(1);
        assert!(first.cancel().is_cancelled() && !second.cancel().is_cancelled());
        drop(first);
        let closing = works.clone();
        let closed = tokio::spawn(async move { closing.close().await });
        second.cancel().cancelled().await;
        assert!(!closed.is_finished());
        drop(second);
        closed.await.expect("it ends when the last work does");
        assert!(works.begin(3, Arc::new(|_, _| {})).cancel().is_cancelled());
    }
}
