//! Tells what happens, and remembers what no row has: how far the job is, the picture that forms, what has ended since the start.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use atelier_contract::{JobId, JobStatus, Refusal};
use atelier_worker_protocol::{Pixels, Preview, Progress};
use image::codecs::jpeg::JpegEncoder;
use tokio::sync::{Mutex as AsyncMutex, broadcast};

use super::Event;
use crate::jobs::{self, Job};
use crate::{Error, Library};

/// Of JPEG, 1 to 100: a preview is rough anyway.
const PREVIEW_QUALITY: u8 = 80;
/// Shortest time between two events of one download, and of one import or export.
const DOWNLOAD_INTERVAL: Duration = Duration::from_millis(200);
const WORK_INTERVAL: Duration = Duration::from_millis(100);
/// Ended jobs that are remembered; then the oldest is forgotten.
const ENDED_LEN_MAX: usize = 100;

/// Tells what happens. Clones tell the same listeners.
#[derive(Clone)]
pub(crate) struct Teller {
    library: Arc<Library>,
    events: broadcast::Sender<Event>,
    memory: Arc<Mutex<Memory>>,
    /// Held while a row is read and told of, so that nobody hears of an older state after a newer one.
    telling: Arc<AsyncMutex<()>>,
}

#[derive(Default)]
struct Memory {
    ended: Vec<JobId>,
    progress: HashMap<JobId, Progress>,
    previews: HashMap<(JobId, u32), Vec<u8>>,
    version: u32,
}

impl Teller {
    pub(crate) fn new(library: Arc<Library>, events: broadcast::Sender<Event>) -> Self {
        Self {
            library,
            events,
            memory: Arc::default(),
            telling: Arc::default(),
        }
    }

    pub(crate) fn library(&self) -> &Arc<Library> {
        &self.library
    }

    pub(crate) fn listen(&self) -> broadcast::Receiver<Event> {
        self.events.subscribe()
    }

    /// Nobody listening is no failure.
    pub(crate) fn tell(&self, event: Event) {
        let _ = self.events.send(event);
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All jobs that wait, run, are paused or have ended since the start, with how far they are.
    pub(crate) async fn jobs(&self) -> Result<Vec<Job>, Error> {
        let ended = self.memory().ended.clone();
        let mut jobs = jobs::list(&self.library, &ended).await?;
        let memory = self.memory();
        for job in &mut jobs {
            memory.add_to(job);
        }
        Ok(jobs)
    }

    /// Tells where a job stands now.
    pub(crate) async fn job_changed(&self, job: JobId) {
        let _turn = self.telling.lock().await;
        match jobs::show(&self.library, job).await {
            Ok(mut job) => {
                let mut memory = self.memory();
                memory.note(&job);
                memory.add_to(&mut job);
                drop(memory);
                self.tell(Event::JobChanged { job: Box::new(job) });
            }
            Err(error) => tracing::warn!("job {job} cannot be told of: {error}"),
        }
    }

    pub(crate) fn progressed(&self, job: JobId, progress: Progress) {
        self.tell(Event::JobProgressed {
            job,
            phase: progress.phase,
            step: progress.step,
            steps: progress.steps,
            seconds_left: progress.seconds_left,
            loss: progress.loss,
        });
        self.memory().progress.insert(job, progress);
    }

    /// Keeps a picture that forms, until the job has ended.
    pub(crate) fn previewed(&self, job: JobId, preview: &Preview) {
        let Some(jpeg) = jpeg(&preview.pixels) else { return };
        let mut memory = self.memory();
        memory.previews.insert((job, preview.index), jpeg);
        memory.version += 1;
        let version = memory.version;
        drop(memory);
        self.tell(Event::JobPreviewed {
            job,
            step: preview.step,
            index: preview.index,
            version,
        });
    }

    /// A picture that forms, as JPEG.
    pub(crate) fn preview(&self, job: JobId, index: u32) -> Result<Vec<u8>, Error> {
        let kept = self.memory().previews.get(&(job, index)).cloned();
        let missing = || Refusal::FileMissing {
            file: format!("preview {job}/{index}"),
        };
        Ok(kept.ok_or_else(missing)?)
    }

    /// What an import or export says on its way, told not too often.
    pub(crate) fn of_work(&self, work: u32) -> impl Fn(u64, u64) + Send + Sync + use<> {
        let teller = self.clone();
        let told: Mutex<Option<Instant>> = Mutex::default();
        move |done, total| {
            let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
            if told.is_some_and(|told| told.elapsed() < WORK_INTERVAL) && done != total {
                return;
            }
            *told = Some(Instant::now());
            teller.tell(Event::WorkProgressed { work, done, total });
        }
    }

    /// What a download says on its way, told not too often.
    pub(crate) fn of_download(&self, id: &str) -> impl FnMut(&str, u64, Option<u64>) + Send + use<> {
        let (teller, id) = (self.clone(), id.to_owned());
        let mut told: Option<Instant> = None;
        move |file, have, all| {
            if told.is_some_and(|told| told.elapsed() < DOWNLOAD_INTERVAL) && Some(have) != all {
                return;
            }
            told = Some(Instant::now());
            let (id, file) = (id.clone(), file.to_owned());
            teller.tell(Event::DownloadProgressed { id, file, have, all });
        }
    }
}

impl Memory {
    /// Remembers a job that ended, and forgets what was known of its way there.
    fn note(&mut self, job: &Job) {
        if job.status != JobStatus::Running {
            self.progress.remove(&job.id);
            self.previews.retain(|(of, _), _| *of != job.id);
        }
        let has_ended = matches!(
            job.status,
            JobStatus::Completed | JobStatus::Failed | JobStatus::Cancelled
        );
        if has_ended && !self.ended.contains(&job.id) {
            self.ended.push(job.id);
            if self.ended.len() > ENDED_LEN_MAX {
                self.ended.remove(0);
            }
        }
    }

    fn add_to(&self, job: &mut Job) {
        let Some(progress) = self.progress.get(&job.id) else {
            return;
        };
        job.phase = Some(progress.phase);
        job.step = progress.step;
        job.steps = progress.steps;
        job.seconds_left = progress.seconds_left;
    }
}

fn jpeg(pixels: &Pixels) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, PREVIEW_QUALITY)
        .encode(&pixels.rgb, pixels.width, pixels.height, image::ExtendedColorType::Rgb8)
        .ok()
        .map(|()| bytes)
}
