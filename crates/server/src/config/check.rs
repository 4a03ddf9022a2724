//! Whether settings that are right each by itself go together.

use super::{Config, ConfigError, Mode, Secret};

/// Providers of users that no OpenID provider signs in.
const RESERVED: [&str; 2] = ["platform", "development"];

impl Config {
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SignInConfig;

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
