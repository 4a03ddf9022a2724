//! Where the programs of Postgres lie: in the PATH, or where packages put them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{ClusterError, POSTGRES_MIN};

/// The folder of the newest Postgres that would do.
///
/// # Errors
/// [`ClusterError::NotInstalled`].
pub fn binaries() -> Result<PathBuf, ClusterError> {
    // The shell knows the PATH; the environment is read in `main` only.
    let in_path = Command::new("sh").args(["-c", "command -v initdb"]).output().ok();
    let in_path = in_path.and_then(|answer| String::from_utf8(answer.stdout).ok());
    let mut folders: Vec<_> = in_path
        .iter()
        .filter_map(|path| Path::new(path.trim()).parent())
        .map(Path::to_owned)
        .collect();
    for (parent, inside) in [
        ("/usr/lib/postgresql", "bin"),
        ("/usr/local/opt", "bin"),
        ("/opt/homebrew/opt", "bin"),
        ("/Library/PostgreSQL", "bin"),
        ("/usr", "bin"),
    ] {
        let entries = fs::read_dir(parent).into_iter().flatten().flatten();
        // Of folders with everything in them only those that are Postgres's: `postgresql@17`, `pgsql-17`.
        let ours =
            entries.filter(|entry| parent.contains("ostgre") || entry.file_name().to_string_lossy().contains("sql"));
        folders.extend(ours.map(|entry| entry.path().join(inside)));
    }
    folders
        .into_iter()
        .filter_map(|folder| {
            // A package's links (`/usr/local/bin/initdb`) lead to where all of its programs are.
            let folder = folder.join("initdb").canonicalize().ok()?.parent()?.to_owned();
            (version(&folder)? >= POSTGRES_MIN).then_some(folder)
        })
        .max_by_key(|folder| version(folder))
        .ok_or(ClusterError::NotInstalled)
}

/// `postgres (PostgreSQL) 15.18 (Debian …)` is 15.
pub(super) fn version(binaries: &Path) -> Option<u32> {
    let answer = Command::new(binaries.join("postgres")).arg("--version").output().ok()?;
    let said = String::from_utf8(answer.stdout).ok()?;
    let number = said.split(") ").nth(1)?;
    number
        .chars()
        .take_while(char::is_ascii_digit)
        .collect::<String>()
        .parse()
        .ok()
}
