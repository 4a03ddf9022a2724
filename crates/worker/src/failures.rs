//! Failures of the engine in the words of the protocol. The particulars stay in the log.

use std::fs::File;
use std::io::ErrorKind;
use std::path::Path;

use atelier_engine::{self as engine, EngineError};
use atelier_worker_protocol::{Failure, FileFault, ModelFault, RequestFault};

/// What the studio is told of an error.
pub(crate) fn of(error: EngineError) -> Failure {
    if error.is_out_of_memory() {
        return Failure::OutOfMemory;
    }
    match error {
        EngineError::FileInvalid { file, fault, .. } => Failure::FileInvalid {
            file,
            fault: file_fault(fault),
        },
        EngineError::FileUnsafe { file } => Failure::FileUnsafe { file },
        EngineError::FileMissing { file } => Failure::FileMissing { file },
        EngineError::Io { file, source } => match source.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Failure::DiskFull { file },
            ErrorKind::PermissionDenied if unreadable(&file) => Failure::FileInvalid {
                file,
                fault: FileFault::NotReadable,
            },
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => Failure::NotWritable { file },
            _ => Failure::FileInvalid {
                file,
                fault: FileFault::Io,
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
        EngineError::ModelUnsupported { file, fault, .. } => Failure::ModelUnsupported {
            file,
            fault: model_fault(fault),
        },
        EngineError::RequestInvalid(fault) => Failure::RequestInvalid {
            fault: request_fault(fault),
        },
        EngineError::LossNotFinite { step, kept } => Failure::LossNotFinite { step, kept },
        // A job never opens the device, and one that was cancelled does not fail.
        error @ (EngineError::Compute(_)
        | EngineError::Defect(_)
        | EngineError::DeviceUnavailable(_)
        | EngineError::Cancelled) => Failure::Internal {
            message: error.to_string(),
        },
    }
}

fn file_fault(fault: engine::FileFault) -> FileFault {
    use engine::FileFault as Engine;
    match fault {
        Engine::NotSafetensors => FileFault::NotSafetensors,
        Engine::NotConfiguration => FileFault::NotConfiguration,
        Engine::NotVocabulary => FileFault::NotVocabulary,
        Engine::TensorMissing { tensor } => FileFault::TensorMissing { tensor },
        Engine::TensorShape { tensor } => FileFault::TensorShape { tensor },
        Engine::NotALora => FileFault::NotALora,
        Engine::OtherAdapter { adapter } => FileFault::OtherAdapter { adapter },
        Engine::LayerIncomplete { layer } => FileFault::LayerIncomplete { layer },
        Engine::NotAPicture => FileFault::NotAPicture,
        Engine::CropOutside => FileFault::CropOutside,
        Engine::OtherTraining => FileFault::OtherTraining,
    }
}

fn model_fault(fault: engine::ModelFault) -> ModelFault {
    use engine::ModelFault as Engine;
    match fault {
        Engine::OtherKind => ModelFault::OtherKind,
        Engine::Setting { setting } => ModelFault::Setting { setting },
        Engine::Format { format } => ModelFault::Format { format },
    }
}

fn request_fault(fault: engine::RequestFault) -> RequestFault {
    use engine::RequestFault as Engine;
    match fault {
        Engine::Size { multiple_px } => RequestFault::Size { multiple_px },
        Engine::Steps { steps, steps_max } => RequestFault::Steps { steps, steps_max },
        Engine::Setting { setting } => RequestFault::Setting {
            setting: setting.to_owned(),
        },
        Engine::NoPictures => RequestFault::NoPictures,
        Engine::NothingToAdapt => RequestFault::NothingToAdapt,
        Engine::Prompt => RequestFault::Prompt,
        Engine::NameUnknown { name } => RequestFault::NameUnknown { name },
        Engine::Input { input, found, wanted } => RequestFault::Input { input, found, wanted },
        Engine::Tokens { input, vocabulary } => RequestFault::Tokens { input, vocabulary },
        Engine::Missing { what } => RequestFault::Missing { what: what.to_owned() },
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
            assert_eq!(of(error), Failure::OutOfMemory);
        }
    }
}
