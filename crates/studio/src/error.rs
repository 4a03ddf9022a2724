//! What can go wrong in the studio, and how each of it is said to a person.

use std::io;
use std::path::{Path, PathBuf};

use atelier_contract::{Refusal, TagError};

use crate::hardware;

/// Any failure of the studio. `Display` is for the log; a person reads [`Error::refusal`].
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Something that a person can put right.
    #[error("refused: {0:?}")]
    Refused(Refusal),
    /// The library's database.
    #[error("the library's database")]
    Database(#[from] sqlx::Error),
    /// Bringing the database up to date.
    #[error("the migrations of {library}")]
    Migration {
        /// The library's folder.
        library: PathBuf,
        /// What the migrator says.
        source: Box<sqlx::migrate::MigrateError>,
    },
    /// A file or folder.
    #[error("{path}")]
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A column or a file does not hold the JSON that we write.
    #[error("JSON of our own does not parse")]
    Json(#[from] serde_json::Error),
    /// A task of our own ended in a panic.
    #[error("a task ended badly")]
    Task(#[from] tokio::task::JoinError),
    /// A picture that could not be encoded: a defect.
    #[error("a picture could not be encoded: {0}")]
    Picture(String),
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<TagError> for Error {
    fn from(error: TagError) -> Self {
        Self::Refused(error.into())
    }
}

/// At a border that only refusals cross. A defect leaves its facts in the log.
impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        let refusal = error.refusal();
        if matches!(refusal, Self::Internal { .. }) {
            tracing::error!("{error:?}");
        }
        refusal
    }
}

impl Error {
    /// For `map_err` on what the standard library does with `path`.
    pub(crate) fn file(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { path, source }
    }

    /// What a person is told.
    #[must_use]
    pub fn refusal(&self) -> Refusal {
        match self {
            Self::Refused(refusal) => refusal.clone(),
            Self::Database(error) => database_refusal(error, Path::new("library.db")),
            Self::Migration { library, source } => migration_refusal(source, library),
            Self::File { path, source } => file_refusal(path, source),
            Self::Json(error) => Refusal::Internal {
                reason: error.to_string(),
            },
            Self::Task(error) => Refusal::Internal {
                reason: error.to_string(),
            },
            Self::Picture(reason) => Refusal::Internal { reason: reason.clone() },
        }
    }
}

fn file_refusal(path: &Path, error: &io::Error) -> Refusal {
    let path = path.display().to_string();
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Refusal::DiskFull { path },
        io::ErrorKind::PermissionDenied
        | io::ErrorKind::ReadOnlyFilesystem
        | io::ErrorKind::NotADirectory
        | io::ErrorKind::IsADirectory => Refusal::NotWritable { path },
        io::ErrorKind::AlreadyExists => Refusal::FileExists { file: path },
        io::ErrorKind::NotFound => Refusal::FileMissing { file: path },
        _ => Refusal::Internal {
            reason: format!("{path}: {error}"),
        },
    }
}

/// SQLite's result codes (<https://www.sqlite.org/rescode.html>) that have a cause outside the program.
mod result_code {
    pub(super) const BUSY: u32 = 5;
    pub(super) const READ_ONLY: u32 = 8;
    pub(super) const IO_ERROR: u32 = 10;
    pub(super) const IO_ERROR_WRITE: u32 = 778;
    pub(super) const IO_ERROR_FSYNC: u32 = 1034;
    pub(super) const IO_ERROR_DIR_FSYNC: u32 = 1290;
    pub(super) const IO_ERROR_TRUNCATE: u32 = 1546;
    pub(super) const IO_ERROR_DELETE: u32 = 2570;
    pub(super) const IO_ERROR_SHM_SIZE: u32 = 4874;
    pub(super) const CORRUPT: u32 = 11;
    pub(super) const FULL: u32 = 13;
    pub(super) const CANNOT_OPEN: u32 = 14;
    pub(super) const NOT_A_DATABASE: u32 = 26;
}

