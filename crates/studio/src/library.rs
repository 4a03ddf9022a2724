//! The person's data: one SQLite database and the files it names, in one folder.
//!
//! ```text
//! library.db      the tables of migrations/library
//! library.lock    held by the one program that writes; its content says whether that program ended by itself and left all tidy
//! images/ab/…     pictures, named after their SHA-256
//! thumbnails/ab/… small versions of them, made with a picture or when they are asked for
//! styles/ab/…     LoRAs, named after their SHA-256
//! training/7/…    checkpoints of job 7, while it may go on
//! samples/7/…     what job 7 painted on its way, while it is its style's last training
//! ```
//!
//! Files first, rows second: a picture is whole and on the disk before a row names it, so that a kill leaves at most a file
//! that no row names. The next program to open the library removes those, as far as they have a name that the library gives: what a
//! person keeps in a folder of these names is not the library's.

mod files;
mod lock;
mod sweep;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use atelier_contract::Refusal;
use chrono::{DateTime, SecondsFormat, Utc};
use sqlx::migrate::Migrator;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection, Sqlite, SqlitePool, Transaction};

use crate::Error;
use crate::error::database_refusal;
use lock::Lock;

pub(crate) use files::{
    copy_whole, flush_folder, sha256_hex, store_picture, whole_name, write_beside, write_for_now, write_whole,
};

const DATABASE: &str = "library.db";

static MIGRATIONS: Migrator = sqlx::migrate!("../../migrations/library");

/// How long a statement waits for another connection's write.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// One writes, the others read.
const CONNECTIONS_MAX: u32 = 4;
/// Pages that a connection keeps, in KiB, as SQLite's `cache_size` wants it: the indexes of a gallery of 100,000 pictures. With
/// SQLite's own 2 MiB every search reads them from the file again, which takes most of its time.
const CACHE_KIB: &str = "-16384";

/// What a program wants with the library.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Only look, also while another program writes.
    Read,
    /// The one program that writes.
    Write,
}

/// An open library.
#[derive(Debug)]
pub struct Library {
    folder: PathBuf,
    pool: SqlitePool,
    /// Let go when the library is closed or dropped. `None` for readers.
    lock: Mutex<Option<Lock>>,
}

impl Library {
    /// Opens the library in `folder`, and makes it when there is none.
    ///
    /// For writing it waits up to `lock_wait` for another writer, brings the tables up to date, and removes what a killed program
    /// left half done; where the library is only made now, nothing can be its own. A reader of a library that is missing or out of date
    /// opens it for writing.
    ///
    /// # Errors
    /// [`Refusal::LibraryInUse`], [`Refusal::LibraryDamaged`], [`Refusal::LibraryTooNew`], [`Refusal::NotWritable`] or [`Refusal::DiskFull`].
    pub async fn open(folder: &Path, access: Access, lock_wait: Duration) -> Result<Self, Error> {
        if access == Access::Read
            && let Some(library) = Self::open_for_reading(folder).await?
        {
            return Ok(library);
        }
        std::fs::create_dir_all(folder).map_err(Error::file(folder))?;
        let lock = Lock::acquire(folder, lock_wait).await?;
        let is_new = !Self::is_in(folder);
        let pool = connect(folder, true).await?;
        MIGRATIONS.run(&pool).await.map_err(|error| Error::Migration {
            library: folder.to_owned(),
            source: Box::new(error),
        })?;
        let library = Self {
            folder: folder.to_owned(),
            pool,
            lock: Mutex::new(Some(lock)),
        };
        if is_new {
            library.set_untidy(false);
        } else {
            library.tidy().await?;
        }
        Ok(library)
    }

    /// Whether there is a library in `folder`.
    #[must_use]
    pub fn is_in(folder: &Path) -> bool {
        folder.join(DATABASE).is_file()
    }

