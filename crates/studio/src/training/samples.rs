//! Samples that a training paints on its way: kept as files beside the library's pictures, so that a style can be watched as it grows.
//!
//! `samples/<job>/<step>-<index>.jpg`. They outlive the job's folder, which goes with its checkpoints, until the style is trained anew.

use std::fs;
use std::path::PathBuf;

use atelier_contract::{JobId, Refusal};
use atelier_worker_protocol::Preview;
use image::codecs::jpeg::JpegEncoder;

use crate::library::{whole_name, write_whole};
use crate::{Error, Library};

/// Folder of the library that has them.
const SHELF: &str = "samples";
/// Of JPEG, 1 to 100.
const QUALITY: u8 = 90;

/// Where all samples are.
pub(super) fn shelf(library: &Library) -> PathBuf {
    library.folder().join(SHELF)
}

fn folder(library: &Library, job: JobId) -> PathBuf {
    shelf(library).join(job.to_string())
}

fn file(library: &Library, job: JobId, step: u32, index: u32) -> PathBuf {
    folder(library, job).join(format!("{step}-{index}.jpg"))
}

/// Keeps a sample. Blocks for some milliseconds.
///
/// # Errors
/// [`Error::File`], [`Error::Picture`].
pub fn keep_sample(library: &Library, job: JobId, sample: &Preview) -> Result<(), Error> {
    let folder = folder(library, job);
    fs::create_dir_all(&folder).map_err(Error::file(&folder))?;
    let pixels = &sample.pixels;
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, QUALITY)
        .encode(&pixels.rgb, pixels.width, pixels.height, image::ExtendedColorType::Rgb8)
        .map_err(|error| Error::Picture(error.to_string()))?;
    write_whole(&file(library, job, sample.step, sample.index), &jpeg)
}

/// The file of a sample.
///
/// # Errors
/// [`Refusal::FileMissing`].
pub fn sample(library: &Library, job: JobId, step: u32, index: u32) -> Result<PathBuf, Error> {
    let path = file(library, job, step, index);
    if path.is_file() {
        return Ok(path);
    }
    Err(Refusal::FileMissing {
        file: path.display().to_string(),
    }
    .into())
}

/// Step and index of all samples of a training, in order.
pub(super) fn all(library: &Library, job: JobId) -> Vec<(u32, u32)> {
    let entries = fs::read_dir(folder(library, job)).into_iter().flatten().flatten();
    let mut samples: Vec<_> = entries
        .filter_map(|entry| step_and_index(entry.file_name().to_str()?))
        .collect();
    samples.sort_unstable();
    samples
}

/// Whether a file in the folder of a job has a name that samples have, also while it is not whole.
pub(super) fn is_sample(name: &str) -> bool {
    step_and_index(whole_name(name)).is_some()
}

fn step_and_index(name: &str) -> Option<(u32, u32)> {
    let (step, index) = name.strip_suffix(".jpg")?.split_once('-')?;
    Some((step.parse().ok()?, index.parse().ok()?))
}
