//! The server's secret: an Ed25519 key for tickets, receipts and vouchers, which studios check, and one derived from it for access tokens,
//! which only servers check.

use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use jsonwebtoken::{DecodingKey, EncodingKey};
use sha2::{Digest as _, Sha256};

/// Signs, and knows what it signed. Its `Debug` shows the public half only.
pub struct Signer {
    key: SigningKey,
    /// Of access tokens.
    pub(crate) access: (EncodingKey, DecodingKey),
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Signer").field(&self.key.verifying_key()).finish()
    }
}

impl Signer {
    /// From 32 secret bytes.
    #[must_use]
    pub fn new(secret: &[u8; 32]) -> Self {
        let access = Sha256::new()
            .chain_update(b"atelier access\0")
            .chain_update(secret)
            .finalize();
        Self {
            key: SigningKey::from_bytes(secret),
            access: (EncodingKey::from_secret(&access), DecodingKey::from_secret(&access)),
        }
    }

    /// The signature of `message`.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.key.sign(message).to_bytes()
    }

    /// What checks signatures.
    #[must_use]
    pub fn public(&self) -> VerifyingKey {
        self.key.verifying_key()
    }

    /// Whether this key signed `message` so.
    #[must_use]
    pub fn signed(&self, message: &[u8], signature: &[u8]) -> bool {
        ed25519_dalek::Signature::from_slice(signature)
            .is_ok_and(|signature| self.public().verify_strict(message, &signature).is_ok())
    }
}
