//! The server from outside: its routes over HTTP, its tables in a real Postgres.

mod catalogue;
mod clusters;
mod generations;
mod harness;
mod house;
mod lists;
mod objects;
mod operations;
mod studio;
mod styles;
