//! Tags: short English words in lower case, as base models know them.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Refusal;

/// Longest tag, in characters: the width of the column `tags.name`.
pub const TAG_CHARS_MAX: usize = 100;

/// Marks that captions of existing data sets use inside a tag, beside letters, digits and spaces.
const MARKS: &str = "-'.&/+!?:()";

/// Why a text is not a tag.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TagError {
    /// Nothing but space and marks.
    #[error("a tag needs a letter or a digit")]
    Empty,
    /// Base models read English only.
    #[error("{tag:?} is not English")]
    NotEnglish {
        /// As it was given.
        tag: String,
    },
    /// More than [`TAG_CHARS_MAX`].
    #[error("a tag of {chars} characters, {TAG_CHARS_MAX} at most")]
    TooLong {
        /// Its first characters.
        start: String,
        /// How long it is.
        chars: usize,
    },
}

/// A tag: ASCII letters in lower case, digits, single spaces and a few marks, 1 to [`TAG_CHARS_MAX`] characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[cfg_attr(
    feature = "utoipa",
    derive(utoipa::ToSchema),
    schema(
        min_length = 1,
        max_length = 100,
        pattern = "^[A-Za-z0-9 _'.&/+!?:()-]*[A-Za-z0-9][A-Za-z0-9 _'.&/+!?:()-]*$"
    )
)]
#[serde(try_from = "String", into = "String")]
pub struct Tag(String);

impl Tag {
    /// A tag from what a person typed: letters fall to lower case, underscores become spaces, spaces shrink.
    ///
    /// # Errors
    /// [`TagError`] when what remains is empty, not English or too long.
    pub fn parse(text: &str) -> Result<Self, TagError> {
        let name = text
            .replace('_', " ")
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
            .to_lowercase();
        let known = |c: char| c.is_ascii_alphanumeric() || c == ' ' || MARKS.contains(c);
        if !name.chars().all(known) {
            return Err(TagError::NotEnglish {
                tag: text.trim().to_owned(),
            });
        }
        if !name.chars().any(|c| c.is_ascii_alphanumeric()) {
            return Err(TagError::Empty);
        }
        if name.len() > TAG_CHARS_MAX {
            return Err(TagError::TooLong {
                start: name[..30].to_owned(),
                chars: name.len(),
            });
        }
        Ok(Self(name))
    }

    /// The tag's words.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Tag {
    type Error = TagError;

    fn try_from(text: String) -> Result<Self, TagError> {
        Self::parse(&text)
    }
}

impl From<Tag> for String {
    fn from(tag: Tag) -> Self {
        tag.0
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl From<TagError> for Refusal {
    fn from(error: TagError) -> Self {
        match error {
            TagError::Empty => Self::TagEmpty {},
            TagError::NotEnglish { tag } => Self::TagNotEnglish { tag },
            TagError::TooLong { start, chars } => Self::TagTooLong {
                tag: start,
                chars,
                chars_max: TAG_CHARS_MAX,
            },
        }
    }
}

/// Tags of a list separated by commas, in order, each once.
///
/// # Errors
/// [`TagError`] of the first part that is no tag. Parts of nothing but space are passed over.
pub fn parse_tags(list: &str) -> Result<Vec<Tag>, TagError> {
    let (tags, errors) = split_tags(list);
    errors.into_iter().next().map_or(Ok(tags), Err)
}

/// Like [`parse_tags`], for lists that others wrote: gives the good ones and why the others are not.
#[must_use]
pub fn split_tags(list: &str) -> (Vec<Tag>, Vec<TagError>) {
    let mut tags = Vec::new();
    let mut errors = Vec::new();
    for part in list.split([',', '\n']).filter(|part| !part.trim().is_empty()) {
        match Tag::parse(part) {
            Ok(tag) if tags.contains(&tag) => {}
            Ok(tag) => tags.push(tag),
            Err(error) => errors.push(error),
        }
    }
    (tags, errors)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_become_lower_case_and_lose_spare_space() {
        let tags = parse_tags("  Night   Sky, cat's_cradle ,, night sky").expect("all English");
        assert_eq!(
            tags.iter().map(Tag::as_str).collect::<Vec<_>>(),
            ["night sky", "cat's cradle"]
        );
    }

    #[test]
    fn a_tag_in_another_language_is_refused() {
        assert!(matches!(parse_tags("sea, 바다"), Err(TagError::NotEnglish { tag }) if tag == "바다"));
        assert!(matches!(Tag::parse("café"), Err(TagError::NotEnglish { .. })));
        assert!(matches!(Tag::parse("a; drop"), Err(TagError::NotEnglish { .. })));
    }

    #[test]
    fn a_tag_has_one_to_a_hundred_characters() {
        assert_eq!(Tag::parse(" - "), Err(TagError::Empty));
        assert!(Tag::parse(&"x".repeat(100)).is_ok());
        assert!(matches!(
            Tag::parse(&"x".repeat(101)),
            Err(TagError::TooLong { chars: 101, .. })
        ));
    }

    #[test]
    fn the_good_tags_of_a_foreign_list_survive_the_bad_ones() {
        let (tags, errors) = split_tags("lighthouse, 등대, sea");
        assert_eq!(tags.len(), 2);
        assert_eq!(errors.len(), 1);
    }
}
