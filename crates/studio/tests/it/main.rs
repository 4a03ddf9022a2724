//! The studio from outside, on real libraries in temporary folders.
#![expect(clippy::unwrap_used, reason = "tests")]

#[cfg(unix)]
mod actor;
mod asked;
mod curation;
mod desk;
mod downloads;
mod gallery;
mod import;
mod library;
mod made;
mod models;
mod orders;
mod pictures;
mod samples;
mod server;
mod thumbnails;
mod training;
#[cfg(unix)]
mod workers;
