//! The product's things, one file a table: route, docs, handler and SQL together.

pub(crate) mod artworks;
pub(crate) mod comments;
pub(crate) mod earnings;
pub(crate) mod feed;
pub(crate) mod follows;
pub(crate) mod generations;
pub(crate) mod likes;
pub(crate) mod mutations;
pub(crate) mod notifications;
mod people;
pub(crate) mod purchases;
pub(crate) mod sessions;
pub(crate) mod styles;
pub(crate) mod tags;
pub(crate) mod transactions;
pub(crate) mod uploads;
pub(crate) mod users;
pub(crate) mod withdrawals;
