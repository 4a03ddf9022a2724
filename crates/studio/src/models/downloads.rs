//! Downloads that run, so that one can be cancelled and none runs twice.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use atelier_contract::Refusal;
use tokio_util::sync::CancellationToken;

type Running = HashMap<String, CancellationToken>;

/// The downloads that run in this program, by their model's id. Clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Downloads {
    running: Arc<Mutex<Running>>,
}

/// A download that counts as running until it is dropped.
#[derive(Debug)]
pub struct Download {
    id: String,
    downloads: Downloads,
    /// Ends it; hand it to [`super::fetch`].
    pub cancel: CancellationToken,
}

impl Downloads {
    /// Notes that the model `id` is being downloaded from now on.
    ///
    /// # Errors
    /// [`Refusal::DownloadRunning`] when it is already.
    pub fn begin(&self, id: &str) -> Result<Download, Refusal> {
        let mut running = self.lock();
        if running.contains_key(id) {
            let model = id.to_owned();
            return Err(Refusal::DownloadRunning { model });
        }
        let cancel = CancellationToken::new();
        running.insert(id.to_owned(), cancel.clone());
        Ok(Download {
            id: id.to_owned(),
            downloads: self.clone(),
            cancel,
        })
    }

    /// Ends the download of `id`, if there is one. What has arrived stays, and the next one goes on there.
    pub fn cancel(&self, id: &str) {
        if let Some(cancel) = self.lock().get(id) {
            cancel.cancel();
        }
    }

    /// Ends all of them: the program closes.
    pub fn cancel_all(&self) {
        self.lock().values().for_each(CancellationToken::cancel);
    }

    /// Whether the model `id` is being downloaded.
    #[must_use]
    pub fn is_running(&self, id: &str) -> bool {
        self.lock().contains_key(id)
    }

    fn lock(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Download {
    fn drop(&mut self) {
        self.downloads.lock().remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_downloaded_once_at_a_time() {
        let downloads = Downloads::default();
        let first = downloads.begin("sd15").expect("nothing runs");
        assert!(downloads.begin("sd15").is_err());
        assert!(downloads.begin("sdxl").is_ok());
        downloads.cancel("sd15");
        assert!(first.cancel.is_cancelled() && downloads.is_running("sd15"));
        drop(first);
        assert!(!downloads.is_running("sd15"));
    }
}
