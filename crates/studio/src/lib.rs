//! The desktop's core: the library, curation and jobs. Knows no window, no tensor and no server.
//!
//! [`Library`] is the person's data: a database and files named after their content. Everything else is functions on it, a module a
//! noun. A kill at any point leaves a library that opens: files are whole before a row names them, and jobs are rows.

pub mod artworks;
pub mod config;
pub mod demo;
mod desk;
mod error;
pub mod findings;
pub mod gallery;
pub mod generations;
pub mod hardware;
pub mod inspect;
pub mod jobs;
mod library;
pub mod models;
pub mod paths;
pub mod picture;
pub mod samples;
pub mod settings;
mod studio;
pub mod styles;
pub mod tags;
pub mod thumbnails;
pub mod training;
pub mod worker;
mod works;

pub use atelier_contract as contract;
pub use atelier_worker_protocol as protocol;
pub use config::Config;
pub use desk::{Event, LibraryPart};
pub use error::Error;
pub use library::{Access, Library};
pub use studio::Studio;
pub use works::Work;
