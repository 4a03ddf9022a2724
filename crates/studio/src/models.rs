//! Base models: the starter that ships with the program, and those that the person imported or downloaded.
//!
//! An import is by reference: models have gigabytes, and the person's other programs use the same files. Their hashes are kept, so that
//! [`verify`] tells when somebody changed them; those of the starter ship with it. A copy, or a download, belongs to the library and goes when the model is removed.

pub mod download;
mod downloads;
mod fetch;
mod files;
mod fit;
pub mod manifest;
mod overview;
mod recognition;
mod sums;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use atelier_contract::{Finding, Refusal};
use atelier_worker_protocol::{ModelFacts, Outcome, Task};
use serde::Serialize;

use crate::worker::{WorkError, Workshop};
use crate::{Config, Error, Library, Work, styles};
use files::{copy_model, hashes, hashes_as_known};

pub use downloads::{Download, Downloads};
pub use fetch::{OnFileBytes, discard, fetch};
pub use fit::Fit;
pub use overview::{AvailableModel, InstalledModel, Models, overview};
pub use recognition::{Weights, WeightsKind, recognise};

/// Models of the library's own, in its folder.
const SHELF: &str = "models";
/// A file system takes names of 255 bytes; a letter of any script has at most 4 of them.
const NAME_CHARS_MAX: usize = 50;
/// What the starter is.
const STARTER_ARCHITECTURE: &str = "sd15-small";
const STARTER_SIZE_PX: u32 = 128;
const STARTER_LICENSE: &str = "MIT OR Apache-2.0";

/// A base model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Model {
    /// What it is called.
    pub id: String,
    /// A diffusers folder or a single-file checkpoint.
    pub path: PathBuf,
    /// `sd15`, `sdxl`, `sd15-small`.
    pub architecture: String,
    /// Side in pixels of the square it was made for.
    pub native_size_px: u32,
    /// Of all its files.
    pub bytes: u64,
    /// By path inside the model.
    pub sha256: BTreeMap<String, String>,
    /// Of the weights, if known.
    pub license: Option<String>,
    /// Whether its files belong to the program or the library, so that removing the model removes them.
    pub owned: bool,
}

impl Model {
    /// One hash for all of it: that of its file, or of the list of its files' hashes.
    #[must_use]
    pub fn hash(&self) -> String {
        match self.sha256.iter().next() {
            Some((_, hash)) if self.sha256.len() == 1 => hash.clone(),
            _ => {
                let lines: Vec<_> = self
                    .sha256
                    .iter()
                    .map(|(path, hash)| format!("{hash}  {path}\n"))
                    .collect();
                crate::library::sha256_hex(lines.concat().as_bytes())
            }
        }
    }
}

/// All models that are there, the starter first.
///
/// # Errors
/// When the library or the starter's files cannot be read.
pub async fn list(library: &Library, config: &Config) -> Result<Vec<Model>, Error> {
    let mut models = bundled(config).await?;
    let rows = sqlx::query!(
        r#"SELECT id, path, architecture, native_size_px AS "native_size_px: u32", bytes, sha256, license
             FROM models
            ORDER BY id"#
    )
    .fetch_all(library.pool())
    .await?;
    for row in rows {
        models.push(Model {
            id: row.id,
            owned: Path::new(&row.path).is_relative(),
            path: library.path_of(&row.path),
            architecture: row.architecture,
            native_size_px: row.native_size_px,
            bytes: u64::try_from(row.bytes).unwrap_or_default(),
            sha256: serde_json::from_str(&row.sha256)?,
            license: row.license,
        });
    }
    Ok(models)
}

/// Those that ship with the program.
///
/// # Errors
/// When their files cannot be read.
pub async fn bundled(config: &Config) -> Result<Vec<Model>, Error> {
    Ok(starter(config).await?.into_iter().collect())
}

async fn starter(config: &Config) -> Result<Option<Model>, Error> {
    let path = config.resources.join(styles::STARTER_MODEL);
    if !path.join("model_index.json").is_file() {
        return Ok(None);
    }
    let sha256 = sums::read(&path)?;
    let bytes = sha256
        .keys()
        .filter_map(|file| fs::metadata(path.join(file)).ok())
        .map(|facts| facts.len())
        .sum();
    Ok(Some(Model {
        id: styles::STARTER_MODEL.to_owned(),
        path,
        architecture: STARTER_ARCHITECTURE.to_owned(),
        native_size_px: STARTER_SIZE_PX,
        bytes,
        sha256,
        license: Some(STARTER_LICENSE.to_owned()),
        owned: true,
    }))
}

