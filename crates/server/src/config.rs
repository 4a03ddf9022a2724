//! What an operator sets: arguments over environment over file over defaults, read once and checked as a whole.

mod check;
mod secret;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use figment::Figment;
use figment::providers::{Env, Format as _, Toml};
use serde::Deserialize;
use url::Url;

pub use secret::Secret;

/// Where the server runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// On one's own machine: signs in whoever says who they are, takes no money. Listens on loopback only.
    Development,
    /// For others.
    Hosted,
}

/// The server's settings. Each is `ATELIER_<NAME>` in the environment, with `__` between a section and a name.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Development or hosted.
    pub mode: Mode,
    /// Where to listen.
    pub listen: SocketAddr,
    /// Where to tell Prometheus what was counted; nowhere when absent. For collectors only: it is open to whoever reaches it.
    pub metrics_listen: Option<SocketAddr>,
    /// How browsers and studios reach this server; `http://<listen>` when absent, which hosted servers may not be.
    pub public_url: Option<Url>,
    /// The private database, objects and keys that were not put elsewhere.
    pub data_folder: PathBuf,
    /// The database that is written; a private one in the data folder when absent.
    pub database_url: Option<Secret>,
    /// A read replica for public lists; the database itself when absent.
    pub reads_url: Option<Secret>,
    /// Connections to each database; four for each core of this machine when absent, and eight at least. More wait for each other inside
    /// Postgres, where waiting is dearer.
    pub connections_max: u32,
    /// Longest statement. Not set through PgBouncer, where it belongs to the database's user.
    pub statement_ms_max: u32,
    /// Whether `database_url` leads through PgBouncer in transaction mode: nothing of a session may be relied on.
    pub pgbouncer: bool,
    /// Where objects lie.
    pub objects: ObjectsConfig,
    /// Who takes payments.
    pub payments: PaymentsConfig,
    /// Who says who people are.
    pub sign_in: SignInConfig,
    /// The secret half of the server's key: 64 hexadecimal digits; made in the data folder when absent, which hosted servers may not be.
    pub signing_key: Option<Secret>,
    /// Styles that an artist may have in use.
    pub styles_per_artist_max: u32,
    /// What one address, user or request may take.
    pub limits: Limits,
    /// As what the log is written.
    pub log: LogFormat,
}

/// Where objects lie: in the data folder, unless a bucket is named.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ObjectsConfig {
    /// A folder elsewhere than in the data folder.
    pub folder: Option<PathBuf>,
    /// A bucket that speaks S3.
    pub bucket: Option<String>,
    /// Its address; Amazon's own when absent.
    pub endpoint: Option<Url>,
    /// Its region.
    pub region: Option<String>,
    /// Who asks.
    pub access_key_id: Option<String>,
    /// And the secret of who asks.
    pub secret_access_key: Option<Secret>,
}

/// Who takes payments: Toss Payments when its keys are there; else nobody on a hosted server, and a provider that takes no money on a
/// development server.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PaymentsConfig {
    /// The merchant's key that buyers' browsers see.
    pub client_key: Option<String>,
    /// The merchant's key that nobody sees.
    pub secret_key: Option<Secret>,
    /// The address of the provider's interface.
    pub url: Url,
}

impl Default for PaymentsConfig {
    fn default() -> Self {
        Self {
            client_key: None,
            secret_key: None,
            url: "https://api.tosspayments.com/".parse().expect("an address"),
        }
    }
}

/// Who says who people are: any OpenID provider, Google when none is named. Without a client nobody can sign in on a hosted server, and
/// whoever says who they are on a development server.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SignInConfig {
    /// The name under which its users are kept. Never to be changed, nor used for another.
    pub provider: String,
    /// Its address; discovery does the rest.
    pub issuer: Url,
    /// What this server is called there. `<public_url>/sign-in/callback` has to be known there as its redirect.
    pub client_id: Option<String>,
    /// And its secret.
    pub client_secret: Option<Secret>,
}

impl Default for SignInConfig {
    fn default() -> Self {
        Self {
            provider: "google".to_owned(),
            issuer: "https://accounts.google.com".parse().expect("an address"),
            client_id: None,
            client_secret: None,
        }
    }
}

