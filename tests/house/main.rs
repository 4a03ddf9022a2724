//! The rules of ARCHITECTURE.md, checked against the code itself.

mod buckets;
mod edges;
mod statuses;
