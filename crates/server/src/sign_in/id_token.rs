//! What an id token has to hold before anybody is taken for whom it names: OpenID Connect Core 1.0, section 3.1.3.7.

use jsonwebtoken::jwk::{Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation};
use serde::Deserialize;

use super::Identity;

/// Algorithms with which an id token may be signed: those with a key of the provider's alone.
const ALGORITHMS: [Algorithm; 6] = [
    Algorithm::RS256,
    Algorithm::PS256,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
    Algorithm::RS512,
];
/// Longest email that is kept: the width of its column.
const EMAIL_CHARS_MAX: usize = 255;

/// Why nobody is believed.
#[derive(Debug, thiserror::Error)]
pub(super) enum IdTokenError {
    #[error("the id token does not hold")]
    Invalid(#[from] jsonwebtoken::errors::Error),
    #[error("the id token is signed with {0:?}, which others than the provider could have used")]
    Algorithm(Algorithm),
    #[error("the provider names no key {0:?}")]
    KeyUnknown(Option<String>),
    #[error("the id token is for others as well")]
    ForOthers,
    #[error("the id token answers another sign-in")]
    Nonce,
}

/// The one that is to be convinced.
pub(super) struct Expected<'a> {
    /// As the provider calls itself. Of Google's two spellings either will do.
    pub(super) issuer: &'a str,
    /// Whom the token has to be for.
    pub(super) client: &'a str,
    /// What was sent with the browser.
    pub(super) nonce: &'a str,
}

#[derive(Debug, Deserialize)]
struct Claims {
    sub: String,
    aud: Audience,
    nonce: Option<String>,
    preferred_username: Option<String>,
    name: Option<String>,
    email: Option<String>,
    /// A boolean by the standard; what is none proves nothing.
    email_verified: Option<serde_json::Value>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

/// Whom the token names.
///
/// # Errors
/// [`IdTokenError`]; `KeyUnknown` when the provider may have changed its keys since `keys` were asked for.
pub(super) fn check(token: &str, keys: &[Jwk], expected: &Expected<'_>) -> Result<Identity, IdTokenError> {
    let header = jsonwebtoken::decode_header(token)?;
    if !ALGORITHMS.contains(&header.alg) {
        return Err(IdTokenError::Algorithm(header.alg));
    }
    let key = key(keys, &header).ok_or_else(|| IdTokenError::KeyUnknown(header.kid.clone()))?;
    let mut validation = Validation::new(header.alg);
    validation.set_required_spec_claims(&["iss", "sub", "aud", "exp"]);
    validation.set_issuer(&spellings(expected.issuer));
    validation.set_audience(&[expected.client]);
    let claims: Claims = jsonwebtoken::decode(token, &DecodingKey::from_jwk(key)?, &validation)?.claims;
    let ours_alone = match &claims.aud {
        Audience::One(client) => client == expected.client,
        Audience::Many(clients) => clients.iter().all(|client| client == expected.client),
    };
    if !ours_alone {
        return Err(IdTokenError::ForOthers);
    }
    if claims.nonce.as_deref() != Some(expected.nonce) {
        return Err(IdTokenError::Nonce);
    }
    Ok(claims.identity())
}

impl Claims {
    fn identity(self) -> Identity {
        let confirmed = self.email_verified == Some(serde_json::Value::Bool(true));
        Identity {
            subject: self.sub,
            name: self.preferred_username.or(self.name),
            verified_email: self
                .email
                .filter(|email| confirmed && email.chars().count() <= EMAIL_CHARS_MAX),
        }
    }
}

/// The key that signed, of those that sign. A token that names none was signed by the only one.
fn key<'a>(keys: &'a [Jwk], header: &Header) -> Option<&'a Jwk> {
    let mut fitting = keys.iter().filter(|key| {
        let signs = !matches!(key.common.public_key_use, Some(PublicKeyUse::Encryption));
        signs && (header.kid.is_none() || key.common.key_id == header.kid)
    });
    let first = fitting.next()?;
    (header.kid.is_some() || fitting.next().is_none()).then_some(first)
}

