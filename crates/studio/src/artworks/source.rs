//! What an import finds under the paths that a person names: pictures, and the captions that belong to them.
//!
//! A folder is searched to its bottom. The layout of kohya's trainers is understood: in `N_words/` the words are the caption of every
//! picture that has none of its own; a caption is the first line of the `.txt` or `.caption` file beside it. Nothing is
//! passed over in silence: what gives no artwork is named.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use atelier_contract::Refusal;
use tokio_util::sync::CancellationToken;
use walkdir::{DirEntry, WalkDir};

use super::file;
use crate::paths;

/// Endings that promise a picture, also of formats that are refused: the person should hear of it.
const PICTURE_ENDINGS: [&str; 12] = [
    "jpg", "jpeg", "png", "webp", "gif", "bmp", "tif", "tiff", "avif", "heic", "jxl", "psd",
];
/// Files that hold a picture's caption, by their endings; the first one counts.
const CAPTION_ENDINGS: [&str; 2] = ["txt", "caption"];
/// Bytes that tell a picture's format.
const SIGNATURE_BYTES: usize = 12;

/// All that was found.
#[derive(Debug, Default)]
pub(super) struct Sources {
    /// In the order of their paths.
    pub(super) pictures: Vec<PictureSource>,
    /// Why something gives nothing.
    pub(super) refused: Vec<Refusal>,
    /// Files in folders that are neither pictures nor captions.
    pub(super) passed_over: Vec<PathBuf>,
}

/// A file that may be a picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PictureSource {
    pub(super) path: PathBuf,
    /// Words of the `N_words` folder that it is in.
    pub(super) folder_words: Option<String>,
}

impl PictureSource {
    /// The caption: first line of the file beside it, else the folder's words, else nothing.
    pub(super) fn caption(&self) -> std::io::Result<String> {
        for ending in CAPTION_ENDINGS {
            match fs::read(self.path.with_extension(ending)) {
                // A file of another encoding shows as signs that no tag has, which the report then names.
                Ok(bytes) => {
                    let text = String::from_utf8_lossy(&bytes);
                    return Ok(text
                        .trim_start_matches('\u{feff}')
                        .lines()
                        .next()
                        .unwrap_or_default()
                        .to_owned());
                }
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(self.folder_words.clone().unwrap_or_default())
    }
}

/// Looks at files and folders until `cancel` ends it; what was found by then is given. Reads directories and first bytes only; blocks.
pub(super) fn find(paths: &[PathBuf], cancel: &CancellationToken) -> Sources {
    let mut sources = Sources::default();
    for path in paths {
        match fs::metadata(path) {
            Ok(facts) if facts.is_dir() => search(path, &mut sources, cancel),
            Ok(_) => {
                let folder_words = path.parent().and_then(words_of);
                sources.pictures.push(PictureSource {
                    path: path.clone(),
                    folder_words,
                });
            }
            Err(error) => sources.refused.push(paths::unreadable(path, &error)),
        }
    }
    sources
}

fn search(root: &Path, sources: &mut Sources, cancel: &CancellationToken) {
    let first = sources.pictures.len();
    let mut folders = Vec::new();
    let visible = |entry: &DirEntry| entry.depth() == 0 || !entry.file_name().to_string_lossy().starts_with('.');
    for entry in WalkDir::new(root).sort_by_file_name().into_iter().filter_entry(visible) {
        if cancel.is_cancelled() {
            // A folder that was not searched to its end is not called empty.
            return;
        }
        match entry {
            Ok(entry) if entry.file_type().is_dir() => folders.push(entry.into_path()),
            Ok(entry) => sort_in(entry.path(), root, sources),
            Err(error) => {
                let path = error.path().unwrap_or(root).to_owned();
                let error = error
                    .into_io_error()
                    .unwrap_or_else(|| std::io::ErrorKind::Other.into());
                sources.refused.push(paths::unreadable(&path, &error));
            }
        }
    }
    let found = &sources.pictures[first..];
    let empty = folders
        .iter()
        .filter(|folder| !found.iter().any(|picture| picture.path.starts_with(folder)));
    // The outermost empty folder says it for those inside.
    let mut named: Vec<&PathBuf> = Vec::new();
    for folder in empty {
        if !named.iter().any(|outer| folder.starts_with(outer)) {
            named.push(folder);
        }
    }
    let refusals = named.into_iter().map(|folder| Refusal::FolderWithoutArtworks {
        folder: folder.display().to_string(),
    });
    sources.refused.extend(refusals);
}

fn sort_in(path: &Path, root: &Path, sources: &mut Sources) {
    let ending = path
        .extension()
        .and_then(|ending| ending.to_str())
        .unwrap_or_default()
        .to_ascii_lowercase();
    if PICTURE_ENDINGS.contains(&ending.as_str()) || starts_like_a_picture(path) {
        let inside = path.ancestors().skip(1).take_while(|folder| folder.starts_with(root));
        let folder_words = inside.into_iter().find_map(words_of);
        sources.pictures.push(PictureSource {
            path: path.to_owned(),
            folder_words,
        });
    } else if !CAPTION_ENDINGS.contains(&ending.as_str()) {
        sources.passed_over.push(path.to_owned());
    }
}

/// `words` of a folder called `N_words`.
fn words_of(folder: &Path) -> Option<String> {
    let (count, words) = folder.file_name()?.to_str()?.split_once('_')?;
    count.parse::<u32>().ok()?;
    Some(words.to_owned())
}

fn starts_like_a_picture(path: &Path) -> bool {
    let mut start = [0; SIGNATURE_BYTES];
    File::open(path)
        .and_then(|mut file| file.read_exact(&mut start))
        .is_ok()
        && file::is_picture(&start)
}
