//! The studio at work: an open library, the desk that does its jobs, and everybody who wants to hear of it.
//!
//! Short questions (what a training needs, how a style fits) go to a worker of their own, one at a time, so that none waits for a
//! training to end. Dropping a handle ends nothing; [`Studio::close`] does.

use std::path::Path;
use std::sync::Arc;

use atelier_contract::{JobId, Refusal, StyleId};
use tokio::sync::{Mutex, OnceCell, broadcast};

use crate::artworks::{self, DatasetReport};
use crate::desk::{Desk, Teller};
use crate::generations::{self, Choices, GenerationRequest, StyleReceipt, StyleUse};
use crate::hardware::{self, Device};
use crate::jobs::{self, Job};
use crate::models::{self, Downloads, InstalledModel, Models};
use crate::styles::{self, Style, exchange};
use crate::training::{self, TrainRequest, TrainingPlan};
use crate::worker::Workshop;
use crate::works::{Work, Works};
use crate::{Access, Config, Error, Event, Library, LibraryPart};

/// Events that wait for a listener that is slow; then it misses the oldest.
const EVENTS_LEN_MAX: usize = 1024;

/// A handle on the studio. Clones are the same studio.
#[derive(Clone)]
pub struct Studio {
    inner: Arc<Inner>,
}

struct Inner {
    library: Arc<Library>,
    config: Config,
    teller: Teller,
    desk: Desk,
    downloads: Downloads,
    works: Works,
    /// One question at a time, each with a worker that ends with it.
    questions: Mutex<()>,
    device: OnceCell<Device>,
}

