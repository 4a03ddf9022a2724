//! Messages between the studio and the worker, the process that owns the device.
//!
//! The worker reads [`Request`]s from its standard input and writes [`Event`]s to its standard output, each one
//! `MessagePack` value behind a 32-bit length; logs go to standard error. The first event is [`Event::Ready`]; a
//! studio that meets another [`PROTOCOL_VERSION`] does not talk to that worker. One job runs at a time; later ones wait
//! in order. This crate knows neither tensors nor users.

pub mod client;
pub mod framing;
mod messages;

pub use messages::*;
