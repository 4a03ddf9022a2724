//! Failures of the shell's own making, said as refusals.

use std::error::Error;

use atelier_studio::contract::Refusal;

/// Something that the system would not do for us, and that no person can put right; the log has it too.
pub(crate) fn internal(error: &dyn Error) -> Refusal {
    tracing::error!("{error}");
    Refusal::Internal {
        reason: error.to_string(),
    }
}
