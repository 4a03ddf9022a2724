//! Pages by key: a cursor holds where the last one ended, and nothing else.

use atelier_contract::Refusal;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize};
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
    #[serde(default, deserialize_with = "limit")]
    pub limit: Option<u16>,
}

impl PageQuery {
    /// Rows of the page.
    #[must_use]
    pub fn limit(&self) -> u16 {
        self.limit.unwrap_or(LIMIT)
    }
}

fn limit<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u16>, D::Error> {
    let limit = u16::deserialize(deserializer)?;
    if (1..=LIMIT_MAX).contains(&limit) {
        return Ok(Some(limit));
    }
    Err(D::Error::custom(format!("limit: {limit} is not from 1 to {LIMIT_MAX}")))
}

/// Refuses a text that is longer than the description of the parameter says.
///
/// # Errors
/// [`Refusal::NumberOutOfRange`].
pub fn at_most(name: &str, text: Option<&str>, chars_max: usize) -> Answer<()> {
    let chars = text.map_or(0, |text| text.chars().count());
    if chars <= chars_max {
        return Ok(());
    }
    Err(Refusal::NumberOutOfRange {
        name: format!("{name}, characters"),
        value: chars.to_string(),
        min: 0.to_string(),
        max: chars_max.to_string(),
    }
    .into())
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
