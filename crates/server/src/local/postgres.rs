//! A private Postgres cluster in a folder, reached through a socket that only its owner can open.
//!
//! One process owns a cluster at a time (a lock on a file beside it says which) and ends it when it goes; others are its guests. A cluster
//! that outlived a killed owner is taken over as it runs. Postgres refuses to run as root: root hands the folder to `postgres` or `nobody`.

mod account;
mod binaries;

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use account::Account;
pub use binaries::binaries;
use binaries::version;

/// Oldest Postgres that the migrations run on.
pub const POSTGRES_MIN: u32 = 15;
/// Longest wait for a cluster to start or to stop; recovery after a crash replays its log first.
const WAIT_S: &str = "120";
/// Socket names are at most 107 bytes on Linux and 103 elsewhere; `/.s.PGSQL.5432` takes 14 of them.
const SOCKET_FOLDER_BYTES_MAX: usize = 88;
/// The one user of a private cluster.
const USER: &str = "atelier";

/// Why there is no cluster.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// No Postgres of a version that would do.
    #[error(
        "Postgres {POSTGRES_MIN} or newer was not found (looked in PATH and where packages put it). Install it, for instance with \
         scripts/prepare server, or set database_url to one that runs elsewhere"
    )]
    NotInstalled,
    /// Only root can write to the null device: whatever runs as another user dies at once, without a word.
    #[error("/dev/null is not writable for everybody, and Postgres does not run as root. Mend it: chmod 666 /dev/null")]
    NullDevice,
    /// Root, and nobody to hand the folder to.
    #[error("Postgres does not run as root, and there is neither a user `postgres` nor `nobody` to run it as")]
    NoAccount,
    /// The folder lies where the account cannot go.
    #[error(
        "{folder} cannot be entered by the user `{account}`, as which Postgres has to run because this is root. Choose a data folder \
         outside {closed}, or run as an ordinary user"
    )]
    FolderClosed {
        /// Of the cluster.
        folder: PathBuf,
        /// The first folder on the way that is closed.
        closed: PathBuf,
        /// Who cannot enter.
        account: String,
    },
    /// It runs under another process, and then did not answer.
    #[error("the cluster in {0} belongs to another process that has not started it")]
    Owned(PathBuf),
    /// Made by a Postgres that is not this one.
    #[error(
        "the cluster in {folder} was made by Postgres {made}, but the Postgres found is {found}: pg_upgrade or another data folder"
    )]
    OtherVersion {
        /// Of the cluster.
        folder: PathBuf,
        /// As its file says.
        made: String,
        /// As the binaries say.
        found: u32,
    },
    /// One of its programs failed.
    #[error("{program} failed: {said}")]
    Failed {
        /// Which.
        program: &'static str,
        /// The end of what it said.
        said: String,
    },
    /// A file could not be made or read.
    #[error("{path}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// How a cluster ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// Ends sessions, writes all to the disk.
    Fast,
    /// As in a power cut: the next start recovers from the log.
    Immediate,
}

/// A cluster that runs.
#[derive(Debug)]
pub struct Cluster {
    folder: PathBuf,
    sockets: PathBuf,
    binaries: PathBuf,
    account: Option<Account>,
    settings: Vec<String>,
    /// Held by the owner until the end; guests have none.
    owned: Option<File>,
}

impl Cluster {
    /// Opens the cluster in `folder`: makes it when there is none, starts it when it does not run. `settings` are lines such as
    /// `fsync=off`; they hold for as long as this start.
    ///
    /// # Errors
    /// [`ClusterError`], each with what to do about it.
    pub fn open(folder: &Path, settings: &[&str]) -> Result<Self, ClusterError> {
        let binaries = binaries()?;
        fs::create_dir_all(folder).map_err(file(folder))?;
        let folder = folder.canonicalize().map_err(file(folder))?;
        let account = Account::needed(&folder)?;
        let owned = lock(&folder.join("owner.lock"))?;
        let mut cluster = Self {
            sockets: socket_folder(&folder),
            folder,
            binaries,
            account,
            settings: settings.iter().map(|setting| (*setting).to_owned()).collect(),
            owned,
        };
        if cluster.owned.is_none() {
            return if cluster.runs() {
                Ok(cluster)
            } else {
                Err(ClusterError::Owned(cluster.folder.clone()))
            };
        }
        cluster.give_away()?;
        if !cluster.data().join("PG_VERSION").is_file() {
            cluster.make()?;
        }
        cluster.check_version()?;
        if !cluster.runs() {
            cluster.start()?;
        }
        Ok(cluster)
    }

