//! The worker as the studio uses it: which build to start, keeping it between jobs, starting it again when it died.
//!
//! The CUDA and Metal builds need libraries that a machine may lack; then they do not answer, and the next build is taken. The reason
//! is logged; `doctor` asks every build anew.

use std::path::{Path, PathBuf};
use std::time::Duration;

use atelier_contract::{Finding, Refusal};
use atelier_worker_protocol::client::{ClientError, Ending, Worker};
use atelier_worker_protocol::{Backend, Event, Failure, Hello, JobId, Outcome, Picture, Preview, Progress, Task};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::{Error, findings};

/// How long a worker may take to stop for good. One that takes longer is caught in its driver, and nothing that is said reaches it there.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(5);

/// Builds of the worker, best first, by the names of their programs.
const BUILDS: [(Backend, &str); 3] = [
    (Backend::Cuda, "atelier-worker-cuda"),
    (Backend::Metal, "atelier-worker-metal"),
    (Backend::Cpu, "atelier-worker"),
];

/// What the person wants of a job that runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// Go on.
    Run,
    /// Stop so that it can go on later.
    Pause,
    /// Stop for good.
    Cancel,
}

/// What a job says on its way.
#[derive(Debug)]
pub enum Message {
    /// How far it is.
    Progress(Progress),
    /// A picture as it forms, or a sample.
    Preview(Preview),
    /// A finished picture.
    Picture(Picture),
    /// It ended well.
    Done(Outcome),
    /// It ended because that was wished.
    Stopped,
}

/// Why a job ended badly.
#[derive(Debug, thiserror::Error)]
pub enum WorkError {
    /// The worker says why.
    #[error("{0:?}")]
    Failed(Failure),
    /// The worker ended.
    #[error("the worker ended: {0}")]
    Died(Ending),
    /// No worker can be used.
    #[error(transparent)]
    Unusable(#[from] Error),
}

impl WorkError {
    /// Whether less work at once may pass.
    #[must_use]
    pub fn wants_less(&self) -> bool {
        match self {
            Self::Failed(Failure::OutOfMemory) => true,
            Self::Died(ending) => ending.suggests_out_of_memory(),
            Self::Failed(_) | Self::Unusable(_) => false,
        }
    }

    /// Whether the same work may pass another time.
    #[must_use]
    pub fn may_pass_later(&self) -> bool {
        match self {
            Self::Died(_) => true,
            Self::Failed(failure) => {
                matches!(failure, Failure::OutOfMemory | Failure::Internal { .. })
            }
            Self::Unusable(_) => false,
        }
    }

    /// What a person is told after `attempts`.
    #[must_use]
    pub fn refusal(&self, attempts: u32) -> Refusal {
        match self {
            Self::Failed(failure) => findings::refusal(failure),
            Self::Died(ending) if ending.says_out_of_memory() => findings::refusal(&Failure::OutOfMemory),
            Self::Died(ending) => Refusal::WorkerCrashed {
                attempts,
                reason: findings::of_ending(ending),
            },
            Self::Unusable(error) => error.refusal(),
        }
    }
}

/// Why an attempt at a job ended: the work itself, or the library that keeps it.
pub(crate) enum Broken {
    Work(WorkError),
    Library(Error),
}

impl From<WorkError> for Broken {
    fn from(error: WorkError) -> Self {
        Self::Work(error)
    }
}

impl From<Error> for Broken {
    fn from(error: Error) -> Self {
        Self::Library(error)
    }
}

/// Starts workers and gives them tasks, one at a time.
#[derive(Default)]
pub struct Workshop {
    programs: PathBuf,
    only: Option<Backend>,
    worker: Option<(Worker, PathBuf)>,
    /// Whether another worker does a job on the same device.
    beside: bool,
    running: Option<JobId>,
    /// What was said last of the wish for the task that runs, and when.
    told: Option<(Wish, Instant)>,
}

/// How a build of the worker answered.
#[derive(Debug, serde::Serialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct BuildAnswer {
    /// Which build.
    pub backend: Backend,
    /// Its program.
    pub program: PathBuf,
    /// Whether the program is there.
    pub installed: bool,
    /// What it said of its device.
    pub hello: Option<Hello>,
    /// Why it cannot be used.
    pub reason: Option<Finding>,
    /// How its program or the system puts that, for who looks into it.
    pub log: Option<String>,
}

