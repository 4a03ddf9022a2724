//! The server from outside: its routes over HTTP, its tables in a real Postgres.

mod browser;
mod cancellations;
mod catalogue;
mod clusters;
mod crowds;
mod earnings;
mod fire;
mod generations;
mod harness;
mod hints;
mod house;
mod lists;
mod money;
mod objects;
mod oidc;
mod operations;
mod purchases;
mod reconcile;
mod sessions;
mod shop;
mod studio;
mod styles;
mod tokens;
mod toss;
mod transactions;
mod users;