/// The model with this id, or the one at this path, which need not be in the library.
///
/// # Errors
/// [`Refusal::ModelUnknown`], [`Refusal::FileMissing`] when its files are gone, and what the worker says of a path's files.
pub async fn resolve(library: &Library, config: &Config, workshop: &mut Workshop, name: &str) -> Result<Model, Error> {
    let models = list(library, config).await?;
    let as_path = fs::canonicalize(name).ok();
    if let Some(model) = models
        .iter()
        .find(|model| model.id == name || as_path.as_ref() == Some(&model.path))
    {
        if !model.path.exists() {
            return Err(Refusal::FileMissing {
                file: model.path.display().to_string(),
            }
            .into());
        }
        return Ok(model.clone());
    }
    match as_path {
        Some(path) => examine(&path, name, workshop, &Work::default()).await,
        None => Err(Refusal::ModelUnknown {
            model: name.to_owned(),
            known: models.into_iter().map(|model| model.id).collect(),
        }
        .into()),
    }
}

/// Takes the model at `path` into the library, by reference or as a copy. The worker loads it first; `work` hears of bytes.
///
/// # Errors
/// [`Refusal::Cancelled`], [`Refusal::FileMissing`], [`Refusal::FileUnsafe`], [`Refusal::ModelUnsupported`], [`Refusal::FileInvalid`], [`Refusal::ModelNameTaken`].
pub async fn import(
    library: &Library,
    config: &Config,
    workshop: &mut Workshop,
    path: &Path,
    id: Option<&str>,
    copy: bool,
    work: &Work,
) -> Result<Model, Error> {
    let missing = |_| Refusal::FileMissing {
        file: path.display().to_string(),
    };
    let path = fs::canonicalize(path).map_err(missing)?;
    let id = id.map_or_else(|| id_of(&path), str::to_owned);
    let others = others(library, config, &id).await?;
    let mut model = examine(&path, &id, workshop, work).await?;
    let mut url = path.to_str().ok_or_else(|| Refusal::FileInvalid {
        file: path.display().to_string(),
        reason: Finding::PathNotUnicode {},
    })?;
    let own = place(library, &others, &id);
    if copy {
        let (from, to) = (path.clone(), library.path_of(&own));
        tokio::task::spawn_blocking(move || copy_model(&from, &to)).await??;
        url = &own;
        model.path = library.path_of(&own);
        model.owned = true;
    }
    insert(library, &model, url, None).await?;
    Ok(model)
}

/// Whether a model's files are still those that were taken in, or published, as far as that is known: names of those that are not. Reads
/// all of them.
///
/// # Errors
/// When they cannot be read for another reason than being gone.
pub async fn verify(model: &Model) -> Result<Vec<String>, Error> {
    if !model.path.exists() {
        return Ok(model.sha256.keys().cloned().collect());
    }
    let (root, expected) = (model.path.clone(), model.sha256.clone());
    tokio::task::spawn_blocking(move || {
        let (found, _) = hashes(&root)?;
        Ok(expected
            .into_iter()
            .filter(|(file, hash)| found.get(file) != Some(hash))
            .map(|(file, _)| file)
            .collect())
    })
    .await?
}

/// Takes a model out of the library; its files only when they are the library's own. A removed style that is for it may still come back;
/// it can be used again when its model is there again.
///
/// # Errors
/// [`Refusal::ModelUnknown`], [`Refusal::ModelInUse`], [`Refusal::StarterStays`] for the starter.
pub async fn remove(library: &Library, config: &Config, id: &str) -> Result<(), Error> {
    if id == styles::STARTER_MODEL {
        let model = id.to_owned();
        return Err(Refusal::StarterStays { model }.into());
    }
    let models = list(library, config).await?;
    let Some(model) = models.iter().find(|model| model.id == id) else {
        return Err(Refusal::ModelUnknown {
            model: id.to_owned(),
            known: models.into_iter().map(|m| m.id).collect(),
        }
        .into());
    };
    let mut tx = library.begin().await?;
    let users = sqlx::query!(
        "SELECT name FROM styles WHERE base_model = $1 AND is_active ORDER BY name",
        id
    )
    .fetch_all(&mut *tx)
    .await?;
    if !users.is_empty() {
        let users = users.into_iter().map(|row| row.name).collect();
        return Err(Refusal::ModelInUse {
            model: id.to_owned(),
            users,
        }
        .into());
    }
    sqlx::query!("DELETE FROM models WHERE id = $1", id)
        .execute(&mut *tx)
        .await?;
    tx.commit().await?;
    if model.owned {
        let shelf = library.path_of(SHELF);
        let inside = model
            .path
            .strip_prefix(&shelf)
            .ok()
            .and_then(|path| path.components().next());
        let place = inside.map_or_else(|| model.path.clone(), |first| shelf.join(first));
        files::remove(&place)?;
    }
    Ok(())
}

