//! Everything that training needs to go on: adapters, the optimizer's moments and the step. Randomness follows from seed and step.
//!
//! A checkpoint appears whole or not at all: it is written beside its place, flushed, renamed, and the folder flushed. It carries a hash of
//! its contents, so that one torn by a failing disk is told and skipped.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use sha2::{Digest, Sha256};

use crate::error::{EngineError, FileFault, Result};
use crate::weights::SafeTensors;

/// Checkpoints that are kept: the newest, and one before it in case the disk spoils that.
const KEPT: usize = 2;
const FORMAT: &str = "atelier-training-1";
const NAMES: [&str; 3] = ["values", "mean", "square"];

/// The state after some step.
pub(super) struct Checkpoint {
    /// Steps done.
    pub(super) step: u32,
    /// Seconds that those took, with all that was done beside them.
    pub(super) seconds: f64,
    /// Values, means and mean squares of all parameters, `[P]` f32 each.
    pub(super) tensors: [Tensor; 3],
}

/// Writes the state into `folder`; `made_of` is a hash of all that decides how training goes on.
pub(super) fn write(folder: &Path, made_of: &str, checkpoint: &Checkpoint) -> Result<()> {
    let parts = checkpoint.tensors.each_ref().map(bytes);
    let [values, mean, square] = parts;
    let parts = [values?, mean?, square?];
    let facts = [
        ("format", FORMAT.to_owned()),
        ("step", checkpoint.step.to_string()),
        ("seconds", checkpoint.seconds.to_string()),
        ("made_of", made_of.to_owned()),
        ("contents", hash(parts.iter().map(Vec::as_slice))),
    ];
    let facts: HashMap<_, _> = facts.map(|(name, value)| (name.to_owned(), value)).into();
    let file = path(folder, checkpoint.step);
    let invalid = |error: safetensors::SafeTensorError| EngineError::Defect(error.to_string());
    let views = NAMES.iter().zip(&parts).map(|(&name, bytes)| {
        let view = safetensors::tensor::TensorView::new(safetensors::Dtype::F32, vec![bytes.len() / 4], bytes);
        view.map(|view| (name, view))
    });
    let views = views.collect::<std::result::Result<Vec<_>, _>>().map_err(invalid)?;
    let contents = safetensors::serialize(views, Some(facts)).map_err(invalid)?;
    write_whole(&file, &contents)?;
    for (_, old) in list(folder)?.into_iter().skip(KEPT) {
        // One checkpoint too many does no harm.
        let _ = fs::remove_file(old);
    }
    Ok(())
}

/// The newest sound checkpoint in `folder`, on `device`, if there is one; `ours` are the hashes of all that it may be made of.
///
/// # Errors
/// When the newest sound one was made of something else, so that going on from it would be another training.
pub(super) fn newest(folder: &Path, ours: &[String], device: &Device) -> Result<Option<Checkpoint>> {
    for (_, file) in list(folder)? {
        match read(&file, device) {
            Ok((found, checkpoint)) if ours.contains(&found) => return Ok(Some(checkpoint)),
            Ok(_) => {
                return Err(EngineError::invalid(
                    &file,
                    FileFault::OtherTraining,
                    "this checkpoint belongs to a training with other settings, pictures or tags",
                ));
            }
            Err(error) => {
                tracing::warn!(file = %file.display(), %error, "a checkpoint is not sound, an older one is tried")
            }
        }
    }
    Ok(None)
}

/// Step of the newest checkpoint.
pub(super) fn newest_step(folder: &Path) -> Option<u32> {
    list(folder).ok()?.first().map(|(step, _)| *step)
}

fn read(file: &Path, device: &Device) -> Result<(String, Checkpoint)> {
    let stored = SafeTensors::open(file)?;
    let unsound = |reason: String| EngineError::invalid(file, FileFault::NotSafetensors, reason);
    let fact = |name: &str| {
        let found = stored.metadata().get(name).map(String::as_str);
        found.ok_or_else(|| unsound(format!("its {name} is missing")))
    };
    if fact("format")? != FORMAT {
        return Err(unsound("it is no checkpoint of this version".into()));
    }
    let step = fact("step")?.parse();
    let step = step.map_err(|error| unsound(format!("its step is no number: {error}")))?;
    // Told for people to read; those of an earlier version do not have it.
    let seconds = fact("seconds").ok().and_then(|seconds| seconds.parse().ok());
    let [values, mean, square] = NAMES.map(|name| stored.load(name, DType::F32));
    let tensors = [values?, mean?, square?];
    let [values, mean, square] = tensors.each_ref().map(bytes);
    if hash([values?, mean?, square?].iter().map(Vec::as_slice)) != fact("contents")? {
        return Err(unsound("its contents were changed".into()));
    }
    let [values, mean, square] = tensors.map(|tensor| tensor.to_device(device));
    let tensors = [values?, mean?, square?];
    let checkpoint = Checkpoint {
        step,
        seconds: seconds.unwrap_or_default(),
        tensors,
    };
    Ok((fact("made_of")?.to_owned(), checkpoint))
}

