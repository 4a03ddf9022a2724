//! Pictures as files of the person's own, with the artist's signature if it is wished. Nothing that is there is written over.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use atelier_contract::{GenerationId, Number, Refusal};
use image::ImageFormat;
use serde::Serialize;

use super::seed;
use crate::library::write_beside;
use crate::picture::{self, Provenance, Signature, signature};
use crate::{Error, Library, Work, inspect};

/// Most pictures of one export: a folder that a person still looks through.
pub const EXPORT_LEN_MAX: usize = 10_000;
/// Of a picture's file, what has the record: it stands before the pixels.
const RECORD_BYTES_MAX: u64 = 1 << 18;

/// What an export should know of pictures before it signs any.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct Signatures {
    /// Those that a signature stands in already.
    pub signed: usize,
    /// Those that were made with other artists' styles alone.
    pub imported: usize,
}

/// A picture that is to be copied.
struct Original {
    path: PathBuf,
    /// What the copy is called, without ending and number.
    name: String,
}

/// Copies pictures into `folder`, which is made if need be; gives the copies' paths in the order of `generations`.
///
/// A picture that was signed when it was made is copied as it is, record and all. With `signed` one that was not gets the signature that
/// the artist has now, and a record that says so. `work` hears of pictures; ended early, the copies made until then are given.
///
/// # Errors
/// [`Refusal::GenerationUnknown`] and [`Refusal::SignatureMissing`] before anything is written; [`Refusal::DiskFull`],
/// [`Refusal::NotWritable`], [`Refusal::FileMissing`], [`Refusal::ArtworkDamaged`] at the picture they speak of: copies made
/// until then stay, half a copy never does.
pub async fn export(
    library: &Library,
    generations: &[GenerationId],
    folder: &Path,
    signed: bool,
    work: &Work,
) -> Result<Vec<PathBuf>, Error> {
    check_len(generations)?;
    let originals = originals(library, generations).await?;
    let signature = if signed { signature_now(library)? } else { None };
    let (folder, work) = (folder.to_owned(), work.clone());
    tokio::task::spawn_blocking(move || {
        // One look at all before the first copy, so that a refusal leaves no half of an export behind.
        if signed && signature.is_none() {
            require_signed(&originals)?;
        }
        fs::create_dir_all(&folder).map_err(Error::file(&folder))?;
        let mut copies = Vec::with_capacity(originals.len());
        for original in &originals {
            if work.cancel().is_cancelled() {
                break;
            }
            copies.push(copy(original, &folder, signature.as_ref())?);
            work.tell(copies.len() as u64, originals.len() as u64);
        }
        Ok(copies)
    })
    .await?
}

/// How many of these pictures are signed already, and how many another artist's styles made. A file that is gone or says nothing of
/// itself counts as neither.
///
/// # Errors
/// As [`export`] before anything is written.
pub async fn signatures(library: &Library, generations: &[GenerationId]) -> Result<Signatures, Error> {
    check_len(generations)?;
    let originals = originals(library, generations).await?;
    let counted = tokio::task::spawn_blocking(move || {
        let mut found = Signatures::default();
        let records = originals
            .iter()
            .filter_map(|original| record_of(&original.path).ok().flatten());
        for record in records {
            found.signed += usize::from(record.signature.is_some());
            let imported = record.styles.iter().all(|style| style.imported);
            found.imported += usize::from(imported && !record.styles.is_empty());
        }
        found
    });
    Ok(counted.await?)
}

/// What a picture says of itself, if it does.
fn record_of(path: &Path) -> Result<Option<Provenance>, Error> {
    let mut beginning = Vec::new();
    File::open(path)
        .and_then(|file| file.take(RECORD_BYTES_MAX).read_to_end(&mut beginning))
        .map_err(Error::file(path))?;
    Ok(inspect::record(&beginning))
}

fn check_len(generations: &[GenerationId]) -> Result<(), Refusal> {
    if generations.len() <= EXPORT_LEN_MAX {
        return Ok(());
    }
    Err(Number::Pictures.out_of_range(generations.len(), 1, EXPORT_LEN_MAX))
}

async fn originals(library: &Library, generations: &[GenerationId]) -> Result<Vec<Original>, Error> {
    let ids = serde_json::to_string(generations)?;
    let rows = sqlx::query!(
        r#"SELECT CAST(wanted.value AS INTEGER) AS "id!: i64", seed AS "seed?: i64", result_url AS "url?"
             FROM json_each($1) AS wanted
             LEFT JOIN generations ON generations.id = wanted.value AND status = 'completed'
            ORDER BY wanted.key"#,
        ids,
    )
    .fetch_all(library.pool())
    .await?;
    let original = |id: i64, bits: Option<i64>, url: Option<String>| {
        let url = url.ok_or(Refusal::GenerationUnknown { generation: id })?;
        Ok(Original {
            path: library.path_of(&url),
            name: format!("{id:05}-{}", seed(bits.unwrap_or_default())),
        })
    };
    rows.into_iter()
        .map(|row| original(row.id, row.seed, row.url))
        .collect()
}

fn signature_now(library: &Library) -> Result<Option<Signature>, Error> {
    Signature::load(library, &signature::artist(library)?)
}

/// Without a signature to lay over them, pictures can only be signed already.
fn require_signed(originals: &[Original]) -> Result<(), Error> {
    for original in originals {
        if record_of(&original.path)?.is_none_or(|record| record.signature.is_none()) {
            return Err(Refusal::SignatureMissing {}.into());
        }
    }
    Ok(())
}

fn copy(original: &Original, folder: &Path, signature: Option<&Signature>) -> Result<PathBuf, Error> {
    let bytes = fs::read(&original.path).map_err(Error::file(&original.path))?;
    match signature {
        None => write_beside(folder, &original.name, &bytes),
        Some(signature) => write_beside(folder, &original.name, &sign(bytes, &original.path, signature)?),
    }
}

/// The picture with `signature`, unless one stands in it. The record says what was added; without a record nothing is known that
/// it could be added to, and the file is damaged.
fn sign(png: Vec<u8>, path: &Path, signature: &Signature) -> Result<Vec<u8>, Error> {
    let damaged = || Refusal::ArtworkDamaged {
        file: path.display().to_string(),
    };
    let mut record = inspect::record(&png).ok_or_else(damaged)?;
    if record.signature.is_some() {
        return Ok(png);
    }
    let mut image = image::load_from_memory_with_format(&png, ImageFormat::Png)
        .map_err(|_cut_short| damaged())?
        .into_rgb8();
    signature.lay_over(&mut image);
    record.signature = Some(signature.facts());
    picture::to_png(&image, &record)
}
