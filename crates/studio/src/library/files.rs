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

/// Whether a file of `shelf` has a name that the library gives: `ab/cdef….png` after a hash, whatever its ending, or `abcdef…-0` while it
/// comes in.
pub(super) fn is_named_after_content(url: &str, shelf: &str) -> bool {
    let Some(place) = url.strip_prefix(shelf).and_then(|place| place.strip_prefix('/')) else {
        return false;
    };
    match (place.split_once('/'), place.split_once('-')) {
        (Some((start, name)), _) => {
            let rest = name.split_once('.').map(|(rest, _ending)| rest);
            is_hex(start, 2) && rest.is_some_and(|rest| is_hex(rest, 62))
        }
        (None, Some((hash, number))) => is_hex(hash, 64) && number.parse::<u64>().is_ok(),
        (None, None) => false,
    }
}

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_the_librarys_own_is_a_hash_on_its_shelf() {
        let rest = "0".repeat(62);
        for own in ["png", "safetensors", "part", "safetensors.7.part"] {
            assert!(is_named_after_content(&format!("styles/ab/{rest}.{own}"), "styles"));
        }
        assert!(is_named_after_content(&format!("{INCOMING}/ab{rest}-3"), INCOMING));
        for other in [
            format!("styles/{rest}.png"),
            format!("styles/ab/{rest}"),
            format!("styles/AB/{rest}.png"),
            format!("styles/ab/cd/{rest}.png"),
            format!("images/ab/{rest}.png"),
            "styles/ab/ink.safetensors".to_owned(),
        ] {
            assert!(!is_named_after_content(&other, "styles"), "{other}");
        }
        assert!(!is_named_after_content(&format!("{INCOMING}/scan-3"), INCOMING));
    }
}
