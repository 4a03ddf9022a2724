//! The desk: one task that does one job after the other, as long as the studio is open.
//!
//! It owns the worker. What waits is a row, so that nothing is lost when the desk, the worker or the program dies; a wish to pause or
//! cancel reaches the job that runs at once.

mod event;
mod teller;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use atelier_contract::{JobId, JobKind, Refusal};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use crate::worker::{Wish, Workshop};
use crate::{Error, generations, jobs, training};

pub use event::{Event, LibraryPart};
pub(crate) use teller::Teller;

/// How long the desk waits when the library cannot be written.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// How long a worker without a job keeps its model: who looks at a picture and orders the next one does not wait for it again.
const WORKER_KEPT: Duration = Duration::from_secs(300);

/// The desk's handle.
pub(crate) struct Desk {
    shared: Arc<Shared>,
    task: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    teller: Teller,
    wake: Notify,
    state: Mutex<State>,
    /// Held as long as a job is done.
    workshop: tokio::sync::Mutex<Workshop>,
}

#[derive(Default)]
struct State {
    closing: bool,
    /// The job that runs, and how to tell it what is wished.
    running: Option<(JobId, watch::Sender<Wish>)>,
    /// The job that was stopped because the studio closes.
    stopped: Option<JobId>,
}

impl Desk {
    /// Begins with what waits.
    pub(crate) fn start(workshop: Workshop, teller: Teller) -> Self {
        let shared = Arc::new(Shared {
            teller,
            wake: Notify::new(),
            state: Mutex::default(),
            workshop: tokio::sync::Mutex::new(workshop),
        });
        let task = tokio::spawn(work(Arc::clone(&shared)));
        Self {
            shared,
            task: Mutex::new(Some(task)),
        }
    }

    /// There may be something to do.
    pub(crate) fn wake(&self) {
        self.shared.wake.notify_one();
    }

    /// Takes back the memory that a worker without a job keeps; `false` while there is a job, whose memory is its own.
    pub(crate) async fn make_room(&self) -> bool {
        let Ok(mut workshop) = self.shared.workshop.try_lock() else {
            return false;
        };
        workshop.let_go().await;
        true
    }

    pub(crate) async fn cancel(&self, job: JobId) -> Result<(), Error> {
        if self.shared.wish(job, Wish::Cancel) {
            return Ok(());
        }
        let library = self.shared.teller.library();
        if !jobs::cancel_waiting(library, job).await? {
            // It was taken up in between.
            self.shared.wish(job, Wish::Cancel);
            return Ok(());
        }
        self.shared.teller.job_changed(job).await;
        Ok(())
    }

    pub(crate) async fn pause(&self, job: JobId) -> Result<(), Error> {
        let found = jobs::show(self.shared.teller.library(), job).await?;
        if found.kind == JobKind::Train && self.shared.wish(job, Wish::Pause) {
            return Ok(());
        }
        Err(Refusal::JobEnded {
            job: job.get(),
            status: found.status.to_string(),
        }
        .into())
    }