impl Studio {
    /// Opens the library for writing and begins with what waits, on the runtime that is there. Trainings that the end of a program
    /// stopped go on; those that a person paused stay paused.
    ///
    /// # Errors
    /// Those of [`Library::open`].
    pub async fn open(config: Config) -> Result<Self, Error> {
        let library = Arc::new(Library::open(&config.data, Access::Write, config.lock_wait).await?);
        jobs::go_on(&library).await?;
        let teller = Teller::new(Arc::clone(&library), broadcast::channel(EVENTS_LEN_MAX).0);
        let desk = Desk::start(Workshop::new(&config.programs, None), teller.clone());
        let inner = Inner {
            library,
            config,
            teller,
            desk,
            downloads: Downloads::default(),
            works: Works::default(),
            questions: Mutex::new(()),
            device: OnceCell::new(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The library.
    #[must_use]
    pub fn library(&self) -> &Arc<Library> {
        &self.inner.library
    }

    /// Where things are.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.inner.config
    }

    /// What happens from now on.
    #[must_use]
    pub fn events(&self) -> broadcast::Receiver<Event> {
        self.inner.teller.listen()
    }

    /// Tells everybody who listens that a part of the library is not what it was.
    pub fn changed(&self, what: LibraryPart, style: Option<StyleId>) {
        self.inner.teller.tell(Event::LibraryChanged { what, style });
    }

    /// Stops the job that runs so that the next start goes on with it, and ends the worker. Downloads keep what has arrived, imports what
    /// they took in.
    pub async fn stop(&self) {
        self.inner.downloads.cancel_all();
        // Side by side: an import that takes its time does not keep the job that runs from hearing of the end.
        tokio::join!(self.inner.works.close(), self.inner.desk.close());
    }

    /// Stops as [`Self::stop`] does and lets go of the library, whoever still has a handle: nothing can be asked of it any more.
    pub async fn close(&self) {
        self.stop().await;
        self.inner.library.close().await;
    }

    /// Long work that the caller is about to ask for: [`Event::WorkProgressed`] tells of it under this number.
    #[must_use]
    pub fn begin_work(&self, number: u32) -> Work {
        let on_progress = Arc::new(self.inner.teller.of_work(number));
        self.inner.works.begin(number, on_progress)
    }

    /// Ends work that goes on, soon. What it has done stays.
    pub fn cancel_work(&self, number: u32) {
        self.inner.works.cancel(number);
    }

    /// All that waits, runs or is paused, in the order it will be done, and what has ended since the studio opened.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn jobs(&self) -> Result<Vec<Job>, Error> {
        self.inner.teller.jobs().await
    }

    /// Ends a job, at once. [`Studio::restore_training`] takes that back for a training.
    ///
    /// # Errors
    /// [`atelier_contract::Refusal::JobUnknown`], [`atelier_contract::Refusal::JobEnded`].
    pub async fn cancel(&self, job: JobId) -> Result<(), Error> {
        self.inner.desk.cancel(job).await
    }

    /// Stops a training at a checkpoint.
    ///
    /// # Errors
    /// [`atelier_contract::Refusal::JobUnknown`], [`atelier_contract::Refusal::JobEnded`] when it does not run.
    pub async fn pause(&self, job: JobId) -> Result<(), Error> {
        self.inner.desk.pause(job).await
    }

    /// Puts a paused training into the queue.
    ///
    /// # Errors
    /// [`atelier_contract::Refusal::JobUnknown`], [`atelier_contract::Refusal::JobEnded`] when it is not paused.
    pub async fn resume(&self, job: JobId) -> Result<(), Error> {
        jobs::put_to_queue(&self.inner.library, job).await?;
        self.placed(job).await;
        Ok(())
    }

    /// Takes back the cancelling of a training.
    ///
    /// # Errors
    /// [`atelier_contract::Refusal::JobUnknown`], [`atelier_contract::Refusal::JobEnded`] when it was not cancelled or has a successor.
    pub async fn restore_training(&self, job: JobId) -> Result<(), Error> {
        training::restore(&self.inner.library, job).await?;
        self.placed(job).await;
        self.changed(LibraryPart::Styles, None);
        Ok(())
    }

    /// Puts a waiting job before another, or behind all.
    ///
    /// # Errors
    /// [`atelier_contract::Refusal::JobUnknown`] when one of them does not wait.
    pub async fn move_job(&self, job: JobId, before: Option<JobId>) -> Result<(), Error> {
        jobs::move_before(&self.inner.library, job, before).await?;
        self.placed(job).await;
        Ok(())
    }

    /// The picture that forms now, as JPEG.
    ///
    /// # Errors
    /// [`atelier_contract::Refusal::FileMissing`] when none does.
    pub fn preview(&self, job: JobId, index: u32) -> Result<Vec<u8>, Error> {
        self.inner.teller.preview(job, index)
    }

    /// What a training would see of a style's artworks.
    ///
    /// # Errors
    /// [`atelier_contract::Refusal::StyleUnknown`], [`atelier_contract::Refusal::ModelUnknown`].
    pub async fn report(&self, style: StyleId) -> Result<DatasetReport, Error> {
        let id = styles::show(self.library(), style).await?.base_model;
        let model = models::resolve(self.library(), self.config(), &mut self.workshop(), &id).await?;
        artworks::report(self.library(), style, &model).await
    }

    /// Files of a base model that are not what they were.
    ///
    /// # Errors
    /// [`atelier_contract::Refusal::ModelUnknown`], and what keeps them from being read.
    pub async fn verify_model(&self, id: &str) -> Result<Vec<String>, Error> {
        let model = models::resolve(self.library(), self.config(), &mut self.workshop(), id).await?;
        models::verify(&model).await
    }

    /// What a training would do and need.
    ///
    /// # Errors
    /// Those of [`training::plan`].
    pub async fn plan(&self, request: &TrainRequest) -> Result<TrainingPlan, Error> {
        let _turn = self.inner.questions.lock().await;
        training::plan(
            self.library(),
            self.config(),
            &mut self.workshop_with_room().await,
            request,
        )
        .await
    }

    /// Puts a training into the queue.
    ///
    /// # Errors
    /// Those of [`training::place`].
    pub async fn train(&self, request: &TrainRequest) -> Result<JobId, Error> {
        let _turn = self.inner.questions.lock().await;
        let choice = request.choice(self.library()).await?;
        let workshop = &mut self.workshop_with_room().await;
        let job = training::place(self.library(), self.config(), workshop, &choice, &mut |_update| {}).await?;
        self.placed(job).await;
        self.changed(LibraryPart::Styles, Some(request.style));
        Ok(job)
    }

    /// What may be chosen with this model, else with the one that the first of these styles is for.
    ///
    /// # Errors
    /// Those of [`generations::choices`].
    pub async fn choices(&self, model: Option<&str>, styles: &[StyleId]) -> Result<Choices, Error> {
        generations::choices(self.library(), self.config(), &mut self.workshop(), model, styles).await
    }

    /// How each style fits the model.
    ///
    /// # Errors
    /// Those of [`generations::receipts`].
    pub async fn receipts(&self, styles: &[StyleUse], model: Option<&str>) -> Result<Vec<StyleReceipt>, Error> {
        let _turn = self.inner.questions.lock().await;
        generations::receipts(self.library(), self.config(), &mut self.workshop(), styles, model).await
    }

    /// Puts an order for pictures into the queue.
    ///
    /// # Errors
    /// Those of [`generations::place_request`].
    pub async fn generate(&self, request: &GenerationRequest) -> Result<JobId, Error> {
        let workshop = &mut self.workshop();
        let job = generations::place_request(self.library(), self.config(), workshop, request).await?;
        self.placed(job).await;
        Ok(job)
    }

    /// Takes in a LoRA file as a style, until `work` is cancelled: then its worker ends, and nothing of it stays.
    ///
    /// # Errors
    /// Those of [`exchange::import`], [`Refusal::Cancelled`].
    pub async fn import_style(&self, wanted: &exchange::Wanted, work: &Work) -> Result<Style, Error> {
        let importing = async {
            let _turn = self.inner.questions.lock().await;
            exchange::import(self.library(), self.config(), &mut self.workshop(), wanted).await
        };
        let (style, _) = tokio::select! {
            imported = importing => imported?,
            () = work.cancel().cancelled() => return Err(Refusal::Cancelled {}.into()),
        };
        self.changed(LibraryPart::Styles, Some(style.id));
        Ok(style)
    }

    /// Base models that are there and that could be.
    ///
    /// # Errors
    /// Those of [`models::overview`].
    pub async fn models(&self) -> Result<Models, Error> {
        let device = self.device().await;
        models::overview(self.library(), self.config(), &self.inner.downloads, device).await
    }

    /// What does the work: asked once, a worker's answer stays true as long as the studio is open.
    async fn device(&self) -> Device {
        let asked = async || hardware::device(self.config()).await.ok_or(());
        match self.inner.device.get_or_try_init(asked).await {
            Ok(device) => *device,
            Err(()) => Device::processor(hardware::memory_bytes().0),
        }
    }

    /// Takes in a base model by reference.
    ///
    /// # Errors
    /// Those of [`models::import`].
    pub async fn import_model(&self, path: &Path, id: Option<&str>, work: &Work) -> Result<InstalledModel, Error> {
        let _turn = self.inner.questions.lock().await;
        let workshop = &mut self.workshop();
        let model = models::import(self.library(), self.config(), workshop, path, id, false, work).await?;
        self.changed(LibraryPart::Models, None);
        let all = self.models().await?.installed;
        let unknown = || atelier_contract::Refusal::ModelUnknown {
            known: all.iter().map(|known| known.id.clone()).collect(),
            model: model.id.clone(),
        };
        Ok(all
            .iter()
            .find(|known| known.id == model.id)
            .cloned()
            .ok_or_else(unknown)?)
    }

    /// Begins a download, or goes on with one, and comes back at once: [`Event::DownloadEnded`] tells the rest.
    ///
    /// # Errors
    /// Those of [`Downloads::begin`].
    pub fn download(&self, id: &str) -> Result<(), Error> {
        let download = self.inner.downloads.begin(id)?;
        let (studio, id) = (self.clone(), id.to_owned());
        tokio::spawn(async move {
            let teller = &studio.inner.teller;
            let mut on_bytes = teller.of_download(&id);
            let workshop = &mut studio.workshop();
            let (library, config) = (studio.library(), studio.config());
            let ended = models::fetch(library, config, workshop, &id, &download.cancel, &mut on_bytes).await;
            drop(download);
            let refusal = ended.err().map(atelier_contract::Refusal::from);
            if refusal.is_none() {
                studio.changed(LibraryPart::Models, None);
            }
            teller.tell(Event::DownloadEnded { id, refusal });
        });
        Ok(())
    }

    /// Stops a download. What has arrived stays.
    pub fn cancel_download(&self, id: &str) {
        self.inner.downloads.cancel(id);
    }

    /// Removes what an unfinished download has left.
    ///
    /// # Errors
    /// Those of [`Downloads::begin`] while it goes on, and of [`models::discard`].
    pub fn discard_download(&self, id: &str) -> Result<(), Error> {
        let _none_runs_meanwhile = self.inner.downloads.begin(id)?;
        models::discard(self.library(), self.config(), id)?;
        self.changed(LibraryPart::Models, None);
        Ok(())
    }

    /// A worker for one question.
    fn workshop(&self) -> Workshop {
        Workshop::new(&self.config().programs, None)
    }

    /// A worker for a question about memory: what the desk's worker keeps without a job is given back first, and what a job holds will be
    /// free when a training's turn comes.
    async fn workshop_with_room(&self) -> Workshop {
        if self.inner.desk.make_room().await {
            self.workshop()
        } else {
            self.workshop().beside_a_job()
        }
    }

    async fn placed(&self, job: JobId) {
        self.inner.teller.job_changed(job).await;
        self.inner.desk.wake();
    }
}
