//! What the files of a model that ships with the program were when it was made: `SHA256SUMS` in its folder, as `sha256sum` writes and
//! checks it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path};

use atelier_contract::{Finding, Refusal};

use super::manifest::is_sha256;
use crate::Error;

/// Name of the file, which does not name itself.
const FILE: &str = "SHA256SUMS";

/// Hashes of a model's files by their paths inside `folder`.
///
/// # Errors
/// [`Refusal::FileMissing`], and [`Refusal::FileInvalid`] for a line that is none of `sha256sum`'s or leaves the folder.
pub(super) fn read(folder: &Path) -> Result<BTreeMap<String, String>, Error> {
    let path = folder.join(FILE);
    let text = fs::read_to_string(&path).map_err(Error::file(&path))?;
    let invalid = || Refusal::FileInvalid {
        file: path.display().to_string(),
        reason: Finding::HashDiffers {},
    };
    let sums = text.lines().map(|line| parse(line).ok_or_else(invalid));
    Ok(sums.collect::<Result<_, _>>()?)
}

fn parse(line: &str) -> Option<(String, String)> {
    let (hash, file) = line.split_once("  ").filter(|(hash, _)| is_sha256(hash))?;
    let mut parts = Path::new(file).components().peekable();
    parts.peek()?;
    parts
        .all(|part| matches!(part, Component::Normal(_)))
        .then(|| (file.to_owned(), hash.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_hash_and_a_file_inside() {
        let hash = "0f".repeat(32);
        let read = |file: &str| parse(&format!("{hash}  {file}")).map(|(file, _)| file);
        assert_eq!(read("unet/config.json").as_deref(), Some("unet/config.json"));
        assert_eq!([read("../x"), read("/x"), read("")], [const { None }; 3]);
        assert_eq!(parse("0f  x"), None);
    }
}