/// What the worker and the files say of the model at `path`.
async fn examine(path: &Path, id: &str, workshop: &mut Workshop, work: &Work) -> Result<Model, Error> {
    let checked = work.cancel().run_until_cancelled(check(path, workshop)).await;
    let facts = checked.ok_or(Refusal::Cancelled {})??;
    let (root, watched) = (path.to_owned(), work.clone());
    let (sha256, bytes) = tokio::task::spawn_blocking(move || hashes_as_known(&root, &watched)).await??;
    Ok(Model {
        id: id.to_owned(),
        path: path.to_owned(),
        architecture: facts.architecture,
        native_size_px: facts.native_size,
        bytes,
        sha256,
        license: None,
        owned: false,
    })
}

async fn check(path: &Path, workshop: &mut Workshop) -> Result<ModelFacts, Error> {
    match workshop.run(Task::CheckModel { model: path.to_owned() }).await {
        Ok(Outcome::Model(facts)) => Ok(facts),
        Ok(other) => Err(Refusal::Internal {
            reason: format!("the worker answers {other:?}"),
        }
        .into()),
        Err(WorkError::Unusable(error)) => Err(error),
        Err(error) => Err(error.refusal(1).into()),
    }
}

/// The models that are there, none of which may have this id.
async fn others(library: &Library, config: &Config, id: &str) -> Result<Vec<Model>, Error> {
    let models = list(library, config).await?;
    if models.iter().any(|model| model.id == id) {
        return Err(Refusal::ModelNameTaken { model: id.to_owned() }.into());
    }
    Ok(models)
}

/// Where the library keeps files of its own for a model of this id, as a row has it: where those of no other model are. What is there
/// already belongs to nobody: its model was not written down, or was removed and its files could not be.
fn place(library: &Library, others: &[Model], id: &str) -> String {
    let first = format!("{SHELF}/{}", name_of(id));
    // On some systems `Ink` and `ink` are one folder.
    let lower = |path: &Path| PathBuf::from(path.to_string_lossy().to_lowercase());
    let incoming = lower(&fetch::all_incoming(library));
    let theirs: Vec<_> = others.iter().map(|model| lower(&model.path)).collect();
    let taken = |url: &str| {
        let place = lower(&library.path_of(url));
        place == incoming || theirs.iter().any(|path| path.starts_with(&place))
    };
    let (mut url, mut count) = (first.clone(), 1);
    while taken(&url) {
        count += 1;
        url = format!("{first}-{count}");
    }
    url
}

async fn insert(library: &Library, model: &Model, url: &str, manifest: Option<&str>) -> Result<(), Error> {
    let sha256 = serde_json::to_string(&model.sha256)?;
    let bytes = i64::try_from(model.bytes).unwrap_or(i64::MAX);
    let inserted = sqlx::query!(
        "INSERT INTO models (id, path, architecture, native_size_px, bytes, sha256, license, manifest)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        model.id,
        url,
        model.architecture,
        model.native_size_px,
        bytes,
        sha256,
        model.license,
        manifest,
    )
    .execute(library.pool())
    .await;
    match inserted {
        Ok(_) => Ok(()),
        Err(sqlx::Error::Database(error)) if error.is_unique_violation() => {
            // The same files under another id, if not the id itself.
            let there = sqlx::query_scalar!("SELECT id FROM models WHERE path = $1", url)
                .fetch_optional(library.pool())
                .await?;
            Err(Refusal::ModelNameTaken {
                model: there.unwrap_or_else(|| model.id.clone()),
            }
            .into())
        }
        Err(error) => Err(error.into()),
    }
}

/// An id from a path: `…/My model.safetensors` is `my-model`.
fn id_of(path: &Path) -> String {
    let name = if path.is_dir() {
        path.file_name()
    } else {
        path.file_stem()
    };
    name_of(&name.unwrap_or_default().to_string_lossy().to_lowercase())
}

/// `id` as the name of a folder on any system: letters and digits of any script.
fn name_of(id: &str) -> String {
    let allowed = |c: char| {
        if c.is_alphanumeric() || "_.-".contains(c) {
            c
        } else {
            '-'
        }
    };
    let name: String = id.chars().map(allowed).take(NAME_CHARS_MAX).collect();
    match name.trim_matches(['.', '-']) {
        "" => "model".to_owned(),
        name => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_keeps_letters_of_any_script_and_never_leads_out_of_the_shelf() {
        let id = |path: &str| id_of(Path::new(path));
        assert_eq!(id("/models/My model v1.5.safetensors"), "my-model-v1.5");
        assert_eq!(id("/models/실사풍.safetensors"), "실사풍");
        assert_eq!(id("/models/???.safetensors"), "model");
        assert_eq!(
            ["..", "../x", "a/b", "."].map(name_of),
            ["model", "x", "a-b", "model"].map(str::to_owned)
        );
    }
}
