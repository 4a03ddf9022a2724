//! The sync server: accounts, money, styles, generations and social data on Postgres.

pub mod app;
pub mod caller;
pub mod config;
mod counts;
pub mod feed;
mod health;
pub mod idempotency;
pub mod ledger;
pub mod limits;
pub mod load;
pub mod local;
pub mod metrics;
pub mod notices;
pub mod objects;
mod openapi;
pub mod operators;
pub mod pages;
pub mod payments;
pub mod reconcile;
pub mod refused;
mod requests;
mod resources;
mod sealing;
pub mod sessions;
pub mod sign_in;
pub mod signer;
pub mod sweeps;
