//! Whether settings that are right each by itself go together.

use atelier_contract::OpeningKey;

use super::{Config, ConfigError, Mode, Secret};

/// Providers of users that no OpenID provider signs in.
const RESERVED: [&str; 2] = ["platform", "development"];

impl Config {
    /// Looks whether the settings go together.
    ///
    /// # Errors
    /// [`ConfigError::Wrong`].
    pub fn check(&self) -> Result<(), ConfigError> {
        self.check_database()?;
        self.check_amounts()?;
        self.check_pairs()?;
        self.check_sign_in()?;
        let key = |key: &Secret| OpeningKey::try_from(key.expose().to_owned()).is_ok();
        need(
            self.signing_key.as_ref().is_none_or(key),
            "signing_key",
            "64 hexadecimal digits are wanted: openssl rand -hex 32",
        )?;
        match self.mode {
            Mode::Development => need(
                self.listen.ip().is_loopback(),
                "listen",
                "a development server signs in anybody, so it listens on loopback only; set mode = \"hosted\"",
            ),
            Mode::Hosted => self.check_hosted(),
        }
    }

    fn check_database(&self) -> Result<(), ConfigError> {
        for (setting, url) in [("database_url", &self.database_url), ("reads_url", &self.reads_url)] {
            let postgres =
                |url: &Secret| url.expose().starts_with("postgres://") || url.expose().starts_with("postgresql://");
            need(
                url.as_ref().is_none_or(postgres),
                setting,
                "is not the address of a Postgres: postgres://user:password@host/database",
            )?;
        }
        Ok(())
    }

    /// With none of these nobody would be let in, or nothing ever be done in time.
    fn check_amounts(&self) -> Result<(), ConfigError> {
        let limits = &self.limits;
        for (setting, is_there) in [
            ("connections_max", self.connections_max > 0),
            ("statement_ms_max", self.statement_ms_max > 0),
            ("limits.body_bytes_max", limits.body_bytes_max > 0),
            ("limits.request_s_max", limits.request_s_max > 0),
            ("limits.body_idle_s_max", limits.body_idle_s_max > 0),
            ("limits.requests_max", limits.requests_max > 0),
            ("limits.requests_per_address_max", limits.requests_per_address_max > 0),
            ("limits.uploads_max", limits.uploads_max > 0),
            ("limits.uploads_per_user_max", limits.uploads_per_user_max > 0),
            ("limits.upload_idle_s_max", limits.upload_idle_s_max > 0),
            ("limits.streams_max", limits.streams_max > 0),
            ("limits.streams_per_user_max", limits.streams_per_user_max > 0),
            ("limits.sockets_max", limits.sockets_max > 0),
            ("limits.head_s_max", limits.head_s_max > 0),
        ] {
            need(is_there, setting, "at least 1 is needed")?;
        }
        Ok(())
    }

    fn check_pairs(&self) -> Result<(), ConfigError> {
        let objects = &self.objects;
        need(
            objects.bucket.is_some() || (objects.endpoint.is_none() && objects.access_key_id.is_none()),
            "objects.bucket",
            "is missing, but other settings of a bucket are there",
        )?;
        need(
            objects.access_key_id.is_some() == objects.secret_access_key.is_some(),
            "objects.secret_access_key",
            "goes together with objects.access_key_id: both or neither",
        )?;
        need(
            self.payments.client_key.is_some() == self.payments.secret_key.is_some(),
            "payments.secret_key",
            "goes together with payments.client_key: both or neither",
        )
    }

    fn check_sign_in(&self) -> Result<(), ConfigError> {
        let sign_in = &self.sign_in;
        need(
            sign_in.client_secret.is_none() || sign_in.client_id.is_some(),
            "sign_in.client_id",
            "is missing, but its secret is there",
        )?;
        let provider = sign_in.provider.as_str();
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        need(
            (1..=30).contains(&provider.len()) && provider.chars().all(plain) && !RESERVED.contains(&provider),
            "sign_in.provider",
            "1 to 30 of a-z, 0-9 and -, and neither `platform` nor `development`",
        )
    }

    fn check_hosted(&self) -> Result<(), ConfigError> {
        let https = "a hosted server needs an https:// address";
        need(self.sign_in.issuer.scheme() == "https", "sign_in.issuer", https)?;
        need(self.payments.url.scheme() == "https", "payments.url", https)?;
        need(self.database_url.is_some(), "database_url", "a hosted server needs one")?;
        need(
            self.signing_key.is_some(),
            "signing_key",
            "a hosted server needs one, the same in all its processes: openssl rand -hex 32",
        )?;
        need(
            self.public_url.as_ref().is_some_and(|url| url.scheme() == "https"),
            "public_url",
            "a hosted server needs the https:// address under which it is reached",
        )?;
        need(
            self.sign_in.client_id.is_some(),
            "sign_in.client_id",
            "a hosted server needs one: nobody could sign in",
        )?;
        need(
            self.limits.trusted_proxies.is_some(),
            "limits.trusted_proxies",
            "a hosted server needs the number of proxies before it, 0 if there is none: else all who come through one are counted as one",
        )
    }
}

fn need(holds: bool, setting: &'static str, problem: &'static str) -> Result<(), ConfigError> {
    if holds {
        Ok(())
    } else {
        Err(ConfigError::Wrong { setting, problem })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Limits, SignInConfig};

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
            limits: Limits {
                trusted_proxies: Some(1),
                ..Limits::default()
            },
            ..Config::default()
        }
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
    fn a_hosted_server_needs_its_database_key_address_and_proxies() {
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
                "signing_key",
                Config {
                    signing_key: Some("0123".to_owned().into()),
                    ..hosted()
                },
            ),
            (
                "limits.trusted_proxies",
                Config {
                    limits: Limits::default(),
                    ..hosted()
                },
            ),
        ] {
            assert!(matches!(broken.check(), Err(ConfigError::Wrong { setting: named, .. }) if named == setting));
        }
    }
    #[test]
    fn what_would_let_nobody_in_is_said_before_anybody_comes() {
        let named = |change: fn(&mut Config)| {
            let mut config = Config::default();
            change(&mut config);
            match config.check() {
                Err(ConfigError::Wrong { setting, .. }) => setting,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(named(|config| config.connections_max = 0), "connections_max");
        assert_eq!(named(|config| config.statement_ms_max = 0), "statement_ms_max");
        assert_eq!(named(|config| config.limits.requests_max = 0), "limits.requests_max");
        assert_eq!(named(|config| config.limits.request_s_max = 0), "limits.request_s_max");
        assert_eq!(named(|config| config.limits.sockets_max = 0), "limits.sockets_max");
    }
}
