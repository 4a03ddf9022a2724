//! The rules of ARCHITECTURE.md, checked against the code itself.

mod edges;
mod statuses;
