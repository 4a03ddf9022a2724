//! One message a frame: a 32-bit big-endian length, then MessagePack with named fields.

use std::io::{ErrorKind, Read, Write};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Longest frame: a picture of 4096×4096 pixels is 48 MiB.
pub const FRAME_BYTES_MAX: usize = 64 << 20;

/// What can go wrong between studio and worker.
#[derive(Debug, thiserror::Error)]
pub enum FramingError {
    /// The other side is gone, or the pipe broke.
    #[error("the connection broke: {0}")]
    Broken(#[from] std::io::Error),
    /// A frame longer than [`FRAME_BYTES_MAX`].
    #[error("a message of {0} bytes is longer than the {FRAME_BYTES_MAX} allowed")]
    TooLong(usize),
    /// A frame that is not what this version says.
    #[error("a message could not be read: {0}")]
    Unreadable(#[from] rmp_serde::decode::Error),
    /// A message that cannot be said.
    #[error("a message could not be written: {0}")]
    Unwritable(#[from] rmp_serde::encode::Error),
}

/// A message as the content of a frame.
///
/// # Errors
/// When it cannot be said, or is too long.
pub fn encode<T: Serialize>(message: &T) -> Result<Vec<u8>, FramingError> {
    let bytes = rmp_serde::to_vec_named(message)?;
    if bytes.len() > FRAME_BYTES_MAX {
        return Err(FramingError::TooLong(bytes.len()));
    }
    Ok(bytes)
}

/// The message in a frame.
///
/// # Errors
/// When it is not one.
pub fn decode<T: DeserializeOwned>(frame: &[u8]) -> Result<T, FramingError> {
    Ok(rmp_serde::from_slice(frame)?)
}

/// Writes one frame and flushes it.
///
/// # Errors
/// When the message is too long or the pipe broke.
pub fn write<T: Serialize>(to: &mut impl Write, message: &T) -> Result<(), FramingError> {
    let bytes = encode(message)?;
    to.write_all(&(bytes.len() as u32).to_be_bytes())?;
    to.write_all(&bytes)?;
    Ok(to.flush()?)
}

/// Reads one frame; `None` when the other side closed the pipe between two.
///
/// # Errors
/// When the pipe broke within a frame, or the frame is too long or not a message.
pub fn read<T: DeserializeOwned>(from: &mut impl Read) -> Result<Option<T>, FramingError> {
    let mut length = [0; 4];
    match from.read_exact(&mut length) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error.into()),
    }
    let length = u32::from_be_bytes(length) as usize;
    if length > FRAME_BYTES_MAX {
        return Err(FramingError::TooLong(length));
    }
    let mut frame = vec![0; length];
    from.read_exact(&mut frame)?;
    Ok(Some(decode(&frame)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{JobId, Request};

    #[test]
    fn a_message_comes_back_as_it_was_sent() {
        let mut pipe = Vec::new();
        write(
            &mut pipe,
            &Request::Cancel {
                job: JobId(7),
                checkpoint: true,
            },
        )
        .expect("memory takes it");
        let back: Option<Request> = read(&mut pipe.as_slice()).expect("it is a message");
        assert!(matches!(
            back,
            Some(Request::Cancel {
                job: JobId(7),
                checkpoint: true
            })
        ));
    }

    #[test]
    fn a_torn_frame_is_an_error_and_a_closed_pipe_is_none() {
        let mut pipe = Vec::new();
        write(&mut pipe, &Request::Shutdown).expect("memory takes it");
        let torn = &pipe[..pipe.len() - 1];
        assert!(matches!(read::<Request>(&mut &*torn), Err(FramingError::Broken(_))));
        assert!(matches!(read::<Request>(&mut &[][..]), Ok(None)));
    }

    #[test]
    fn a_frame_that_claims_too_much_is_refused_before_it_is_read() {
        let claim = u32::MAX.to_be_bytes();
        assert!(matches!(
            read::<Request>(&mut &claim[..]),
            Err(FramingError::TooLong(_))
        ));
    }
}
