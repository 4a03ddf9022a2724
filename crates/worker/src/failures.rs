//! Failures of the engine in the words of the protocol.

use std::io::ErrorKind;

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
