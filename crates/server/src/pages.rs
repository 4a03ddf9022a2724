//! Pages by key: a cursor holds where the last one ended, and nothing else.

use atelier_contract::Refusal;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

use crate::refused::Answer;

/// Rows of a page when none is asked for.
const LIMIT: u16 = 30;
/// Most rows of a page.
const LIMIT_MAX: u16 = 100;

/// Which page.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// `next` of the page before; the first page when absent.
    pub after: Option<String>,
    /// How many at most: 1 to 100, 30 when absent.
    #[param(minimum = 1, maximum = 100)]
    pub limit: Option<u16>,
}

impl PageQuery {
    /// Rows of the page.
    #[must_use]
    pub fn limit(&self) -> u16 {
        self.limit.unwrap_or(LIMIT).clamp(1, LIMIT_MAX)
    }
}

/// Where a page ended, as a word.
#[derive(Debug)]
pub struct Cursor;

impl Cursor {
    /// The word for `key`.
    ///
    /// # Errors
    /// Never for the plain keys of this program.
    pub fn encode(key: &impl Serialize) -> Answer<String> {
        serde_json::to_vec(key)
            .map(|json| URL_SAFE_NO_PAD.encode(json))
            .map_err(|error| sqlx::Error::Encode(Box::new(error)).into())
    }

    /// The key of a word.
    ///
    /// # Errors
    /// [`Refusal::RequestInvalid`] for a word that this list did not give.
    pub fn decode<T: DeserializeOwned>(word: &str) -> Answer<T> {
        let key = URL_SAFE_NO_PAD
            .decode(word)
            .ok()
            .and_then(|json| serde_json::from_slice(&json).ok());
        key.ok_or_else(|| {
            Refusal::RequestInvalid {
                reason: "`after` is not from this list".to_owned(),
            }
            .into()
        })
    }
}
