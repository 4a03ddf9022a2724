//! Words that are never shown.

use std::fmt;

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Deserializer};

/// A word that is never shown. `file:<path>` in its place is read from there.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// The word itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl From<String> for Secret {
    fn from(word: String) -> Self {
        Self(word.into())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        let Some(path) = word.strip_prefix("file:") else {
            return Ok(word.into());
        };
        let read = std::fs::read_to_string(path);
        let content = read.map_err(|error| serde::de::Error::custom(format!("{path} cannot be read: {error}")))?;
        Ok(content.trim_end().to_owned().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_shown() {
        assert_eq!(format!("{:?}", Secret::from("postgres://".to_owned())), "…");
    }

    #[test]
    fn a_secret_may_lie_in_a_file() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), "word\n").expect("written");
        let json = format!("\"file:{}\"", file.path().display());
        let secret: Secret = serde_json::from_str(&json).expect("a secret");
        assert_eq!(secret.expose(), "word");
        assert!(serde_json::from_str::<Secret>("\"file:/nowhere\"").is_err());
    }
}
