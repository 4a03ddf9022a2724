//! The studio behind the window: opened once, by whoever asks first.
//!
//! What keeps it from opening (another program has the library, its file is damaged) is told to whoever asked; the next one who asks tries
//! again. So the window's “try again” is nothing but asking once more.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use atelier_studio::contract::Refusal;
use atelier_studio::thumbnails::Thumbnails;
use atelier_studio::{Config, Library, Studio};
use tauri::AppHandle;
use tokio::sync::OnceCell;

use crate::{events, handover};

/// How long the job that runs has for its checkpoint when the window is closed. What is not written then is done again.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(15);
/// How long a window waits for a library: longer than one that is being closed may keep it.
const LOCK_WAIT: Duration = Duration::from_secs(18);

/// Where the window's programs, folders and studio are.
pub(crate) struct House {
    config: Config,
    first_run: bool,
    studio: OnceCell<Studio>,
    closing: AtomicBool,
    thumbnails: Thumbnails,
    app: AppHandle,
}

impl House {
    pub(crate) fn new(config: Config, app: AppHandle) -> Self {
        Self {
            first_run: !Library::is_in(&config.data),
            config: Config {
                lock_wait: LOCK_WAIT,
                ..config
            },
            studio: OnceCell::new(),
            closing: AtomicBool::new(false),
            thumbnails: Thumbnails::default(),
            app,
        }
    }

    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// Whether there was no library before this start.
    pub(crate) fn first_run(&self) -> bool {
        self.first_run
    }

    pub(crate) fn thumbnails(&self) -> &Thumbnails {
        &self.thumbnails
    }

    /// The studio, opened if it is not.
    ///
    /// # Errors
    /// What keeps the library from being opened.
    pub(crate) async fn studio(&self) -> Result<&Studio, Refusal> {
        self.studio
            .get_or_try_init(|| async {
                let studio = Studio::open(self.config.clone()).await?;
                handover::sweep(&self.config);
                events::forward(self.app.clone(), studio.events());
                Ok(studio)
            })
            .await
    }

    /// Whether the window has been closed, for good.
    pub(crate) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Relaxed)
    }

    /// Lets the studio end what it does so that it can go on at the next start, and lets go of the library. The second time it does nothing.
    pub(crate) async fn close(&self) {
        if self.closing.swap(true, Ordering::Relaxed) {
            return;
        }
        let Some(studio) = self.studio.get() else { return };
        if tokio::time::timeout(CLOSE_TIMEOUT, studio.close()).await.is_err() {
            tracing::warn!("the studio did not close within {CLOSE_TIMEOUT:?}");
        }
    }
}

/// Name on the message bus of the window that has this library open: its own for every folder, since a person may have several.
pub(crate) fn bus_name(data: &Path) -> String {
    let mut hasher = DefaultHasher::new();
    std::path::absolute(data)
        .unwrap_or_else(|_| data.to_owned())
        .hash(&mut hasher);
    format!("app.atelier.studio.library-{:016x}", hasher.finish())
}

/// Where the log is kept.
pub(crate) fn logs(config: &Config) -> PathBuf {
    config.data.join("logs")
}
