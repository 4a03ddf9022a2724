//! Sample projects: artworks of invented artists that ship with the program, each a folder of `samples/` with an `artist.json`.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use atelier_contract::{Refusal, StyleId};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use crate::styles::{self, STARTER_MODEL, Style};
use crate::{Config, Error, Library, artworks};

/// Folder of the resources that holds them.
const SHELF: &str = "samples";
/// Ending of their artworks.
const ENDING: &str = "jpg";

/// A sample project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct Sample {
    /// Name of its folder.
    pub id: String,
    /// The invented artist.
    pub name: String,
    /// How many artworks it has.
    pub artworks: u32,
}

/// `artist.json` beside the artworks.
#[derive(Debug, Deserialize)]
pub(crate) struct SampleArtist {
    pub(crate) display_name: String,
    pub(crate) style: String,
}

/// All sample projects, by id; one without a readable `artist.json` is passed over.
#[must_use]
pub fn list(config: &Config) -> Vec<Sample> {
    let Ok(entries) = fs::read_dir(config.resources.join(SHELF)) else {
        return Vec::new();
    };
    let mut samples: Vec<_> = entries
        .flatten()
        .filter(|entry| entry.path().is_dir())
        .filter_map(|entry| {
            let id = entry.file_name().into_string().ok()?;
            let artist = artist(config, &id).ok()?;
            let artworks = pictures(&folder(config, &id)).len();
            Some(Sample {
                id,
                name: artist.display_name,
                artworks: u32::try_from(artworks).ok()?,
            })
        })
        .collect();
    samples.sort_by(|a, b| a.id.cmp(&b.id));
    samples
}

/// The style of a sample project with its artworks and their tags: made now, or as it is when it is there already. What an import
/// that was killed left out is added; what the person removed stays away.
///
/// # Errors
/// [`Refusal::FileMissing`] when there is no such sample, and those of [`styles::create`] and [`artworks::import`].
pub async fn open(library: &Arc<Library>, config: &Config, id: &str) -> Result<Style, Error> {
    let artist = artist(config, id)?;
    let style = match styles::find(library, &artist.style).await {
        Ok(style) => style,
        Err(Error::Refused(Refusal::StyleUnknown { .. })) => {
            styles::create(library, &artist.style, STARTER_MODEL).await?
        }
        Err(error) => return Err(error),
    };
    let folder = folder(config, id);
    let pictures = pictures(&folder);
    if is_part(&pictures, &file_names(library, style.id).await?) {
        artworks::import(library, &style, &[folder], &CancellationToken::new(), |_done, _of| {}).await?;
    }
    styles::show(library, style.id).await
}

/// The file of the artwork with this number, counted from 0.
///
/// # Errors
/// [`Refusal::FileMissing`].
pub fn picture(config: &Config, id: &str, index: u32) -> Result<PathBuf, Error> {
    let folder = folder(config, id);
    let missing = || Refusal::FileMissing {
        file: folder.display().to_string(),
    };
    let picture = pictures(&folder).into_iter().nth(index as usize);
    Ok(picture.ok_or_else(missing)?)
}

pub(crate) fn artist(config: &Config, id: &str) -> Result<SampleArtist, Error> {
    let path = folder(config, id).join("artist.json");
    let bytes = fs::read(&path).map_err(Error::file(&path))?;
    Ok(serde_json::from_slice(&bytes)?)
}

pub(crate) fn folder(config: &Config, id: &str) -> PathBuf {
    config.resources.join(SHELF).join(id)
}

/// In the order of their names.
fn pictures(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut pictures: Vec<_> = entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|ending| ending == ENDING))
        .collect();
    pictures.sort();
    pictures
}

/// Names of all files that a style's artworks came from, also of those that were removed.
async fn file_names(library: &Library, style: StyleId) -> Result<Vec<String>, Error> {
    let style = style.get();
    let names = sqlx::query_scalar!("SELECT file_name FROM artworks WHERE style_id = $1", style)
        .fetch_all(library.pool())
        .await?;
    Ok(names)
}

/// Whether a style has some of a sample's artworks and no others, so that it is the sample's and not all of it is there.
fn is_part(pictures: &[PathBuf], there: &[String]) -> bool {
    let is_ours = |name: &String| {
        pictures
            .iter()
            .any(|path| path.file_name().is_some_and(|own| own == name.as_str()))
    };
    there.len() < pictures.len() && there.iter().all(is_ours)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_sample_that_lacks_something_is_filled() {
        let pictures = ["s/1.jpg", "s/2.jpg"].map(PathBuf::from);
        let there = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert!(is_part(&pictures, &there(&[])));
        assert!(is_part(&pictures, &there(&["2.jpg"])));
        assert!(!is_part(&pictures, &there(&["1.jpg", "2.jpg"])));
        assert!(!is_part(&pictures, &there(&["own.png"])));
    }
}