    /// Puts back what a killed program left under way, and removes what nothing needs any more. What cannot be removed, as a file that
    /// another program holds, stays for the next start: it costs room, no more.
    async fn tidy(&self) -> Result<(), Error> {
        if self.is_untidy() {
            let is_untidy = !sweep::orphans(self).await?;
            self.set_untidy(is_untidy);
        }
        sweep::loras(self).await?;
        crate::jobs::recover(self).await?;
        let now = chrono::Utc::now();
        crate::gallery::sweep(self, now).await?;
        crate::styles::sweep(self, now).await?;
        crate::training::sweep(self, now).await
    }

    async fn open_for_reading(folder: &Path) -> Result<Option<Self>, Error> {
        if !Self::is_in(folder) {
            return Ok(None);
        }
        let pool = connect(folder, false).await?;
        // Not a checked query: the migrator makes this table, no migration does.
        let applied: Result<i64, _> = sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations WHERE success")
            .fetch_one(&pool)
            .await;
        let newest = MIGRATIONS.iter().map(|migration| migration.version).max();
        let current = applied.is_ok_and(|version| newest == Some(version));
        Ok(current.then(|| Self {
            folder: folder.to_owned(),
            pool,
            lock: Mutex::new(None),
        }))
    }

    /// Ends all use of the library in order: statements under way are done, later ones fail, and the next program that opens it finds
    /// nothing to tidy. A program need not come to the point where the library is dropped.
    pub async fn close(&self) {
        self.pool.close().await;
        self.lock().take();
    }

    /// The library's folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where a file is that a row names: `image_url`, `result_url`, `model_path`.
    #[must_use]
    pub fn path_of(&self, url: &str) -> PathBuf {
        self.folder.join(url)
    }

    /// Puts a picture among the library's files, named after its content, and gives what a row may call it. On return it is on
    /// the disk; the same content twice is one file. Blocks: call it where blocking is allowed.
    ///
    /// # Errors
    /// [`Error::File`] when it cannot be written; then nothing of it is left.
    pub fn store_picture(&self, bytes: &[u8], extension: &str) -> Result<String, Error> {
        store_picture(&self.folder, bytes, extension)
    }

    fn is_untidy(&self) -> bool {
        self.lock().as_ref().is_some_and(Lock::is_untidy)
    }

    /// Says whether the next program that opens the library has to look for files that no row names, as after a kill.
    fn set_untidy(&self, is_untidy: bool) {
        if let Some(lock) = self.lock().as_mut() {
            lock.set_untidy(is_untidy);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Lock>> {
        self.lock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Connections for queries.
    pub(crate) fn pool(&self) -> &SqlitePool {
        &self.pool
    }

    /// A transaction that may write at once, so that it never has to be repeated because another one was faster.
    pub(crate) async fn begin(&self) -> Result<Transaction<'static, Sqlite>, Error> {
        Ok(self.pool.begin_with("BEGIN IMMEDIATE").await?)
    }
}

/// An instant as the tables write it, so that text compares as time.
pub(crate) fn written(instant: DateTime<Utc>) -> String {
    instant.to_rfc3339_opts(SecondsFormat::Millis, true)
}

async fn connect(folder: &Path, create: bool) -> Result<SqlitePool, Error> {
    let file = folder.join(DATABASE);
    let options = SqliteConnectOptions::new()
        .filename(&file)
        .create_if_missing(create)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT)
        .journal_mode(SqliteJournalMode::Wal)
        // A commit is on the disk when it returns: NORMAL could lose the last ones when the power goes. Commits are few.
        .synchronous(SqliteSynchronous::Full)
        .pragma("cache_size", CACHE_KIB);
    SqlitePoolOptions::new()
        .max_connections(CONNECTIONS_MAX)
        // When the disk is full SQLite rolls back by itself, which sqlx does not see: it would take the connection to be inside that
        // transaction for ever, and refuse every other.
        .before_acquire(|connection, _| Box::pin(async move { Ok(!connection.is_in_transaction()) }))
        .connect_with(options)
        .await
        .map_err(|error| match database_refusal(&error, &file) {
            Refusal::Internal { .. } => Error::Database(error),
            refusal => Error::Refused(refusal),
        })
}