impl Workshop {
    /// Uses the workers in the folder `programs`; only the build `only`, if one is given.
    #[must_use]
    pub fn new(programs: &Path, only: Option<Backend>) -> Self {
        Self {
            programs: programs.to_owned(),
            only,
            ..Self::default()
        }
    }

    /// The same, for questions while another worker does a job on the same device.
    pub(crate) fn beside_a_job(self) -> Self {
        Self { beside: true, ..self }
    }

    /// Asks every build whether it can be used. Ends the workers again.
    pub async fn builds(&self) -> Vec<BuildAnswer> {
        let mut answers = Vec::new();
        for (backend, name) in BUILDS {
            let program = self.program(name);
            let mut answer = BuildAnswer {
                backend,
                installed: program.is_file(),
                program,
                hello: None,
                reason: None,
                log: None,
            };
            if answer.installed {
                match Worker::start(&answer.program, &[]).await {
                    Ok(worker) => answer.hello = Some(worker.hello().clone()),
                    Err(error) => {
                        answer.reason = Some(findings::of_client(&error));
                        answer.log = Some(error.to_string());
                    }
                }
            }
            answers.push(answer);
        }
        answers
    }

    /// What the worker says of itself, started if it was not.
    ///
    /// # Errors
    /// As [`Workshop::begin`].
    pub async fn hello(&mut self) -> Result<Hello, Error> {
        Ok(self.worker().await?.hello().clone())
    }

    /// Memory in bytes that a job will find whose turn comes when another one has ended, which holds a part of it now; `None` when what is
    /// free now is what it will find.
    ///
    /// # Errors
    /// As [`Workshop::begin`].
    pub(crate) async fn memory_later(&mut self) -> Result<Option<u64>, Error> {
        if !self.beside {
            return Ok(None);
        }
        Ok(self.hello().await?.device.memory_bytes)
    }

    /// Process id of the worker, while one runs.
    #[must_use]
    pub fn process(&self) -> Option<u32> {
        self.worker.as_ref().and_then(|(worker, _)| worker.process())
    }

    /// Does `task` to its end, without a look at how far it is.
    ///
    /// # Errors
    /// [`WorkError`].
    pub async fn run(&mut self, task: Task) -> Result<Outcome, WorkError> {
        let (_keep, mut wish) = watch::channel(Wish::Run);
        let outcome = self.run_while(&mut wish, task).await?;
        outcome.ok_or_else(|| {
            WorkError::Failed(Failure::Internal {
                message: "stopped unasked".into(),
            })
        })
    }

    /// Does `task` as [`Workshop::run`] does; `None` when it stopped because `wish` said so.
    pub(crate) async fn run_while(
        &mut self,
        wish: &mut watch::Receiver<Wish>,
        task: Task,
    ) -> Result<Option<Outcome>, WorkError> {
        self.begin(task).await?;
        loop {
            match self.next(wish).await? {
                Message::Done(outcome) => return Ok(Some(outcome)),
                Message::Stopped => return Ok(None),
                Message::Progress(_) | Message::Preview(_) | Message::Picture(_) => {}
            }
        }
    }

    /// Gives `task` to the worker; [`Workshop::next`] tells how it goes.
    ///
    /// # Errors
    /// [`Refusal::WorkerMissing`], [`Refusal::WorkerMismatch`] or [`Refusal::DeviceUnavailable`] when no build can be used;
    /// [`WorkError::Died`] when it dies at once.
    pub async fn begin(&mut self, task: Task) -> Result<(), WorkError> {
        let given = self.worker().await?.run(task).await;
        match given {
            Ok(job) => {
                self.running = Some(job);
                self.told = None;
                Ok(())
            }
            Err(error) => Err(self.lost(error)),
        }
    }

