//! Files that are whole under their names, and pictures named after their content.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use atelier_contract::Refusal;
use sha2::{Digest, Sha256};

use crate::Error;

/// Where pictures of earlier versions were until they were whole.
pub(super) const INCOMING: &str = "images/incoming";

/// Most files of one name, counted in brackets, before a folder is taken for full.
const NAMESAKES_MAX: u32 = 10_000;

/// SHA-256 in hexadecimal, 64 characters.
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        write!(hex, "{byte:02x}").expect("a string takes all that is written to it");
    }
    hex
}

/// Puts a picture on its shelf in the library at `folder`; see [`Library::store_picture`](super::Library::store_picture).
pub(crate) fn store_picture(folder: &Path, bytes: &[u8], extension: &str) -> Result<String, Error> {
    let hash = sha256_hex(bytes);
    let shelf = folder.join("images").join(&hash[..2]);
    let url = format!("images/{}/{}.{extension}", &hash[..2], &hash[2..]);
    let path = folder.join(&url);
    if path.is_file() {
        return Ok(url);
    }
    fs::create_dir_all(&shelf).map_err(Error::file(&shelf))?;
    write_whole(&path, bytes)?;
    Ok(url)
}

/// Whether a file of `shelf` has a name that the library gives: `ab/cdef….png` after a hash, whatever its ending, as while it is not whole;
/// or `abcdef…-0`, of [`INCOMING`].
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
    replace(path, |part| {
        part.write_all(bytes)?;
        part.sync_all()
    })?;
    path.parent().map_or(Ok(()), flush_folder)
}

/// The same with the content of the file `from`.
pub(crate) fn copy_whole(from: &Path, path: &Path) -> Result<(), Error> {
    replace(path, |part| {
        io::copy(&mut File::open(from)?, part)?;
        part.sync_all()
    })?;
    path.parent().map_or(Ok(()), flush_folder)
}

/// The same for what can be made again: without waiting for the disk, so that a power cut may leave an empty file.
pub(crate) fn write_for_now(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    replace(path, |part| part.write_all(bytes))
}

fn replace(path: &Path, write: impl FnOnce(&mut File) -> io::Result<()>) -> Result<(), Error> {
    let (part, mut file) = create_beside(path).map_err(Error::file(path))?;
    let written = write(&mut file);
    // A file that is open cannot be renamed everywhere.
    drop(file);
    let written = written.and_then(|()| fs::rename(&part, path));
    if written.is_err() {
        // Best effort: it is the first error that counts.
        let _ = fs::remove_file(&part);
    }
    written.map_err(Error::file(path))
}

/// A new file beside `path`, and where it is. None that is there is written over: it may be a person's.
fn create_beside(path: &Path) -> io::Result<(PathBuf, File)> {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    loop {
        let mut part = path.as_os_str().to_owned();
        part.push(format!(".{}.part", COUNTER.fetch_add(1, Ordering::Relaxed)));
        match File::create_new(&part) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            created => return created.map(|file| (part.into(), file)),
        }
    }
}

/// What a file will be called that is not whole: `a.jpg` for `a.jpg.7.part`.
pub(crate) fn whole_name(name: &str) -> &str {
    match name.strip_suffix(".part").and_then(|name| name.rsplit_once('.')) {
        Some((whole, number)) if number.parse::<u64>().is_ok() => whole,
        _ => name,
    }
}

/// Writes `name.png` into `folder`, or `name (2).png` where that is taken, and so on; gives which. Nothing that is there is written over.
pub(crate) fn write_beside(folder: &Path, name: &str, png: &[u8]) -> Result<PathBuf, Error> {
    for number in 1..=NAMESAKES_MAX {
        let path = folder.join(match number {
            1 => format!("{name}.png"),
            _ => format!("{name} ({number}).png"),
        });
        match File::create_new(&path) {
            Ok(mut file) => {
                let written = file.write_all(png).and_then(|()| file.sync_all());
                if written.is_err() {
                    // Half a picture is worth nothing.
                    let _ = fs::remove_file(&path);
                }
                written.map_err(Error::file(&path))?;
                flush_folder(folder)?;
                return Ok(path);
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(Error::file(&path)(error)),
        }
    }
    Err(Refusal::FileExists {
        file: folder.join(format!("{name}.png")).display().to_string(),
    }
    .into())
}

/// A rename is only on the disk when its folder is.
#[cfg(unix)]
pub(crate) fn flush_folder(folder: &Path) -> Result<(), Error> {
    match File::open(folder).and_then(|folder| folder.sync_all()) {
        // A disk of another system may not know how.
        Err(error) if !matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported) => {
            Err(Error::file(folder)(error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(not(unix))]
pub(crate) fn flush_folder(_folder: &Path) -> Result<(), Error> {
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

    #[test]
    fn a_file_that_is_not_whole_tells_what_it_will_be_called() {
        assert_eq!(whole_name("12-0.jpg.7.part"), "12-0.jpg");
        for whole in ["12-0.jpg", "12-0.part", "a.b.part"] {
            assert_eq!(whole_name(whole), whole);
        }
    }
}
