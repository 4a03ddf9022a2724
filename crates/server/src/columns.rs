//! What is read out of the database, in the types of the contract.

use atelier_contract::Tag;

use crate::refused::Answer;

/// A value that the database's own checks keep in range: anything else is a defect there.
pub(crate) fn column<T, E: std::error::Error + Send + Sync + 'static>(value: Result<T, E>) -> Answer<T> {
    value.map_err(|error| sqlx::Error::Decode(Box::new(error)).into())
}

/// Tags as they are stored. One that no longer parses is left out.
pub(crate) fn parsed(names: &[String]) -> Vec<Tag> {
    names.iter().filter_map(|name| Tag::parse(name).ok()).collect()
}
