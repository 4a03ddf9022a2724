//! The server from outside: its routes over HTTP, its tables in a real Postgres.

mod catalogue;
mod clusters;
mod harness;
mod house;
mod objects;
mod operations;
mod generations;
mod lists;
mod studio;
mod styles;
