//! Failures of the engine in the words of the protocol.

use std::fs::File;
use std::io::ErrorKind;
use std::path::Path;

use atelier_engine::EngineError;
use atelier_worker_protocol::Failure;

/// What the studio is told of an error.
pub(crate) fn of(error: EngineError) -> Failure {
    if error.is_out_of_memory() {
        return Failure::OutOfMemory { needed: None };
    }
    match error {
        EngineError::FileInvalid { file, reason } => Failure::FileInvalid { file, reason },
        EngineError::FileUnsafe { file } => Failure::FileUnsafe { file },
        EngineError::FileMissing { file } => Failure::FileMissing { file },
        EngineError::Io { file, source } => match source.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Failure::DiskFull { file },
            ErrorKind::PermissionDenied if unreadable(&file) => Failure::FileInvalid {
                file,
                reason: "it may not be read".to_owned(),
            },
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => Failure::NotWritable { file },
            _ => Failure::FileInvalid {
                file,
                reason: source.to_string(),
            },
        },
        EngineError::LoraMismatch {
            file,
            matched,
            layers,
            missing,
        } => Failure::LoraMismatch {
            file,
            matched: matched as u32,
            layers: layers as u32,
            missing,
        },
        EngineError::LoraForOtherModel { file, made_for, model } => {
            Failure::LoraForOtherModel { file, made_for, model }
        }
        EngineError::ModelUnsupported { file, reason } => Failure::ModelUnsupported { file, reason },
        EngineError::RequestInvalid(reason) => Failure::RequestInvalid { reason },
        EngineError::LossNotFinite { step, kept } => Failure::LossNotFinite { step, kept },
        EngineError::DeviceUnavailable(reason) => Failure::DeviceUnavailable { reason },
        error @ (EngineError::Compute(_) | EngineError::Cancelled) => Failure::Internal {
            message: error.to_string(),
        },
    }
}

/// Whether it is there and reading is what is not allowed: the system gives one reason for both.
fn unreadable(file: &Path) -> bool {
    file.is_file() && File::open(file).is_err_and(|error| error.kind() == ErrorKind::PermissionDenied)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn io(kind: ErrorKind) -> Failure {
        of(EngineError::Io {
            file: PathBuf::from("style.safetensors"),
            source: kind.into(),
        })
    }

    #[test]
    fn a_full_disk_and_a_closed_one_are_told_apart() {
        let file = PathBuf::from("style.safetensors");
        assert_eq!(io(ErrorKind::StorageFull), Failure::DiskFull { file: file.clone() });
        assert_eq!(io(ErrorKind::QuotaExceeded), Failure::DiskFull { file: file.clone() });
        assert_eq!(
            io(ErrorKind::ReadOnlyFilesystem),
            Failure::NotWritable { file: file.clone() }
        );
        assert_eq!(io(ErrorKind::PermissionDenied), Failure::NotWritable { file });
        assert!(matches!(io(ErrorKind::InvalidData), Failure::FileInvalid { .. }));
    }

    #[test]
    fn the_words_of_a_driver_without_memory_are_understood() {
        for words in ["CUDA_ERROR_OUT_OF_MEMORY", "out of memory"] {
            let error = EngineError::Compute(candle_core::Error::Msg(words.into()));
            assert_eq!(of(error), Failure::OutOfMemory { needed: None });
        }
    }
}
