//! The `atelier` command from outside, as far as it needs no worker: what it says of itself, to programs, and when it refuses.
#![expect(clippy::unwrap_used, reason = "tests")]

mod answers;
mod help;
mod home;
mod refusals;
