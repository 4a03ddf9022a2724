//! What is given to one device only: keys wrapped by HPKE (RFC 9180), and the chunks in which a LoRA is encrypted at rest.
//!
//! Knows no row and no file. DHKEM X25519 with HKDF-SHA256 and ChaCha20-Poly1305 throughout, base mode.

use atelier_contract::{OpeningKey, SealKey};
use chacha20poly1305::aead::{Aead as _, KeyInit as _};
use chacha20poly1305::{ChaCha20Poly1305, Key, Nonce};
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable as _, Kem as _, OpModeS, Serializable as _};
use rand::RngExt as _;

/// Plain bytes of a chunk; all but the last have this many.
pub(crate) const CHUNK_BYTES: usize = 65_536;
/// What a wrapped style key is bound to.
const STYLE_KEY_INFO: &[u8] = b"atelier style key";

/// Why something could not be sealed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SealingError {
    /// The device's key is no point that can be sealed to.
    #[error("the device's key cannot be sealed to")]
    BadKey(#[source] hpke::HpkeError),
    /// More chunks than a nonce can number.
    #[error("the file has too many chunks")]
    TooLong,
    /// The cipher refused.
    #[error("the cipher refused")]
    Cipher,
}

/// A pair for the result of one ticket.
pub(crate) fn pair() -> (OpeningKey, SealKey) {
    let (secret, public) = X25519HkdfSha256::gen_keypair();
    (
        OpeningKey::new(secret.to_bytes().into()),
        SealKey::new(public.to_bytes().into()),
    )
}

/// A fresh key for a LoRA at rest.
pub(crate) fn content_key() -> [u8; 32] {
    let mut key = [0; 32];
    rand::rng().fill(&mut key);
    key
}

/// `content_key` for one device: 32 bytes of encapsulated key, then the sealed key. Bound to the hash of the version it opens.
///
/// # Errors
/// [`SealingError::BadKey`] when nothing can be sealed to `device`.
pub(crate) fn wrap(device: &SealKey, content_key: &[u8; 32], version_sha256: &[u8]) -> Result<Vec<u8>, SealingError> {
    let public =
        <X25519HkdfSha256 as hpke::Kem>::PublicKey::from_bytes(device.as_bytes()).map_err(SealingError::BadKey)?;
    let (encapsulated, sealed) = hpke::single_shot_seal::<
        hpke::aead::ChaCha20Poly1305,
        hpke::kdf::HkdfSha256,
        X25519HkdfSha256,
    >(&OpModeS::Base, &public, STYLE_KEY_INFO, content_key, version_sha256)
    .map_err(SealingError::BadKey)?;
    let mut wrapped = encapsulated.to_bytes().to_vec();
    wrapped.extend_from_slice(&sealed);
    Ok(wrapped)
}

/// Encrypts a file chunk by chunk, so that none of it is held but one chunk.
pub(crate) struct ChunkCipher {
    cipher: ChaCha20Poly1305,
    chunks: u32,
}

impl ChunkCipher {
    /// For a key that encrypts this file only: nonces count from zero.
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        Self {
            cipher: ChaCha20Poly1305::new(&Key::from(*key)),
            chunks: 0,
        }
    }

    /// The next chunk, encrypted. Every chunk but the last has [`CHUNK_BYTES`].
    ///
    /// # Errors
    /// [`SealingError::TooLong`] after 2³² chunks.
    pub(crate) fn seal(&mut self, plain: &[u8], last: bool) -> Result<Vec<u8>, SealingError> {
        let sealed = self
            .cipher
            .encrypt(&nonce(self.chunks, last), plain)
            .ok()
            .ok_or(SealingError::Cipher)?;
        self.chunks = self.chunks.checked_add(1).ok_or(SealingError::TooLong)?;
        Ok(sealed)
    }
}

/// Seven zero bytes, the chunk's number, and whether it is the last: a file that is cut at a chunk does not open.
fn nonce(chunk: u32, last: bool) -> Nonce {
    let mut bytes = [0; 12];
    bytes[7..11].copy_from_slice(&chunk.to_be_bytes());
    bytes[11] = u8::from(last);
    Nonce::from(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hpke::OpModeR;

    #[test]
    fn a_key_opens_on_its_device_for_its_version_only() {
        let (secret, public) = pair();
        let wrapped = wrap(&public, &[9; 32], b"version").expect("a fresh key can be sealed to");
        let open = |secret: &OpeningKey, version: &[u8]| {
            let secret = <X25519HkdfSha256 as hpke::Kem>::PrivateKey::from_bytes(secret.as_bytes()).expect("32 bytes");
            let encapsulated =
                <X25519HkdfSha256 as hpke::Kem>::EncappedKey::from_bytes(&wrapped[..32]).expect("32 bytes");
            hpke::single_shot_open::<hpke::aead::ChaCha20Poly1305, hpke::kdf::HkdfSha256, X25519HkdfSha256>(
                &OpModeR::Base,
                &secret,
                &encapsulated,
                STYLE_KEY_INFO,
                &wrapped[32..],
                version,
            )
        };
        assert_eq!(open(&secret, b"version").expect("its own"), [9; 32]);
        assert!(open(&secret, b"other version").is_err());
        assert!(open(&pair().0, b"version").is_err());
    }

    #[test]
    fn a_chunk_opens_at_its_place_only() {
        let mut cipher = ChunkCipher::new(&[1; 32]);
        let first = cipher.seal(b"first", false).expect("short");
        let last = cipher.seal(b"last", true).expect("short");
        let reader = ChaCha20Poly1305::new(&Key::from([1; 32]));
        assert_eq!(
            reader.decrypt(&nonce(0, false), &first[..]).expect("in place"),
            b"first"
        );
        assert_eq!(reader.decrypt(&nonce(1, true), &last[..]).expect("in place"), b"last");
        assert!(reader.decrypt(&nonce(1, false), &last[..]).is_err());
        assert!(reader.decrypt(&nonce(0, true), &first[..]).is_err());
    }
}