    /// The address of one of its databases.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        let mut url = url::Url::parse("postgres://localhost").expect("an address");
        url.set_path(database);
        url.query_pairs_mut()
            .append_pair("host", &self.sockets.to_string_lossy())
            .append_pair("user", USER);
        url.into()
    }

    /// Where its programs are: `psql`, `pg_dump`, `pgbench`.
    #[must_use]
    pub fn binaries(&self) -> &Path {
        &self.binaries
    }

    /// The folder with its socket.
    #[must_use]
    pub fn sockets(&self) -> &Path {
        &self.sockets
    }

    /// Where its files are.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// One of its programs, to be run as who may.
    #[must_use]
    pub fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.binaries.join(name));
        if let Some(account) = &self.account {
            account.dress(&mut command);
        }
        command
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .env_remove("PGDATA");
        command
    }

    /// Starts it again after a [`stop`](Self::stop).
    ///
    /// # Errors
    /// [`ClusterError::Failed`] with the end of its log.
    pub fn start(&self) -> Result<(), ClusterError> {
        let sockets = self.sockets.to_string_lossy();
        let mut options =
            format!("-c listen_addresses= -c unix_socket_directories='{sockets}' -c unix_socket_permissions=0700");
        for setting in &self.settings {
            options.push_str(&format!(" -c {setting}"));
        }
        let log = self.folder.join("postgres.log");
        let mut start = self.program("pg_ctl");
        start
            .args(["start", "--wait", "--silent", "--timeout", WAIT_S, "--pgdata"])
            .arg(self.data());
        // The server inherits what it is given: pipes of ours would stay open as long as it runs.
        start
            .arg("--log")
            .arg(&log)
            .arg("--options")
            .arg(options)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let status = start.status().map_err(file(&self.binaries))?;
        if status.success() {
            return Ok(());
        }
        let said = fs::read_to_string(&log).unwrap_or_default();
        Err(ClusterError::Failed {
            program: "pg_ctl start",
            said: tail(&said),
        })
    }

    /// Ends it.
    ///
    /// # Errors
    /// [`ClusterError::Failed`] when it does not end in time.
    pub fn stop(&self, how: Stop) -> Result<(), ClusterError> {
        let mode = match how {
            Stop::Fast => "fast",
            Stop::Immediate => "immediate",
        };
        let mut stop = self.program("pg_ctl");
        stop.args([
            "stop",
            "--wait",
            "--silent",
            "--timeout",
            WAIT_S,
            "--mode",
            mode,
            "--pgdata",
        ])
        .arg(self.data());
        run(&mut stop, "pg_ctl stop").map(drop)
    }

    /// Makes a database, unless there is one of this name.
    ///
    /// # Errors
    /// [`ClusterError::Failed`].
    pub fn make_database(&self, name: &str) -> Result<(), ClusterError> {
        let mut list = self.sql("postgres");
        list.args([
            "--tuples-only",
            "--no-align",
            "--command",
            "SELECT datname FROM pg_database",
        ]);
        let there = run(&mut list, "psql")?;
        if String::from_utf8_lossy(&there.stdout)
            .lines()
            .any(|database| database == name)
        {
            return Ok(());
        }
        let mut make = self.sql("postgres");
        make.arg("--command").arg(format!("CREATE DATABASE \"{name}\""));
        run(&mut make, "psql").map(drop)
    }

    /// `psql` on one of its databases.
    fn sql(&self, database: &str) -> Command {
        let mut psql = self.program("psql");
        psql.args(["--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1", "--dbname"])
            .arg(self.url(database));
        psql
    }

    /// Whether it runs.
    #[must_use]
    pub fn runs(&self) -> bool {
        let mut status = self.program("pg_ctl");
        status.args(["status", "--pgdata"]).arg(self.data());
        run(&mut status, "pg_ctl status").is_ok()
    }

    /// Makes the cluster whole beside its place first: a kill in between leaves nothing that looks like one.
    fn make(&mut self) -> Result<(), ClusterError> {
        let half = self.folder.join("data.half");
        if half.exists() {
            fs::remove_dir_all(&half).map_err(file(&half))?;
        }
        let mut make = self.program("initdb");
        make.args([
            "--username",
            USER,
            "--auth-local=trust",
            "--auth-host=reject",
            "--encoding=UTF8",
            "--locale=C",
        ]);
        make.args(["--data-checksums", "--pgdata"]).arg(&half);
        if self.settings.iter().any(|setting| setting == "fsync=off") {
            make.arg("--no-sync");
        }
        run(&mut make, "initdb")?;
        fs::rename(&half, self.data()).map_err(file(&half))
    }

    fn check_version(&self) -> Result<(), ClusterError> {
        let path = self.data().join("PG_VERSION");
        let made = fs::read_to_string(&path).map_err(file(&path))?.trim().to_owned();
        let found = version(&self.binaries).ok_or(ClusterError::NotInstalled)?;
        if made != found.to_string() {
            return Err(ClusterError::OtherVersion {
                folder: self.folder.clone(),
                made,
                found,
            });
        }
        Ok(())
    }

    /// The folder and the socket's folder, closed to all but who runs it.
    fn give_away(&self) -> Result<(), ClusterError> {
        use std::os::unix::fs::PermissionsExt as _;
        for folder in [&self.folder, &self.sockets] {
            fs::create_dir_all(folder).map_err(file(folder))?;
            fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).map_err(file(folder))?;
            if let Some(account) = &self.account {
                account.own(folder).map_err(file(folder))?;
            }
        }
        Ok(())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if self.owned.is_some()
            && self.runs()
            && let Err(error) = self.stop(Stop::Fast)
        {
            tracing::error!(%error, "the private database does not end");
        }
    }
}

