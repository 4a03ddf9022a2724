//! One writer at a time. The system lets go of the lock when a program dies, however it dies.

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use atelier_contract::Refusal;

use crate::Error;

/// Time between two tries.
const RETRY: Duration = Duration::from_millis(100);
/// Stands in the file while a writer lives, and afterwards when it could not take it away or left something to tidy.
const IN_USE: &[u8] = b"in use\n";

/// The right to write to a library, until it is dropped.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
    is_untidy: bool,
}

impl Lock {
    /// Waits up to `wait` for the lock of the library in `folder`.
    pub(super) async fn acquire(folder: &Path, wait: Duration) -> Result<Self, Error> {
        let path = folder.join("library.lock");
        let mut file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(Error::file(&path))?;
        let deadline = Instant::now() + wait;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => tokio::time::sleep(RETRY).await,
                Err(TryLockError::WouldBlock) => {
                    return Err(Refusal::LibraryInUse {
                        path: folder.display().to_string(),
                    }
                    .into());
                }
                Err(TryLockError::Error(error)) => return Err(Error::file(&path)(error)),
            }
        }
        let mut content = Vec::new();
        file.read_to_end(&mut content).map_err(Error::file(&path))?;
        file.set_len(0).map_err(Error::file(&path))?;
        file.rewind().map_err(Error::file(&path))?;
        file.write_all(IN_USE).map_err(Error::file(&path))?;
        Ok(Self {
            file,
            is_untidy: !content.is_empty(),
        })
    }

    /// Whether files may be there that no row names: the writer before ended without dropping its lock, or could not remove them.
    pub(super) const fn is_untidy(&self) -> bool {
        self.is_untidy
    }

    /// Says whether the next writer has to look for files that no row names.
    pub(super) const fn set_untidy(&mut self, is_untidy: bool) {
        self.is_untidy = is_untidy;
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        if !self.is_untidy {
            // Failing costs the next program a look at all files, no more.
            let _ = self.file.set_len(0);
        }
    }
}
