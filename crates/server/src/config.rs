//! What an operator sets: arguments over environment over file over defaults, read once and checked as a whole.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use figment::Figment;
use figment::providers::{Env, Format as _, Toml};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Deserializer};
use url::Url;

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
    /// Proxies before this server that add to `X-Forwarded-For`: so many entries from its end is who asks. 0: the peer itself.
    pub trusted_proxies: u8,
    /// Largest body, but of uploads, which say their size beforehand and have limits of their own.
    pub body_bytes_max: usize,
    /// Longest time until an answer begins.
    pub request_s_max: u64,
    /// Requests at a time; more are told to come again.
    pub requests_max: usize,
    /// Longest time that requests under way get when the server is asked to stop.
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

/// A word that is never shown. `file:<path>` in its place is read from there.
#[derive(Clone)]
pub struct Secret(SecretString);

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

/// Providers of users that no OpenID provider signs in.
const RESERVED: [&str; 2] = ["platform", "development"];

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
            trusted_proxies: 0,
            body_bytes_max: 1 << 20,
            request_s_max: 30,
            requests_max: 1024,
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

    /// Looks whether the settings go together.
    ///
    /// # Errors
    /// [`ConfigError::Wrong`].
    pub fn check(&self) -> Result<(), ConfigError> {
        let wrong = |setting, problem| Err(ConfigError::Wrong { setting, problem });
        for (setting, url) in [("database_url", &self.database_url), ("reads_url", &self.reads_url)] {
            let postgres =
                |url: &Secret| url.expose().starts_with("postgres://") || url.expose().starts_with("postgresql://");
            if url.as_ref().is_some_and(|url| !postgres(url)) {
                return wrong(
                    setting,
                    "is not the address of a Postgres: postgres://user:password@host/database",
                );
            }
        }
        if self.connections_max == 0 {
            return wrong("connections_max", "at least 1 is needed");
        }
        if self.objects.bucket.is_none() && (self.objects.endpoint.is_some() || self.objects.access_key_id.is_some()) {
            return wrong("objects.bucket", "is missing, but other settings of a bucket are there");
        }
        if self.objects.access_key_id.is_some() != self.objects.secret_access_key.is_some() {
            return wrong(
                "objects.secret_access_key",
                "goes together with objects.access_key_id: both or neither",
            );
        }
        if self.payments.client_key.is_some() != self.payments.secret_key.is_some() {
            return wrong(
                "payments.secret_key",
                "goes together with payments.client_key: both or neither",
            );
        }
        if self.sign_in.client_secret.is_some() && self.sign_in.client_id.is_none() {
            return wrong("sign_in.client_id", "is missing, but its secret is there");
        }
        let provider = &self.sign_in.provider;
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if !(1..=30).contains(&provider.len()) || !provider.chars().all(plain) || RESERVED.contains(&provider.as_str())
        {
            return wrong(
                "sign_in.provider",
                "1 to 30 of a-z, 0-9 and -, and neither `platform` nor `development`",
            );
        }
        match self.mode {
            Mode::Hosted if self.sign_in.issuer.scheme() != "https" => {
                wrong("sign_in.issuer", "a hosted server needs an https:// address")
            }
            Mode::Hosted if self.payments.url.scheme() != "https" => {
                wrong("payments.url", "a hosted server needs an https:// address")
            }
            Mode::Development if !self.listen.ip().is_loopback() => wrong(
                "listen",
                "a development server signs in anybody, so it listens on loopback only; set mode = \"hosted\"",
            ),
            Mode::Hosted if self.database_url.is_none() => wrong("database_url", "a hosted server needs one"),
            Mode::Hosted if self.signing_key.is_none() => wrong(
                "signing_key",
                "a hosted server needs one, the same in all its processes: openssl rand -hex 32",
            ),
            Mode::Hosted if self.public_url.as_ref().is_none_or(|url| url.scheme() != "https") => wrong(
                "public_url",
                "a hosted server needs the https:// address under which it is reached",
            ),
            Mode::Hosted if self.sign_in.client_id.is_none() => {
                wrong("sign_in.client_id", "a hosted server needs one: nobody could sign in")
            }
            Mode::Development | Mode::Hosted => Ok(()),
        }
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

    /// Listens on `port` of every address.
    #[must_use]
    pub fn listening_everywhere(mut self, port: u16) -> Self {
        self.listen = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port);
        self
    }
}

