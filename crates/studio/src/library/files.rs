//! Files that are whole under their names, and pictures named after their content.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest, Sha256};

use crate::Error;

/// Where files are until they are whole.
pub(super) const INCOMING: &str = "images/incoming";

/// SHA-256 in hexadecimal, 64 characters.
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        write!(hex, "{byte:02x}").expect("a string takes all that is written to it");
    }
    hex
}

/// Writes, flushes to the disk, then renames: under its name a file is always whole.
pub(super) fn store(folder: &Path, bytes: &[u8], extension: &str) -> Result<String, Error> {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let hash = sha256_hex(bytes);
    let shelf = folder.join("images").join(&hash[..2]);
    let url = format!("images/{}/{}.{extension}", &hash[..2], &hash[2..]);
    let path = folder.join(&url);
    if path.is_file() {
        return Ok(url);
    }
    let incoming = folder.join(INCOMING);
    fs::create_dir_all(&incoming).map_err(Error::file(&incoming))?;
    fs::create_dir_all(&shelf).map_err(Error::file(&shelf))?;
    let temporary = incoming.join(format!("{hash}-{}", COUNTER.fetch_add(1, Ordering::Relaxed)));
    let written = write_through(&temporary, bytes).and_then(|()| fs::rename(&temporary, &path));
    if let Err(error) = written {
        // Best effort: what stays is removed with the orphans.
        let _ = fs::remove_file(&temporary);
        return Err(Error::file(&path)(error));
    }
    flush_folder(&shelf)?;
    Ok(url)
}

/// Puts `bytes` under `path`, in place of what is there, and flushes them to the disk: whoever reads sees the old file or the new one.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    replace(path, |part| write_through(part, bytes))?;
    path.parent().map_or(Ok(()), flush_folder)
}

/// The same for what can be made again: without waiting for the disk, so that a power cut may leave an empty file.
pub(crate) fn write_for_now(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    replace(path, |part| fs::write(part, bytes))
}

fn replace(path: &Path, write: impl FnOnce(&Path) -> std::io::Result<()>) -> Result<(), Error> {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let mut part = path.as_os_str().to_owned();
    part.push(format!(".{}.part", COUNTER.fetch_add(1, Ordering::Relaxed)));
    let part = PathBuf::from(part);
    let written = write(&part).and_then(|()| fs::rename(&part, path));
    if written.is_err() {
        // Best effort: it is the first error that counts.
        let _ = fs::remove_file(&part);
    }
    written.map_err(Error::file(path))
}

fn write_through(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// A rename is only on the disk when its folder is.
#[cfg(unix)]
fn flush_folder(folder: &Path) -> Result<(), Error> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(Error::file(folder))
}

#[cfg(not(unix))]
fn flush_folder(_folder: &Path) -> Result<(), Error> {
    Ok(())
}
