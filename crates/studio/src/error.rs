//! What can go wrong in the studio, and how each of it is said to a person.

use std::io;
use std::path::{Path, PathBuf};

use atelier_contract::{Refusal, TagError};

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
    pub(super) const IO_ERROR_READ: u32 = 266;
    pub(super) const IO_ERROR_SHORT_READ: u32 = 522;
    pub(super) const CORRUPT: u32 = 11;
    pub(super) const FULL: u32 = 13;
    pub(super) const CANNOT_OPEN: u32 = 14;
    pub(super) const NOT_A_DATABASE: u32 = 26;
}

pub(crate) fn database_refusal(error: &sqlx::Error, library: &Path) -> Refusal {
    let path = library.display().to_string();
    let code = error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code)
        .and_then(|code| code.parse::<u32>().ok());
    // A disk that was pulled out is not a full one.
    if let Some(result_code::IO_ERROR_READ | result_code::IO_ERROR_SHORT_READ) = code {
        return Refusal::PathNotReadable { path };
    }
    // The lower byte of an extended code is the primary one.
    match code.map(|code| code & 0xff) {
        Some(result_code::FULL | result_code::IO_ERROR) => Refusal::DiskFull { path },
        Some(result_code::READ_ONLY | result_code::CANNOT_OPEN) => Refusal::NotWritable { path },
        Some(result_code::BUSY) => Refusal::LibraryInUse { path },
        Some(result_code::CORRUPT | result_code::NOT_A_DATABASE) => Refusal::LibraryDamaged { path },
        _ => Refusal::Internal {
            reason: error.to_string(),
        },
    }
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