/// Google's tokens name it with and without `https://`, as its documents say.
fn spellings(issuer: &str) -> Vec<&str> {
    match issuer {
        "https://accounts.google.com" => vec![issuer, "accounts.google.com"],
        _ => vec![issuer],
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use ed25519_dalek::SigningKey;
    use ed25519_dalek::pkcs8::EncodePrivateKey as _;
    use jsonwebtoken::EncodingKey;
    use serde_json::{Value, json};

    use super::*;

    const GOOGLE: Expected<'static> = Expected {
        issuer: "https://accounts.google.com",
        client: "atelier",
        nonce: "once",
    };

    fn secret() -> SigningKey {
        SigningKey::from_bytes(&[7; 32])
    }

    fn public(id: &str) -> Jwk {
        let x = URL_SAFE_NO_PAD.encode(secret().verifying_key().as_bytes());
        let key = json!({ "kty": "OKP", "crv": "Ed25519", "use": "sig", "kid": id, "x": x });
        serde_json::from_value(key).expect("a key")
    }

    /// Good claims, but for what `change` says.
    fn token(change: Value) -> String {
        let now = chrono::Utc::now().timestamp();
        let mut claims = json!({
            "iss": "https://accounts.google.com", "sub": "1077", "aud": "atelier", "nonce": "once",
            "iat": now, "exp": now + 300, "name": "Ada", "email": "ada@example.org", "email_verified": true,
        });
        for (name, value) in change.as_object().expect("an object") {
            claims[name] = value.clone();
        }
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some("one".to_owned());
        let der = secret().to_pkcs8_der().expect("a key");
        jsonwebtoken::encode(&header, &claims, &EncodingKey::from_ed_der(der.as_bytes())).expect("signed")
    }

    fn come(change: Value, expected: &Expected<'_>) -> Result<Identity, IdTokenError> {
        check(&token(change), &[public("other"), public("one")], expected)
    }

    #[test]
    fn google_names_itself_in_two_ways_and_nobody_else_does() {
        for issuer in ["https://accounts.google.com", "accounts.google.com"] {
            let ada = come(json!({ "iss": issuer }), &GOOGLE).expect("believed");
            assert_eq!((ada.subject.as_str(), ada.name.as_deref()), ("1077", Some("Ada")));
        }
        let elsewhere = Expected {
            issuer: "https://id.example",
            ..GOOGLE
        };
        come(json!({ "iss": "https://id.example" }), &elsewhere).expect("believed");
        for issuer in ["id.example", "https://id.example/", "https://accounts.google.com", ""] {
            assert!(come(json!({ "iss": issuer }), &elsewhere).is_err(), "{issuer}");
        }
        assert!(come(json!({ "iss": "http://accounts.google.com" }), &GOOGLE).is_err());
    }

    #[test]
    fn a_token_for_others_of_another_time_or_sign_in_is_not_believed() {
        come(json!({ "aud": ["atelier"] }), &GOOGLE).expect("ours alone");
        let now = chrono::Utc::now().timestamp();
        for change in [
            json!({ "aud": "another" }),
            json!({ "aud": ["atelier", "another"] }),
            json!({ "aud": null }),
            json!({ "nonce": "another" }),
            json!({ "nonce": null }),
            json!({ "exp": now - 300 }),
            json!({ "exp": null }),
            json!({ "iss": null }),
            json!({ "sub": null }),
        ] {
            assert!(come(change.clone(), &GOOGLE).is_err(), "{change}");
        }
    }

    #[test]
    fn a_signature_is_the_providers_alone() {
        let good = token(json!({}));
        let keys = [public("one")];
        check(&good, &keys, &GOOGLE).expect("believed");
        assert!(matches!(check(&good, &[], &GOOGLE), Err(IdTokenError::KeyUnknown(_))));
        assert!(matches!(
            check(&good, &[public("two")], &GOOGLE),
            Err(IdTokenError::KeyUnknown(_))
        ));
        // Whoever knows the public key could have made this one.
        let claims = good.split('.').nth(1).expect("claims");
        let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).expect("Base64")).expect("JSON");
        let secret = EncodingKey::from_secret(secret().verifying_key().as_bytes());
        let forged = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &secret).expect("signed");
        assert!(matches!(
            check(&forged, &keys, &GOOGLE),
            Err(IdTokenError::Algorithm(Algorithm::HS256))
        ));
        // Other claims under the same signature, and none at all.
        let (head, rest) = good.split_once('.').expect("three parts");
        let signature = rest.split_once('.').expect("three parts").1;
        let other = URL_SAFE_NO_PAD.encode(json!({ "sub": "1", "aud": "atelier", "nonce": "once" }).to_string());
        assert!(check(&format!("{head}.{other}.{signature}"), &keys, &GOOGLE).is_err());
        let none = URL_SAFE_NO_PAD.encode(json!({ "alg": "none" }).to_string());
        assert!(check(&format!("{none}.{other}."), &keys, &GOOGLE).is_err());
    }

    #[test]
    fn an_email_counts_when_the_provider_says_that_it_is_theirs() {
        let email = |change| come(change, &GOOGLE).expect("believed").verified_email;
        assert_eq!(email(json!({})).as_deref(), Some("ada@example.org"));
        for unproven in [json!(false), json!("true"), json!(null)] {
            assert_eq!(email(json!({ "email_verified": unproven })), None);
        }
        assert_eq!(email(json!({ "email": "a".repeat(EMAIL_CHARS_MAX + 1) })), None);
    }
}
