//! Who calls: an access token that this server signed, a session that is open, and a user who is there and active.

use atelier_contract::{Refusal, Role, SealKey, SessionId, UserId};
use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use chrono::{DateTime, Utc};
use jsonwebtoken::{Algorithm, Header, Validation};
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::refused::Answer;
use crate::signer::Signer;

/// The key of a device: X25519, so that things can be sealed to it.
pub type DeviceKey = SealKey;

/// What an access token says: a JSON Web Token (RFC 7519), signed with HMAC and SHA-256 since only servers read it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AccessClaims {
    /// Who.
    #[serde(rename = "sub")]
    pub user: UserId,
    /// In which session.
    #[serde(rename = "sid")]
    pub session: SessionId,
    /// On which device.
    #[serde(rename = "device", skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceKey>,
    /// Until when.
    #[serde(rename = "exp", with = "chrono::serde::ts_seconds")]
    pub expires_at: DateTime<Utc>,
}

impl AccessClaims {
    /// As a bearer token.
    ///
    /// # Errors
    /// When the claims cannot be written as JSON.
    pub fn sign(&self, signer: &Signer) -> Result<String, jsonwebtoken::errors::Error> {
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), self, &signer.access.0)
    }

    fn read(token: &str, signer: &Signer) -> Option<Self> {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.leeway = 0;
        let token = jsonwebtoken::decode(token, &signer.access.1, &validation).ok()?;
        Some(token.claims)
    }
}

/// Somebody who is signed in and active.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Who.
    pub user: UserId,
    /// Whether they make styles.
    pub is_artist: bool,
    /// In which session.
    pub session: SessionId,
    /// On which device.
    pub device: Option<DeviceKey>,
    /// Until when the access token is good.
    pub until: DateTime<Utc>,
}

/// Somebody, or nobody.
#[derive(Debug, Clone)]
pub struct MaybeCaller(pub Option<Caller>);

/// Somebody who makes styles.
#[derive(Debug, Clone)]
pub struct ArtistCaller(pub Caller);

impl FromRequestParts<App> for Caller {
    type Rejection = crate::refused::Refused;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Answer<Self> {
        let token = parts
            .headers
            .get(AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.strip_prefix("Bearer "));
        let claims = token
            .and_then(|token| AccessClaims::read(token, &app.signer))
            .ok_or(Refusal::NotSignedIn {})?;
        // Before the database is asked: it is what has to be spared.
        app.gate.signed_in(&claims)?;
        let user = sqlx::query!(
            r#"SELECT role, is_active,
                      EXISTS (SELECT FROM sessions WHERE id = $2 AND user_id = users.id AND ended_at IS NULL) AS "open!"
                 FROM users
                WHERE id = $1"#,
            claims.user.get(),
            claims.session.get(),
        )
        .fetch_optional(&app.pool)
        .await?
        .ok_or(Refusal::NotSignedIn {})?;
        if user.is_active && !user.open {
            return Err(Refusal::NotSignedIn {}.into());
        }
        if !user.is_active {
            return Err(Refusal::AccountInactive {}.into());
        }
        Ok(Self {
            user: claims.user,
            is_artist: user.role == Role::Artist.as_str(),
            session: claims.session,
            device: claims.device,
            until: claims.expires_at,
        })
    }
}

impl FromRequestParts<App> for MaybeCaller {
    type Rejection = crate::refused::Refused;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Answer<Self> {
        if !parts.headers.contains_key(AUTHORIZATION) {
            return Ok(Self(None));
        }
        Caller::from_request_parts(parts, app)
            .await
            .map(|caller| Self(Some(caller)))
    }
}

impl FromRequestParts<App> for ArtistCaller {
    type Rejection = crate::refused::Refused;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Answer<Self> {
        let caller = Caller::from_request_parts(parts, app).await?;
        if !caller.is_artist {
            return Err(Refusal::ArtistOnly {}.into());
        }
        Ok(Self(caller))
    }
}
