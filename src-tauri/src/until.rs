//! Stands in for the studio's handle until there is one.

use std::sync::Arc;

use atelier_studio::{Access, Config, Error, Library};

pub(crate) struct Studio {
    library: Arc<Library>,
    config: Config,
}

impl Studio {
    pub(crate) async fn open(config: Config) -> Result<Self, Error> {
        let library = Arc::new(Library::open(&config.data, Access::Write, config.lock_wait).await?);
        Ok(Self { library, config })
    }
    pub(crate) fn library(&self) -> &Arc<Library> {
        &self.library
    }
    pub(crate) fn config(&self) -> &Config {
        &self.config
    }
    pub(crate) async fn close(&self) {}
}