/// `None` when another process holds it.
fn lock(path: &Path) -> Result<Option<File>, ClusterError> {
    let lock = File::create(path).map_err(file(path))?;
    match lock.try_lock() {
        Ok(()) => Ok(Some(lock)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(source)) => Err(ClusterError::File {
            path: path.to_owned(),
            source,
        }),
    }
}

/// Beside the data, unless that is too deep for a socket's name: then in the system's folder for temporary files, under a name that is
/// always the same for this folder.
fn socket_folder(folder: &Path) -> PathBuf {
    use sha2::Digest as _;
    let beside = folder.join("sockets");
    if beside.as_os_str().len() <= SOCKET_FOLDER_BYTES_MAX {
        return beside;
    }
    let hash = sha2::Sha256::digest(folder.as_os_str().as_encoded_bytes());
    let name: String = hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    Path::new("/tmp").join(format!("atelier-{name}"))
}

fn run(command: &mut Command, program: &'static str) -> Result<Output, ClusterError> {
    let answer = command.output().map_err(file(Path::new(program)))?;
    if answer.status.success() {
        return Ok(answer);
    }
    let said = [answer.stdout, answer.stderr].concat();
    Err(ClusterError::Failed {
        program,
        said: tail(&String::from_utf8_lossy(&said)),
    })
}

/// The last lines, which say why.
fn tail(said: &str) -> String {
    let lines: Vec<_> = said.lines().collect();
    lines[lines.len().saturating_sub(8)..].join("\n")
}

fn file(path: &Path) -> impl FnOnce(io::Error) -> ClusterError + use<> {
    let path = path.to_owned();
    move |source| ClusterError::File { path, source }
}