    /// The next message of the task that runs. Passes on what `wish` says, each time that it says something else. A worker that does not
    /// stop for good in a few seconds is ended with its task.
    ///
    /// # Errors
    /// [`WorkError`]; then the task has ended.
    pub async fn next(&mut self, wish: &mut watch::Receiver<Wish>) -> Result<Message, WorkError> {
        loop {
            let (Some((worker, _)), Some(running)) = (self.worker.as_mut(), self.running) else {
                return Err(WorkError::Failed(Failure::Internal {
                    message: "no task runs".into(),
                }));
            };
            let wished = *wish.borrow_and_update();
            if wished != Wish::Run && self.told.is_none_or(|(told, _)| told != wished) {
                self.told = Some((wished, Instant::now()));
                if let Err(error) = worker.cancel(running, wished == Wish::Pause).await {
                    return Err(self.lost(error));
                }
                continue;
            }
            let cancelled = self.told.filter(|(told, _)| *told == Wish::Cancel);
            let event = tokio::select! {
                event = worker.event() => event,
                Ok(()) = wish.changed() => continue,
                () = until(cancelled.map(|(_, at)| at + CANCEL_TIMEOUT)) => {
                    tracing::warn!("the worker does not stop and is ended");
                    self.abandon();
                    return Ok(Message::Stopped);
                }
            };
            let event = match event {
                Ok(event) => event,
                Err(error) => return Err(self.lost(error)),
            };
            match event {
                Event::Progress { job, progress } if job == running => return Ok(Message::Progress(progress)),
                Event::Preview { job, preview } if job == running => return Ok(Message::Preview(preview)),
                Event::Picture { job, picture } if job == running => return Ok(Message::Picture(picture)),
                Event::Done { job, outcome } if job == running => {
                    self.running = None;
                    return Ok(Message::Done(outcome));
                }
                Event::Cancelled { job } if job == running => {
                    self.running = None;
                    return Ok(Message::Stopped);
                }
                Event::Failed { job, failure } if job == running => {
                    self.running = None;
                    // What a device without memory still holds goes with its process.
                    if matches!(failure, Failure::OutOfMemory) {
                        self.worker = None;
                    }
                    return Err(WorkError::Failed(failure));
                }
                // Starts, and the end of an earlier task that was given up.
                _ => {}
            }
        }
    }

    /// Ends the worker with what it does, when nobody can keep what would come of it.
    pub(crate) fn abandon(&mut self) {
        self.running = None;
        self.worker = None;
    }

    /// Lets a worker end that has nothing to do, and waits until it has given its memory back.
    pub(crate) async fn let_go(&mut self) {
        if let Some((worker, _)) = self.worker.take() {
            worker.shut_down().await;
        }
    }

    fn lost(&mut self, error: ClientError) -> WorkError {
        self.running = None;
        self.worker = None;
        tracing::warn!("the worker is lost: {error}");
        match error {
            ClientError::Ended(ending) => WorkError::Died(ending),
            other => WorkError::Failed(Failure::Internal {
                message: other.to_string(),
            }),
        }
    }

    async fn worker(&mut self) -> Result<&mut Worker, Error> {
        if self.worker.is_none() {
            self.worker = Some(self.start().await?);
        }
        match &mut self.worker {
            Some((worker, _)) => Ok(worker),
            None => Err(Refusal::WorkerMissing {
                path: self.programs.display().to_string(),
            }
            .into()),
        }
    }

    /// The first build that answers.
    async fn start(&self) -> Result<(Worker, PathBuf), Error> {
        let mut refusal = None;
        for (backend, name) in BUILDS {
            if self.only.is_some_and(|only| only != backend) {
                continue;
            }
            let program = self.program(name);
            if !program.is_file() {
                refusal.get_or_insert(Refusal::WorkerMissing {
                    path: program.display().to_string(),
                });
                continue;
            }
            match Worker::start(&program, &[]).await {
                Ok(worker) => {
                    tracing::info!(program = %program.display(), device = worker.hello().device.name, "the worker is ready");
                    return Ok((worker, program));
                }
                Err(error) => {
                    tracing::warn!("falling back from {}: {error}", program.display());
                    refusal = Some(start_refusal(backend, &program, &error));
                }
            }
        }
        Err(refusal
            .unwrap_or_else(|| Refusal::WorkerMissing {
                path: self.program(BUILDS[2].1).display().to_string(),
            })
            .into())
    }

    fn program(&self, name: &str) -> PathBuf {
        self.programs.join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
    }
}

/// Waits for this moment; for ever when there is none.
async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

fn start_refusal(backend: Backend, program: &Path, error: &ClientError) -> Refusal {
    match error {
        ClientError::OtherVersion { .. } => Refusal::WorkerMismatch {
            path: program.display().to_string(),
        },
        other => Refusal::DeviceUnavailable {
            device: format!("{backend:?}").to_lowercase(),
            reason: findings::of_client(other),
        },
    }
}
