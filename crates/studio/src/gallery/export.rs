//! Pictures as files of the person's own, with the artist's signature if it is wished. Nothing that is there is written over.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use atelier_contract::{GenerationId, Number, Refusal};
use image::ImageFormat;

use super::seed;
use crate::picture::{self, Signature, signature};
use crate::{Error, Library, inspect};

/// Most pictures of one export: a folder that a person still looks through.
pub const EXPORT_LEN_MAX: usize = 10_000;
/// Most files of one name, counted in brackets, before a folder is taken for full.
const NAMESAKES_MAX: u32 = 10_000;

/// A picture that is to be copied.
struct Original {
    path: PathBuf,
    /// What the copy is called, without ending and number.
    name: String,
}

/// Copies pictures into `folder`, which is made if need be; gives the copies' paths in the order of `generations`.
///
/// A picture that was signed when it was made is copied as it is, record and all. With `signed` one that was not gets the signature that
/// the artist has now, and a record that says so.
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
) -> Result<Vec<PathBuf>, Error> {
    if generations.len() > EXPORT_LEN_MAX {
        return Err(Number::Pictures
            .out_of_range(generations.len(), 1, EXPORT_LEN_MAX)
            .into());
    }
    let originals = originals(library, generations).await?;
    let signature = if signed { signature_now(library)? } else { None };
    let folder = folder.to_owned();
    tokio::task::spawn_blocking(move || {
        // One look at all before the first copy, so that a refusal leaves no half of an export behind.
        if signed && signature.is_none() {
            require_signed(&originals)?;
        }
        fs::create_dir_all(&folder).map_err(Error::file(&folder))?;
        originals
            .iter()
            .map(|original| copy(original, &folder, signature.as_ref()))
            .collect()
    })
    .await?
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
        let bytes = fs::read(&original.path).map_err(Error::file(&original.path))?;
        if inspect::record(&bytes).is_none_or(|record| record.signature.is_none()) {
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

/// Writes `name.png`, or `name (2).png` where that is taken, and so on.
fn write_beside(folder: &Path, name: &str, bytes: &[u8]) -> Result<PathBuf, Error> {
    for number in 1..=NAMESAKES_MAX {
        let path = folder.join(match number {
            1 => format!("{name}.png"),
            _ => format!("{name} ({number}).png"),
        });
        match File::create_new(&path) {
            Ok(mut file) => {
                let written = file.write_all(bytes).and_then(|()| file.sync_all());
                if written.is_err() {
                    // Half a picture is worth nothing.
                    let _ = fs::remove_file(&path);
                }
                return written.map(|()| path.clone()).map_err(Error::file(&path));
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
