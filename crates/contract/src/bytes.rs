//! Bytes of a fixed length as JSON carries them: lower-case hexadecimal digits.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a text is not such bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("64 hexadecimal digits are wanted")]
pub struct BytesError;

macro_rules! bytes32 {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[cfg_attr(feature = "specta", derive(specta::Type), specta(transparent))]
        #[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema), schema(value_type = String, pattern = "^[0-9a-f]{64}$"))]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(#[cfg_attr(feature = "specta", specta(type = String))] [u8; 32]);

        impl $name {
            /// From the bytes themselves.
            #[must_use]
            pub const fn new(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// The bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }
        }

        impl TryFrom<&[u8]> for $name {
            type Error = BytesError;

            fn try_from(bytes: &[u8]) -> Result<Self, BytesError> {
                bytes.try_into().ok().map(Self).ok_or(BytesError)
            }
        }

        impl TryFrom<String> for $name {
            type Error = BytesError;

            fn try_from(text: String) -> Result<Self, BytesError> {
                unhex(&text).map(Self)
            }
        }

        impl From<$name> for String {
            fn from(bytes: $name) -> Self {
                hex(&bytes.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&hex(&self.0))
            }
        }
    )+};
}

bytes32! {
    /// A SHA-256.
    Sha256,
    /// The public half of an X25519 pair.
    SealKey,
    /// The secret half of an X25519 pair, which opens what was sealed to the other half.
    OpeningKey,
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sha256({self})")
    }
}

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealKey({self})")
    }
}

impl fmt::Debug for OpeningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OpeningKey(…)")
    }
}

/// A seed of noise: 64 bits. JSON carries it as a decimal string, since JavaScript rounds numbers past 2⁵³ and a rounded seed is
/// another picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type), specta(transparent))]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema), schema(value_type = String, pattern = "^[0-9]{1,20}$"))]
#[serde(try_from = "String", into = "String")]
pub struct Seed(#[cfg_attr(feature = "specta", specta(type = String))] u64);

impl Seed {
    /// The number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// As `BIGINT` holds it: the same 64 bits, so that a seed of 2⁶³ or more looks negative there.
    #[must_use]
    pub const fn to_column(self) -> i64 {
        i64::from_ne_bytes(self.0.to_ne_bytes())
    }

    /// From what [`Seed::to_column`] gave.
    #[must_use]
    pub const fn from_column(bits: i64) -> Self {
        Self(u64::from_ne_bytes(bits.to_ne_bytes()))
    }
}

impl From<u64> for Seed {
    fn from(number: u64) -> Self {
        Self(number)
    }
}

impl TryFrom<String> for Seed {
    type Error = std::num::ParseIntError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse().map(Self)
    }
}

impl From<Seed> for String {
    fn from(seed: Seed) -> Self {
        seed.0.to_string()
    }
}

/// Bytes as lower-case hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]])
        .map(char::from)
        .collect()
}

fn unhex(text: &str) -> Result<[u8; 32], BytesError> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f')) {
        return Err(BytesError);
    }
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = digit(pair[0]) << 4 | digit(pair[1]);
    }
    Ok(bytes)
}

const fn digit(c: u8) -> u8 {
    match c {
        b'0'..=b'9' => c - b'0',
        _ => c - b'a' + 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_64_lower_case_digits() {
        let hash = Sha256::new(std::array::from_fn(|i| u8::try_from(i * 8).expect("below 256")));
        let json = serde_json::to_string(&hash).expect("plain data");
        assert!(json.starts_with("\"0008101820"), "{json}");
        assert_eq!(serde_json::from_str::<Sha256>(&json).expect("as it was written"), hash);
        assert!(serde_json::from_str::<Sha256>("\"00\"").is_err());
        assert!(serde_json::from_str::<Sha256>(&json.to_uppercase()).is_err());
    }

    #[test]
    fn a_seed_keeps_all_its_bits() {
        let seed = Seed::from(u64::MAX - 1);
        assert_eq!(Seed::from_column(seed.to_column()), seed);
        assert_eq!(
            serde_json::to_string(&seed).expect("plain data"),
            "\"18446744073709551614\""
        );
        assert!(serde_json::from_str::<Seed>("\"-1\"").is_err());
    }

    #[test]
    fn a_secret_is_not_printed() {
        assert_eq!(format!("{:?}", OpeningKey::new([7; 32])), "OpeningKey(…)");
    }
}