fn path(folder: &Path, step: u32) -> PathBuf {
    folder.join(format!("checkpoint-{step:08}.safetensors"))
}

/// Checkpoints of a folder, the newest first.
fn list(folder: &Path) -> Result<Vec<(u32, PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(EngineError::io(folder))? {
        let file = entry.map_err(EngineError::io(folder))?.path();
        let name = file.file_name().and_then(|name| name.to_str());
        let step = name.and_then(|name| {
            name.strip_prefix("checkpoint-")?
                .strip_suffix(".safetensors")?
                .parse()
                .ok()
        });
        found.extend(step.map(|step| (step, file)));
    }
    found.sort_by(|a, b| b.cmp(a));
    Ok(found)
}

fn bytes(tensor: &Tensor) -> Result<Vec<u8>> {
    let values = tensor.to_vec1::<f32>()?;
    Ok(values.iter().flat_map(|value| value.to_le_bytes()).collect())
}

/// SHA-256 of some bytes after others, in hexadecimal.
pub(super) fn hash<'a>(parts: impl Iterator<Item = &'a [u8]>) -> String {
    let mut hash = Sha256::new();
    parts.for_each(|part| hash.update(part));
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Writes a file whole or not at all.
///
/// # Errors
/// [`EngineError::Io`] when the folder cannot be written or the disk is full; nothing is left behind then.
pub(crate) fn write_whole(file: &Path, contents: &[u8]) -> Result<()> {
    let beside = file.with_extension("part");
    let written = (|| {
        let mut part = File::create(&beside)?;
        part.write_all(contents)?;
        part.sync_all()?;
        fs::rename(&beside, file)?;
        // The name is safe once the folder is; systems that cannot flush folders order renames themselves.
        match file.parent() {
            Some(folder) if cfg!(unix) => File::open(folder)?.sync_all(),
            _ => Ok(()),
        }
    })();
    written.map_err(|error| {
        let _ = fs::remove_file(&beside);
        EngineError::io(file)(error)
    })
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Tensor};

    use super::{Checkpoint, newest, path, write};

    fn checkpoint(step: u32) -> Checkpoint {
        let tensor = |value: f32| Tensor::full(value, 100, &Device::Cpu).expect("a tensor fits into memory");
        Checkpoint {
            step,
            seconds: 0.25,
            tensors: [1.0, 2.0, 3.0].map(|value| tensor(value + step as f32)),
        }
    }

    #[test]
    fn the_newest_sound_checkpoint_is_found() -> crate::Result<()> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for step in [10, 20] {
            write(folder.path(), "this", &checkpoint(step))?;
        }
        let found = newest(folder.path(), &["this".into()], &Device::Cpu)?.expect("two were written");
        assert_eq!((found.step, found.seconds), (20, 0.25));
        assert_eq!(found.tensors[2].to_vec1::<f32>()?[7], 23.0);
        Ok(())
    }

    #[test]
    fn torn_and_spoilt_checkpoints_are_skipped() -> crate::Result<()> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for step in [10, 20] {
            write(folder.path(), "this", &checkpoint(step))?;
        }
        let last = path(folder.path(), 20);
        let whole = std::fs::read(&last).expect("it was written");
        let mut spoilt = whole.clone();
        *spoilt.last_mut().expect("it is not empty") ^= 1;
        for contents in [&whole[..whole.len() - 5], &whole[..3], &spoilt] {
            std::fs::write(&last, contents).expect("the folder can be written");
            let found = newest(folder.path(), &["this".into()], &Device::Cpu)?.expect("the older one is sound");
            assert_eq!(found.step, 10);
        }
        Ok(())
    }

    #[test]
    fn a_checkpoint_of_another_training_is_refused() -> crate::Result<()> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        write(folder.path(), "that", &checkpoint(10))?;
        assert!(newest(folder.path(), &["this".into()], &Device::Cpu).is_err());
        Ok(())
    }
}
