//! Base models that can be downloaded, as data: `models/manifests/<id>.json`.
//!
//! ```json
//! {"id": "sd15", "name": "…", "architecture": "sd15", "native_size_px": 512, "license": "…", "license_url": "…",
//!  "files": [{"path": "model.safetensors", "url": "https://…", "bytes": 1, "sha256": "…"}]}
//! ```
//! `bytes` and `sha256` are null where nobody has told us them. Then the hash that the server announces (`x-linked-etag`, or an `etag`
//! of 64 hexadecimal digits) is what the file must have, which guards against damage on the way but not against the server.

use std::fs;
use std::path::{Component, Path};

use atelier_contract::{Finding, Refusal};
use serde::{Deserialize, Serialize};

use crate::Error;

/// Most bytes of a manifest.
const MANIFEST_BYTES_MAX: u64 = 1 << 20;

/// A base model that can be downloaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// What it is called in the library.
    pub id: String,
    /// What a person calls it.
    pub name: String,
    /// `sd15` or `sdxl`.
    pub architecture: String,
    /// Side in pixels of the square it was made for.
    pub native_size_px: u32,
    /// Of the weights.
    pub license: String,
    /// Its words.
    pub license_url: String,
    /// One single-file checkpoint, or the files of a diffusers folder.
    pub files: Vec<ManifestFile>,
}

/// A file of a manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManifestFile {
    /// Inside the model's folder.
    pub path: String,
    /// Where it is.
    pub url: String,
    /// Its size, if known.
    pub bytes: Option<u64>,
    /// Its hash in hexadecimal, if known.
    pub sha256: Option<String>,
}

/// All manifests in `resources`, by id. A broken one is logged and passed over.
#[must_use]
pub fn all(resources: &Path) -> Vec<Manifest> {
    let Ok(entries) = fs::read_dir(resources.join("manifests")) else {
        return Vec::new();
    };
    let mut manifests = Vec::new();
    for path in entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|e| e == "json"))
    {
        match read(&path) {
            Ok(manifest) => manifests.push(manifest),
            Err(error) => tracing::warn!("{} is no manifest: {error}", path.display()),
        }
    }
    manifests.sort_by(|a: &Manifest, b| a.id.cmp(&b.id));
    manifests
}

/// Reads and checks one manifest.
///
/// # Errors
/// [`Refusal::FileInvalid`] for a path that leaves its folder or an unencrypted address; [`Error::Json`], [`Error::File`].
pub fn read(path: &Path) -> Result<Manifest, Error> {
    let invalid = |why: &str| {
        tracing::warn!("{}: {why}", path.display());
        Refusal::FileInvalid {
            file: path.display().to_string(),
            reason: Finding::ManifestUnsafe {},
        }
    };
    if fs::metadata(path).map_err(Error::file(path))?.len() > MANIFEST_BYTES_MAX {
        return Err(invalid("it is too long for a manifest").into());
    }
    let manifest: Manifest = serde_json::from_slice(&fs::read(path).map_err(Error::file(path))?)?;
    if manifest.files.is_empty() {
        return Err(invalid("it lists no file").into());
    }
    for file in &manifest.files {
        let inside = Path::new(&file.path)
            .components()
            .all(|part| matches!(part, Component::Normal(_)));
        if file.path.is_empty() || !inside {
            return Err(invalid("a path leaves the model's folder").into());
        }
        if file.sha256.as_ref().is_some_and(|hash| !is_sha256(hash)) {
            return Err(invalid("a hash is not 64 hexadecimal digits").into());
        }
    }
    Ok(manifest)
}

/// Whether it is a SHA-256 in hexadecimal.
pub(super) fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manifests_that_ship_are_sound_and_pinned() {
        let manifests = all(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../models")));
        let ids: Vec<_> = manifests.iter().map(|manifest| manifest.id.as_str()).collect();
        assert_eq!(ids, ["sd15", "sdxl"]);
        for file in manifests.iter().flat_map(|manifest| &manifest.files) {
            assert!(
                file.url.starts_with("https://") && file.sha256.is_some() && file.bytes.is_some(),
                "{file:?}"
            );
        }
    }

    #[test]
    fn a_path_that_leaves_the_folder_is_refused() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("m.json");
        let text = r#"{"id":"x","name":"x","architecture":"sd15","native_size_px":512,"license":"x","license_url":"x",
            "files":[{"path":"../../x","url":"https://example.org","bytes":null,"sha256":null}]}"#;
        fs::write(&path, text).expect("a temporary file");
        assert!(matches!(read(&path), Err(Error::Refused(Refusal::FileInvalid { .. }))));
    }
}
