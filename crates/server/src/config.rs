//! What an operator sets, read once and checked as a whole.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context as _;
use figment::Figment;
use figment::providers::{Env, Format as _, Serialized, Toml};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

/// The server's settings: a TOML file, over it the environment (`ATELIER_…`).
#[derive(Debug, Clone, Deserialize)]
pub struct Config {
    /// The database that is written.
    pub database_url: SecretString,
    /// A read replica for public lists; the database itself when absent.
    #[serde(default)]
    pub reads_url: Option<SecretString>,
    /// Where to listen.
    pub listen: SocketAddr,
    /// Connections to each database.
    pub connections_max: u32,
    /// Where objects lie, unless they lie in S3.
    pub objects_folder: PathBuf,
    /// The secret half of the server's key: 64 hexadecimal digits.
    pub signing_key: SecretString,
    /// Styles that an artist may have in use.
    pub styles_per_artist_max: u32,
}

#[derive(Serialize)]
struct Defaults {
    listen: SocketAddr,
    connections_max: u32,
    objects_folder: PathBuf,
    styles_per_artist_max: u32,
}

impl Config {
    /// Reads `file`, if one is given, and the environment.
    ///
    /// # Errors
    /// When something needed is missing or is not what it should be; names the setting.
    pub fn read(file: Option<&std::path::Path>) -> anyhow::Result<Self> {
        let defaults = Defaults {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            connections_max: 16,
            objects_folder: PathBuf::from("objects"),
            styles_per_artist_max: 1,
        };
        let mut figment = Figment::from(Serialized::defaults(defaults));
        if let Some(file) = file {
            figment = figment.merge(Toml::file_exact(file));
        }
        figment.merge(Env::prefixed("ATELIER_")).extract().context("the settings")
    }
}
