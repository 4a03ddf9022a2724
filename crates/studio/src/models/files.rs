//! Files of a model: their hashes, and copying all of them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use atelier_contract::Refusal;
use walkdir::WalkDir;

use super::download;
use crate::{Error, Work};

/// Hashes of all files by path inside `root` (a lone file by its name), and their bytes. Blocks.
pub(super) fn hashes(root: &Path) -> Result<(BTreeMap<String, String>, u64), Error> {
    hashes_of(root, &Work::default())
}

/// The same for who watches: `work` hears of bytes, and [`Refusal::Cancelled`] is how it ends early. Blocks.
pub(super) fn hashes_of(root: &Path, work: &Work) -> Result<(BTreeMap<String, String>, u64), Error> {
    let files = WalkDir::new(root).follow_links(true).into_iter().flatten();
    let sizes = files.filter_map(|entry| entry.metadata().ok().filter(std::fs::Metadata::is_file));
    let all: u64 = sizes.map(|facts| facts.len()).sum();
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
        let hash = download::hash_of(entry.path(), |have| {
            work.tell(bytes + have, all);
            !work.cancel().is_cancelled()
        })?;
        bytes += entry.metadata().map_err(|error| Error::file(root)(error.into()))?.len();
        hashes.insert(name, hash.ok_or(Refusal::Cancelled {})?);
    }
    Ok((hashes, bytes))
}

/// A copy that is under its name only when whole. Blocks.
pub(super) fn copy_whole(from: &Path, to: &Path) -> Result<(), Error> {
    let beside = to.with_extension("incoming");
    let fresh = |path: &Path| {
        if path.is_dir() {
            fs::remove_dir_all(path)
        } else {
            fs::remove_file(path)
        }
    };
    if beside.exists() {
        fresh(&beside).map_err(Error::file(&beside))?;
    }
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
            fs::copy(entry.path(), &target).map_err(Error::file(&target))?;
        }
    }
    fs::rename(&beside, to).map_err(Error::file(to))
}
