//! Base models as a person chooses among them: what is there, what can be had, and what this machine can do with each.

use std::path::Path;

use serde::Serialize;
use walkdir::WalkDir;

use super::fetch::incoming;
use super::manifest::{self, Manifest};
use super::{Downloads, Fit, STARTER_ARCHITECTURE, STARTER_LICENSE, STARTER_SIZE_PX, download};
use crate::hardware::Device;
use crate::{Config, Error, Library, styles};

/// All base models.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct Models {
    /// Those that are there, the starter first.
    pub installed: Vec<InstalledModel>,
    /// Those that can be downloaded and are not there.
    pub available: Vec<AvailableModel>,
}

/// A base model that is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct InstalledModel {
    /// What it is called.
    pub id: String,
    /// `sd15`, `sdxl`, `sd15-small`.
    pub architecture: String,
    /// Side in pixels of the square it was made for.
    pub native_size_px: u32,
    /// Of all its files.
    pub bytes: u64,
    /// Of the weights, if known.
    pub license: Option<String>,
    /// Whether removing it removes its files.
    pub owned: bool,
    /// Whether its hashes were published with it; those of an import were taken when it came in.
    pub published: bool,
    /// What this machine can do with it.
    pub fits: Fit,
}

/// A base model that can be downloaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct AvailableModel {
    /// What it will be called.
    pub id: String,
    /// What a person calls it.
    pub name: String,
    /// `sd15`, `sdxl`.
    pub architecture: String,
    /// Side in pixels of the square it was made for.
    pub native_size_px: u32,
    /// Of the weights.
    pub license: String,
    /// Its words.
    pub license_url: String,
    /// Of all its files; 0 where the manifest does not say.
    pub bytes: u64,
    /// That an earlier download left, or this one has got.
    pub partial_bytes: u64,
    /// Whether it is being downloaded.
    pub downloading: bool,
    /// What this machine could do with it.
    pub fits: Fit,
}

/// All base models; `device` is what would run them. Reads no weights, so that it can be asked often.
///
/// # Errors
/// [`Error::Database`].
pub async fn overview(
    library: &Library,
    config: &Config,
    downloads: &Downloads,
    device: Device,
) -> Result<Models, Error> {
    let mut installed: Vec<_> = starter(&config.resources, device).into_iter().collect();
    let rows = sqlx::query!(
        r#"SELECT id, path, architecture, native_size_px AS "native_size_px: u32", bytes, license, manifest
             FROM models
            ORDER BY id"#
    )
    .fetch_all(library.pool())
    .await?;
    installed.extend(rows.into_iter().map(|row| InstalledModel {
        fits: Fit::of(&row.architecture, device),
        owned: Path::new(&row.path).is_relative(),
        id: row.id,
        architecture: row.architecture,
        native_size_px: row.native_size_px,
        bytes: u64::try_from(row.bytes).unwrap_or_default(),
        license: row.license,
        published: row.manifest.is_some(),
    }));
    let available = manifest::all(&config.resources)
        .into_iter()
        .filter(|manifest| installed.iter().all(|model| model.id != manifest.id))
        .map(|manifest| available(library, downloads, manifest, device))
        .collect();
    Ok(Models { installed, available })
}

fn starter(resources: &Path, device: Device) -> Option<InstalledModel> {
    let folder = resources.join(styles::STARTER_MODEL);
    if !folder.join("model_index.json").is_file() {
        return None;
    }
    let files = WalkDir::new(&folder).into_iter().flatten();
    Some(InstalledModel {
        id: styles::STARTER_MODEL.to_owned(),
        architecture: STARTER_ARCHITECTURE.to_owned(),
        native_size_px: STARTER_SIZE_PX,
        bytes: files
            .filter(|entry| entry.file_type().is_file())
            .filter_map(|entry| entry.metadata().ok())
            .map(|facts| facts.len())
            .sum(),
        license: Some(STARTER_LICENSE.to_owned()),
        owned: false,
        published: true,
        fits: Fit::of(STARTER_ARCHITECTURE, device),
    })
}

fn available(library: &Library, downloads: &Downloads, manifest: Manifest, device: Device) -> AvailableModel {
    let incoming = incoming(library, &manifest.id);
    AvailableModel {
        bytes: manifest.files.iter().filter_map(|file| file.bytes).sum(),
        partial_bytes: manifest
            .files
            .iter()
            .map(|file| download::arrived_bytes(&incoming.join(&file.path)))
            .sum(),
        downloading: downloads.is_running(&manifest.id),
        fits: Fit::of(&manifest.architecture, device),
        id: manifest.id,
        name: manifest.name,
        architecture: manifest.architecture,
        native_size_px: manifest.native_size_px,
        license: manifest.license,
        license_url: manifest.license_url,
    }
}
