//! Pages by key: a cursor holds where the last one ended, and nothing else.

use atelier_contract::Refusal;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
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

/// Before the first row of a list whose newest id comes first, and of one whose oldest does.
pub const NEWEST: i64 = i64::MAX;
/// See [`NEWEST`].
pub const OLDEST: i64 = 0;
/// Before the first row of a list in the order of times and ids, the newest first.
pub const NEWEST_AT: (DateTime<Utc>, i64) = (DateTime::<Utc>::MAX_UTC, i64::MAX);

impl PageQuery {
    /// Rows of the page.
    #[must_use]
    pub fn limit(&self) -> u16 {
        self.limit.unwrap_or(LIMIT)
    }

    /// Rows that are asked for: one more than the page has tells whether there is another.
    #[must_use]
    pub fn rows(&self) -> i64 {
        i64::from(self.limit()) + 1
    }

    /// The key where the page before ended; of the first page `start`, which is before every row. So a query always compares with a
    /// key and walks its index to there, where `$2 IS NULL OR id < $2` would have a plan for any key read all rows before it.
    ///
    /// # Errors
    /// [`Refusal::RequestInvalid`] for a word that this list did not give.
    pub fn after<K: DeserializeOwned>(&self, start: K) -> Answer<K> {
        self.after.as_deref().map_or(Ok(start), Cursor::decode)
    }

    /// The page of `rows`, and the word for the next one if there is a row too many.
    ///
    /// # Errors
    /// Never for the plain keys of this program.
    pub fn cut<R, K: Serialize>(&self, mut rows: Vec<R>, key: impl Fn(&R) -> K) -> Answer<(Vec<R>, Option<String>)> {
        let limit = usize::from(self.limit());
        let more = rows.len() > limit;
        rows.truncate(limit);
        let last = rows.last().filter(|_| more);
        let next = last.map(|row| Cursor::encode(&key(row))).transpose()?;
        Ok((rows, next))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_that_follow_each_other_have_every_row_once() {
        let all: Vec<i64> = (1..=7).rev().collect();
        let (mut seen, mut pages, mut after) = (Vec::new(), 0, None);
        loop {
            let page = PageQuery { after, limit: Some(3) };
            let start: i64 = page.after(NEWEST).expect("its own word");
            let rows = all.iter().copied().filter(|id| *id < start);
            let rows = rows.take(usize::try_from(page.rows()).expect("few")).collect();
            let (rows, next) = page.cut(rows, |id| *id).expect("plain");
            seen.extend(rows);
            pages += 1;
            after = next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!((seen, pages), (all, 3));
    }

    #[test]
    fn a_page_that_is_just_full_is_the_last() {
        let page = PageQuery {
            after: None,
            limit: Some(2),
        };
        assert_eq!(page.cut(vec![2, 1], |id| *id).expect("plain"), (vec![2, 1], None));
    }
}
