//! One writer at a time. The system lets go of the lock when a program dies, however it dies.

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use atelier_contract::Refusal;

use crate::Error;

/// Time between two tries.
const RETRY: Duration = Duration::from_millis(100);
/// Stands in the file while a writer lives, and afterwards when it could not take it away.
const IN_USE: &[u8] = b"in use\n";

/// The right to write to a library, until it is dropped.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
    was_killed: bool,
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
            was_killed: !content.is_empty(),
        })
    }

    /// Whether the writer before ended without dropping its lock.
    pub(super) const fn was_killed(&self) -> bool {
        self.was_killed
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Failing costs the next program a look at all files, no more.
        let _ = self.file.set_len(0);
    }
}
