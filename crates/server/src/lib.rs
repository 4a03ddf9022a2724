//! The sync server: accounts, money, styles, generations and social data on Postgres.

pub mod app;
pub mod caller;
pub mod config;
mod counts;
pub mod feed;
pub mod idempotency;
pub mod ledger;
pub mod load;
pub mod notices;
pub mod objects;
pub mod pages;
pub mod refused;
mod resources;
mod sealing;
pub mod signer;
pub mod sweeps;