/// What one address, user or request may take.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Requests from one address in a minute; as many may come at once. 0: no limit.
    pub per_address_min: u32,
    /// Requests of one user in a minute; as many may come at once. 0: no limit.
    pub per_user_min: u32,
    /// Requests of one device in a minute, whoever is signed in there; as many may come at once. 0: no limit.
    pub per_device_min: u32,
    /// Proxies before this server that add to `X-Forwarded-For`: so many entries from its end is who asks. 0: the peer itself, as when
    /// absent, which hosted servers may not leave it: everybody who comes through a proxy would be counted as one.
    pub trusted_proxies: Option<u8>,
    /// Largest body, but of uploads, which say their size beforehand and have limits of their own.
    pub body_bytes_max: usize,
    /// Longest time until an answer begins.
    pub request_s_max: u64,
    /// Longest time in which nothing comes of any other body.
    pub body_idle_s_max: u64,
    /// Requests at a time; more are told to come again. Uploads and streams are not among them.
    pub requests_max: usize,
    /// Of these, from one address.
    pub requests_per_address_max: usize,
    /// Uploads that are brought at a time.
    pub uploads_max: usize,
    /// Of these, of one user.
    pub uploads_per_user_max: usize,
    /// Longest time in which nothing comes of an upload.
    pub upload_idle_s_max: u64,
    /// Streams of what changed, at a time.
    pub streams_max: usize,
    /// Of these, of one user.
    pub streams_per_user_max: usize,
    /// Connections at a time; more wait to be taken.
    pub sockets_max: usize,
    /// Longest time until the head of a connection's next request has come whole: for a slow one, and for one that is kept open. Longer
    /// than what stands before the server keeps its own open, or it finds them closed.
    pub head_s_max: u64,
    /// How long a server that was asked to stop says so while it still takes requests, so that whoever sends them learns of it; 5 on a
    /// hosted server when absent, else 0.
    pub lame_duck_s: Option<u64>,
    /// Longest time that requests under way get after that.
    pub drain_s_max: u64,
}

/// As what the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    Text,
    /// For collectors.
    Json,
}

/// What is wrong with the settings.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Not of the right kind, or unknown.
    #[error("the settings")]
    Settings(#[source] Box<figment::Error>),
    /// The file that was named is not there.
    #[error("there is no file {0}")]
    NoFile(PathBuf),
    /// Right each by itself, but not together.
    #[error("{setting}: {problem}")]
    Wrong {
        /// Which.
        setting: &'static str,
        /// Why, and what to do.
        problem: &'static str,
    },
}

/// Two looks of a balancer that looks every two seconds, and one to spare.
const LAME_DUCK_S: u64 = 5;

fn connections() -> u32 {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    u32::try_from(cores * 4).map_or(8, |connections| connections.max(8))
}

impl Default for Config {
    fn default() -> Self {
        Self {
            mode: Mode::Development,
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            metrics_listen: None,
            public_url: None,
            data_folder: PathBuf::from(".data/server"),
            database_url: None,
            reads_url: None,
            connections_max: connections(),
            statement_ms_max: 10_000,
            pgbouncer: false,
            objects: ObjectsConfig::default(),
            payments: PaymentsConfig::default(),
            sign_in: SignInConfig::default(),
            signing_key: None,
            styles_per_artist_max: 1,
            limits: Limits::default(),
            log: LogFormat::Text,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            per_address_min: 1200,
            per_user_min: 600,
            per_device_min: 600,
            trusted_proxies: None,
            body_bytes_max: 1 << 20,
            request_s_max: 30,
            body_idle_s_max: 10,
            requests_max: 1024,
            requests_per_address_max: 128,
            uploads_max: 64,
            uploads_per_user_max: 8,
            upload_idle_s_max: 30,
            streams_max: 4096,
            streams_per_user_max: 16,
            sockets_max: 8192,
            head_s_max: 75,
            lame_duck_s: None,
            drain_s_max: 30,
        }
    }
}

impl Config {
    /// Reads `file`, if one is given, and the environment over it.
    ///
    /// # Errors
    /// [`ConfigError`] names the setting and what is wrong with it.
    pub fn read(file: Option<&Path>) -> Result<Self, ConfigError> {
        let mut figment = Figment::new();
        if let Some(file) = file {
            if !file.is_file() {
                return Err(ConfigError::NoFile(file.to_owned()));
            }
            figment = figment.merge(Toml::file_exact(file));
        }
        // What every other program calls the database; one of ours goes before.
        let shared = Env::raw().only(&["DATABASE_URL"]);
        let ours = Env::prefixed("ATELIER_")
            .split("__")
            .ignore(&["server_database_url", "log_filter"]);
        let config: Self = figment
            .merge(shared)
            .merge(ours)
            .extract()
            .map_err(|error| ConfigError::Settings(Box::new(error)))?;
        config.check()?;
        Ok(config)
    }

    /// How browsers and studios reach this server, without a slash at the end.
    #[must_use]
    pub fn public_url(&self) -> String {
        match &self.public_url {
            Some(url) => url.as_str().trim_end_matches('/').to_owned(),
            None => format!("http://{}", self.listen),
        }
    }

    /// Whether it may be reached from other machines.
    #[must_use]
    pub fn is_hosted(&self) -> bool {
        self.mode == Mode::Hosted
    }

    /// How long it still takes requests once it was asked to stop.
    #[must_use]
    pub fn lame_duck(&self) -> Duration {
        let else_s = if self.is_hosted() { LAME_DUCK_S } else { 0 };
        Duration::from_secs(self.limits.lame_duck_s.unwrap_or(else_s))
    }

    /// Listens on `port` of every address.
    #[must_use]
    pub fn listening_everywhere(mut self, port: u16) -> Self {
        self.listen = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port);
        self
    }
}