    /// Stops the job that runs so that it can go on, and ends the worker.
    pub(crate) async fn close(&self) {
        {
            let mut state = self.shared.state();
            state.closing = true;
            // What the person wished before stands.
            let stop = |wish: &mut Wish| *wish == Wish::Run && std::mem::replace(wish, Wish::Pause) == Wish::Run;
            state.stopped = state
                .running
                .as_ref()
                .and_then(|(job, wish)| wish.send_if_modified(stop).then_some(*job));
        }
        self.wake();
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task
            && let Err(error) = task.await
        {
            tracing::error!("the desk ended badly: {error}");
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the job that runs, if it is this one.
    fn wish(&self, job: JobId, wish: Wish) -> bool {
        match &self.state().running {
            Some((running, to)) if *running == job => to.send(wish).is_ok(),
            _ => false,
        }
    }

    fn is_closing(&self) -> bool {
        self.state().closing
    }

    /// Waits for something to do.
    async fn idle(&self) {
        if tokio::time::timeout(WORKER_KEPT, self.wake.notified()).await.is_err() {
            self.workshop.lock().await.let_go().await;
            self.wake.notified().await;
        }
    }

    /// Waits for room on the disk: not at once again, but without being asked.
    async fn rest(&self) {
        let _ = tokio::time::timeout(LOOK_AGAIN, self.wake.notified()).await;
    }
}

async fn work(shared: Arc<Shared>) {
    while !shared.is_closing() {
        match jobs::next(shared.teller.library()).await {
            Ok(Some((job, kind))) => Box::pin(run(&shared, job, kind)).await,
            Ok(None) => shared.idle().await,
            Err(error) => {
                tracing::error!("the queue cannot be read: {error:?}");
                shared.rest().await;
            }
        }
    }
    shared.workshop.lock().await.abandon();
}

/// Does one job to its end, a pause or a failure, and tells of it.
async fn run(shared: &Shared, job: JobId, kind: JobKind) {
    let teller = &shared.teller;
    let mut workshop = shared.workshop.lock().await;
    let (wish, mut wished) = watch::channel(Wish::Run);
    {
        let mut state = shared.state();
        if state.closing {
            return;
        }
        state.running = Some((job, wish));
    }
    let ended = match kind {
        JobKind::Train => train(teller, &mut workshop, job, &mut wished).await,
        JobKind::Generate => generate(teller, &mut workshop, job, &mut wished).await,
    };
    shared.state().running = None;
    drop(workshop);
    let mut rests = false;
    if let Err(error) = ended {
        tracing::warn!("job {job}: {error}");
        while !put_down(teller, job, kind, &error).await && !shared.is_closing() {
            shared.rest().await;
        }
        rests = kind == JobKind::Generate && generations::is_kept_by_library(&error);
    }
    if shared.state().stopped == Some(job)
        && let Err(error) = jobs::pause_again(teller.library(), job).await
    {
        tracing::warn!("job {job} will not go on by itself: {error}");
    }
    teller.job_changed(job).await;
    let what = match kind {
        JobKind::Train => LibraryPart::Styles,
        JobKind::Generate => LibraryPart::Generations,
    };
    teller.tell(Event::LibraryChanged { what, style: None });
    // What waits on is the next again, and would meet the same at once.
    if rests && !shared.is_closing() {
        shared.rest().await;
    }
}

/// `false` when nothing can be written: the disk is full, or gone.
async fn put_down(teller: &Teller, job: JobId, kind: JobKind, error: &Error) -> bool {
    let library = teller.library();
    let put = match kind {
        JobKind::Train => training::put_down(library, job, &error.refusal()).await,
        JobKind::Generate => generations::put_down(library, job, error).await,
    };
    put.inspect_err(|error| tracing::error!("job {job} cannot be put down: {error}"))
        .is_ok()
}

async fn train(
    teller: &Teller,
    workshop: &mut Workshop,
    job: JobId,
    wished: &mut watch::Receiver<Wish>,
) -> Result<(), Error> {
    use training::Update;
    let mut begun = false;
    let mut samples = 0;
    training::run_job(teller.library(), workshop, job, wished, &mut |update| {
        if !std::mem::replace(&mut begun, true) {
            tell_soon(teller, job);
        }
        match update {
            Update::Progress(progress) => teller.progressed(job, progress),
            Update::Sample(sample) => match training::keep_sample(teller.library(), job, &sample) {
                Ok(()) => {
                    samples += 1;
                    teller.tell(Event::JobPreviewed {
                        job,
                        step: sample.step,
                        index: sample.index,
                        version: samples,
                    });
                }
                Err(error) => tracing::warn!("a sample of training {job} is lost: {error}"),
            },
            Update::Retrying { attempt, reason, .. } => teller.tell(Event::JobRetried { job, attempt, reason }),
            Update::Preflight(_) | Update::Resuming => {}
        }
    })
    .await
    .map(drop)
}

async fn generate(
    teller: &Teller,
    workshop: &mut Workshop,
    job: JobId,
    wished: &mut watch::Receiver<Wish>,
) -> Result<(), Error> {
    use generations::Update;
    generations::run_job(teller.library(), workshop, job, wished, &mut |update| match update {
        Update::Begins { .. } | Update::Failed { .. } => tell_soon(teller, job),
        Update::Progress(progress) => teller.progressed(job, progress),
        Update::Preview(preview) => teller.previewed(job, &preview),
        Update::Finished(finished) => {
            let generation = finished.generation;
            teller.tell(Event::GenerationFinished { job, generation });
            tell_soon(teller, job);
        }
        Update::Retrying { attempt, reason } => teller.tell(Event::JobRetried { job, attempt, reason }),
    })
    .await
    .map(drop)
}

/// Tells where a job stands as soon as its row has been read.
fn tell_soon(teller: &Teller, job: JobId) {
    let teller = teller.clone();
    tokio::spawn(async move { teller.job_changed(job).await });
}
