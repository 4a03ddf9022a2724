//! Files of a model: their hashes, and copying all of them.

use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::SystemTime;

use atelier_contract::Refusal;
use walkdir::WalkDir;

use super::download;
use crate::library::{copy_whole, flush_folder};
use crate::{Error, Work};

/// Hashes of all files by path inside `root` (a lone file by its name), and their bytes. Reads all of them; blocks.
pub(super) fn hashes(root: &Path) -> Result<(BTreeMap<String, String>, u64), Error> {
    collect(root, |path, _, _| download::sha256_of(path))
}

/// The same for who watches, without a second look at files that have the size and the date that they had: a checkpoint has gigabytes.
/// `work` hears of bytes, and [`Refusal::Cancelled`] is how it ends early. Blocks.
pub(super) fn hashes_as_known(root: &Path, work: &Work) -> Result<(BTreeMap<String, String>, u64), Error> {
    let files = WalkDir::new(root).follow_links(true).into_iter().flatten();
    let sizes = files.filter_map(|entry| entry.metadata().ok().filter(Metadata::is_file));
    let all: u64 = sizes.map(|facts| facts.len()).sum();
    collect(root, |path, facts, before| {
        known_sha256(path, facts, |have| {
            work.tell(before + have, all);
            !work.cancel().is_cancelled()
        })
    })
}

/// What a file was when it was hashed.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Known {
    bytes: u64,
    modified: SystemTime,
    sha256: String,
}

/// Of as many files as a person names in one run of the program.
static KNOWN: LazyLock<Mutex<BTreeMap<PathBuf, Known>>> = LazyLock::new(Mutex::default);

fn known_sha256(path: &Path, facts: &Metadata, go_on: impl Fn(u64) -> bool) -> Result<String, Error> {
    let known = || KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let (bytes, modified) = (facts.len(), facts.modified().map_err(Error::file(path))?);
    let same = |known: &&Known| known.bytes == bytes && known.modified == modified;
    if let Some(found) = known().get(path).filter(same) {
        return Ok(found.sha256.clone());
    }
    let sha256 = download::hash_of(path, go_on)?.ok_or(Refusal::Cancelled {})?;
    let fresh = Known {
        bytes,
        modified,
        sha256: sha256.clone(),
    };
    known().insert(path.to_owned(), fresh);
    Ok(sha256)
}

/// `sha256_of` gets a file, its facts, and the bytes of all files before it.
fn collect(
    root: &Path,
    sha256_of: impl Fn(&Path, &Metadata, u64) -> Result<String, Error>,
) -> Result<(BTreeMap<String, String>, u64), Error> {
    let (mut hashes, mut bytes) = (BTreeMap::new(), 0);
    for entry in WalkDir::new(root).follow_links(true).sort_by_file_name() {
        let entry = entry.map_err(|error| Error::file(root)(error.into()))?;
        if !entry.file_type().is_file() {
            continue;
        }
        let inside = entry
            .path()
            .strip_prefix(root)
            .ok()
            .filter(|path| path.components().next().is_some());
        let name = inside.map_or_else(
            || entry.file_name().to_string_lossy().into_owned(),
            |path| path.to_string_lossy().replace('\\', "/"),
        );
        let facts = entry.metadata().map_err(|error| Error::file(root)(error.into()))?;
        hashes.insert(name, sha256_of(entry.path(), &facts, bytes)?);
        bytes += facts.len();
    }
    Ok((hashes, bytes))
}

/// Removes a file or a folder with all that is in it, if it is there. Blocks.
pub(super) fn remove(path: &Path) -> Result<(), Error> {
    let removed = if path.is_dir() {
        fs::remove_dir_all(path)
    } else {
        fs::remove_file(path)
    };
    match removed {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::file(path)(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// A copy of a model, a file or a folder, that is under its name only when whole, in the place of what was there. Blocks.
pub(super) fn copy_model(from: &Path, to: &Path) -> Result<(), Error> {
    let beside = to.with_extension("incoming");
    remove(&beside)?;
    for entry in WalkDir::new(from).follow_links(true) {
        let entry = entry.map_err(|error| Error::file(from)(error.into()))?;
        let inside = entry.path().strip_prefix(from).unwrap_or(Path::new(""));
        let target = if inside.as_os_str().is_empty() {
            beside.clone()
        } else {
            beside.join(inside)
        };
        if entry.file_type().is_dir() {
            fs::create_dir_all(&target).map_err(Error::file(&target))?;
        } else {
            if let Some(parent) = target.parent() {
                fs::create_dir_all(parent).map_err(Error::file(parent))?;
            }
            copy_whole(entry.path(), &target)?;
        }
    }
    remove(to)?;
    fs::rename(&beside, to).map_err(Error::file(to))?;
    to.parent().map_or(Ok(()), flush_folder)
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    #[test]
    fn a_file_is_hashed_again_when_its_size_or_date_is_another() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("weights");
        let known = || {
            hashes_as_known(folder.path(), &Work::default())
                .expect("readable")
                .0
                .remove("weights")
        };
        fs::write(&file, "one").expect("written");
        let first = known();
        let date = fs::metadata(&file).and_then(|facts| facts.modified()).expect("a date");
        let redate = |date| {
            File::options()
                .write(true)
                .open(&file)
                .and_then(|file| file.set_modified(date))
        };
        fs::write(&file, "two").expect("written");
        redate(date).expect("dated");
        assert_eq!(known(), first, "it looks as it did and is not read");
        assert_ne!(hashes(folder.path()).expect("readable").0.remove("weights"), first);
        redate(date + std::time::Duration::from_secs(2)).expect("dated");
        assert_ne!(known(), first);
    }
}