impl Secret {
    /// The word itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl From<String> for Secret {
    fn from(word: String) -> Self {
        Self(word.into())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        let Some(path) = word.strip_prefix("file:") else {
            return Ok(word.into());
        };
        let read = std::fs::read_to_string(path);
        let content = read.map_err(|error| serde::de::Error::custom(format!("{path} cannot be read: {error}")))?;
        Ok(content.trim_end().to_owned().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosted() -> Config {
        Config {
            mode: Mode::Hosted,
            database_url: Some("postgres://db/atelier".to_owned().into()),
            signing_key: Some("00".repeat(32).into()),
            public_url: Some("https://atelier.example/".parse().expect("an address")),
            sign_in: SignInConfig {
                client_id: Some("atelier".to_owned()),
                ..SignInConfig::default()
            },
            ..Config::default()
        }
    }

    #[test]
    fn a_secret_is_not_shown() {
        assert!(!format!("{:?}", hosted()).contains("postgres://"));
    }

    #[test]
    fn a_secret_may_lie_in_a_file() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), "word\n").expect("written");
        let json = format!("\"file:{}\"", file.path().display());
        let secret: Secret = serde_json::from_str(&json).expect("a secret");
        assert_eq!(secret.expose(), "word");
        assert!(serde_json::from_str::<Secret>("\"file:/nowhere\"").is_err());
    }

    #[test]
    fn a_development_server_stays_on_loopback() {
        assert!(Config::default().check().is_ok());
        let everywhere = Config::default().listening_everywhere(80);
        assert!(matches!(
            everywhere.check(),
            Err(ConfigError::Wrong { setting: "listen", .. })
        ));
    }

    #[test]
    fn a_provider_has_a_name_of_its_own_and_an_encrypted_address() {
        let with = |change: fn(&mut SignInConfig)| {
            let mut config = hosted();
            change(&mut config.sign_in);
            matches!(config.check(), Err(ConfigError::Wrong { setting, .. }) if setting.starts_with("sign_in."))
        };
        assert!(with(|sign_in| sign_in.provider = "platform".to_owned()));
        assert!(with(|sign_in| sign_in.provider = "A b".to_owned()));
        assert!(with(
            |sign_in| sign_in.issuer = "http://id.example/".parse().expect("an address")
        ));
        assert!(with(|sign_in| sign_in.client_id = None));
        assert!(!with(|sign_in| sign_in.client_secret = Some("x".to_owned().into())));
    }

    #[test]
    fn a_hosted_server_needs_its_database_key_and_address() {
        assert!(hosted().check().is_ok());
        assert_eq!(hosted().public_url(), "https://atelier.example");
        for (setting, broken) in [
            (
                "database_url",
                Config {
                    database_url: None,
                    ..hosted()
                },
            ),
            (
                "database_url",
                Config {
                    database_url: Some("sqlite:x".to_owned().into()),
                    ..hosted()
                },
            ),
            (
                "signing_key",
                Config {
                    signing_key: None,
                    ..hosted()
                },
            ),
            (
                "public_url",
                Config {
                    public_url: None,
                    ..hosted()
                },
            ),
            (
                "connections_max",
                Config {
                    connections_max: 0,
                    ..hosted()
                },
            ),
        ] {
            assert!(matches!(broken.check(), Err(ConfigError::Wrong { setting: named, .. }) if named == setting));
        }
    }
}