/// Below it a disk is taken for full: SQLite adds far less to a file at a time, and other programs use what little is left.
const ROOM_BYTES_MIN: u64 = 1 << 20;

pub(crate) fn database_refusal(error: &sqlx::Error, library: &Path) -> Refusal {
    let code = error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code)
        .and_then(|code| code.parse::<u32>().ok());
    code.and_then(|code| storage_refusal(code, library, || hardware::disk_free_bytes(library)))
        .unwrap_or_else(|| Refusal::Internal {
            reason: error.to_string(),
        })
}

/// What a result code says of the place where the library is; `None` for one that says something of the program. `free_bytes` are those of
/// the disk, as far as anybody knows.
fn storage_refusal(code: u32, library: &Path, free_bytes: impl Fn() -> Option<u64>) -> Option<Refusal> {
    use result_code::*;
    let path = library.display().to_string();
    let has_room = || free_bytes().map(|free| free >= ROOM_BYTES_MIN);
    // The lower byte of an extended code is the primary one.
    let refusal = match (code & 0xff, code) {
        (FULL, _) => Refusal::DiskFull { path },
        // A disk may find out only when it is flushed, and SQLite does not say why.
        (IO_ERROR, IO_ERROR_WRITE | IO_ERROR_FSYNC) if has_room() == Some(false) => Refusal::DiskFull { path },
        // All that was asked for was a longer file.
        (IO_ERROR, IO_ERROR_SHM_SIZE) if has_room() != Some(true) => Refusal::DiskFull { path },
        (
            IO_ERROR,
            IO_ERROR_WRITE | IO_ERROR_FSYNC | IO_ERROR_DIR_FSYNC | IO_ERROR_TRUNCATE | IO_ERROR_DELETE
            | IO_ERROR_SHM_SIZE,
        )
        | (READ_ONLY | CANNOT_OPEN, _) => Refusal::NotWritable { path },
        // As when the disk was pulled out.
        (IO_ERROR, _) => Refusal::PathNotReadable { path },
        (BUSY, _) => Refusal::LibraryInUse { path },
        (CORRUPT | NOT_A_DATABASE, _) => Refusal::LibraryDamaged { path },
        _ => return None,
    };
    Some(refusal)
}

fn migration_refusal(error: &sqlx::migrate::MigrateError, library: &Path) -> Refusal {
    use sqlx::migrate::MigrateError;
    let path = library.display().to_string();
    match error {
        MigrateError::VersionMissing(_) | MigrateError::VersionMismatch(_) => Refusal::LibraryTooNew { path },
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => database_refusal(error, library),
        other => Refusal::Internal {
            reason: other.to_string(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_is_full_only_when_there_is_no_room_on_it() {
        let library = Path::new("library.db");
        let path = library.display().to_string();
        let told = |code, free_bytes| storage_refusal(code, library, || free_bytes);
        let full = Some(Refusal::DiskFull { path: path.clone() });
        let not_writable = Some(Refusal::NotWritable { path: path.clone() });
        assert_eq!(told(result_code::FULL, None), full);
        for (code, if_nobody_knows) in [
            (result_code::IO_ERROR_WRITE, &not_writable),
            (result_code::IO_ERROR_FSYNC, &not_writable),
            (result_code::IO_ERROR_SHM_SIZE, &full),
        ] {
            assert_eq!(told(code, Some(0)), full);
            assert_eq!(told(code, Some(1 << 30)), not_writable);
            assert_eq!(told(code, None), *if_nobody_knows);
        }
        // SQLITE_IOERR_READ, _SHORT_READ, _LOCK, _SHMMAP.
        for code in [266, 522, 3850, 5386] {
            assert_eq!(
                told(code, Some(0)),
                Some(Refusal::PathNotReadable { path: path.clone() })
            );
        }
        assert_eq!(told(1, Some(0)), None, "a statement that is wrong");
    }
}
