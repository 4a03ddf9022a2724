//! The product's things, one file a table: route, docs, handler and SQL together.

pub(crate) mod artworks;
pub(crate) mod generations;
pub(crate) mod styles;
pub(crate) mod tags;
pub(crate) mod uploads;
