//! An OpenID provider for development only: it believes whoever says who they are. The same steps as with any other, and nothing is kept.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::{Form, Query, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_SECURITY_POLICY;
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::Utc;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::Digest as _;
use url::Url;

use crate::app::App;
use crate::payments::escaped;
use crate::refused::Answer;
use crate::sign_in::{failed, refusal};
use crate::signer::Signer;

/// The provider's name in `users.provider`.
pub(crate) const PROVIDER: &str = "development";
/// What this server is called at it.
pub(crate) const CLIENT: &str = "atelier";

const PAGE: &str = include_str!("sign_in/who.html");
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'";
const PATH: &str = "/development/issuer";
/// How long a code may be exchanged.
const CODE_VALID: Duration = Duration::from_secs(60);
/// How long an id token is good.
const TOKEN_VALID_S: i64 = 300;
/// Longest name that somebody may say.
const NAME_CHARS_MAX: usize = 50;

/// Its key and the codes that were not exchanged yet.
#[derive(Debug)]
pub struct Issuer {
    signer: Signer,
    codes: Mutex<HashMap<String, Grant>>,
}

#[derive(Debug)]
struct Grant {
    name: String,
    nonce: Option<String>,
    challenge: String,
    redirect: String,
    since: Instant,
}

impl Default for Issuer {
    fn default() -> Self {
        Self {
            signer: Signer::new(&rand::random()),
            codes: Mutex::default(),
        }
    }
}

/// Its address on the server at `base`.
pub(crate) fn issuer(base: &str) -> Answer<Url> {
    format!("{base}{PATH}")
        .parse()
        .map_err(|error| failed("public_url", &error))
}

/// Its routes. Not merged on a hosted server.
pub(crate) fn router() -> Router<App> {
    Router::new()
        .route(&format!("{PATH}/.well-known/openid-configuration"), get(describe))
        .route(&format!("{PATH}/keys"), get(keys))
        .route(&format!("{PATH}/authorize"), get(authorize))
        .route(&format!("{PATH}/token"), post(token))
}

async fn describe(State(app): State<App>) -> Json<Value> {
    let issuer = format!("{}{PATH}", app.config.public_url());
    Json(json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "jwks_uri": format!("{issuer}/keys"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["EdDSA"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["none"],
    }))
}

async fn keys(State(app): State<App>) -> Json<Value> {
    let public = app.sign_in.development.signer.public();
    Json(json!({ "keys": [{
        "kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": "development",
        "x": URL_SAFE_NO_PAD.encode(public.as_bytes()),
    }] }))
}

#[derive(Deserialize)]
struct Asked {
    client_id: String,
    redirect_uri: String,
    state: String,
    nonce: Option<String>,
    code_challenge: String,
    code_challenge_method: String,
    /// Who one says one is; asked for when absent.
    login_hint: Option<String>,
}

async fn authorize(State(app): State<App>, Query(asked): Query<Asked>) -> Answer<Response> {
    let redirect = format!("{}/sign-in/callback", app.config.public_url());
    if asked.client_id != CLIENT || asked.redirect_uri != redirect || asked.code_challenge_method != "S256" {
        return Err(refusal("this is not how this server asks"));
    }
    let name = asked.login_hint.as_deref().unwrap_or_default().trim();
    if name.is_empty() || name.chars().count() > NAME_CHARS_MAX {
        return Ok(ask_who(&asked));
    }
    let code = URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>());
    let grant = Grant {
        name: name.to_owned(),
        nonce: asked.nonce,
        challenge: asked.code_challenge,
        redirect: asked.redirect_uri,
        since: Instant::now(),
    };
    let mut codes = app
        .sign_in
        .development
        .codes
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    codes.retain(|_, grant| grant.since.elapsed() < CODE_VALID);
    codes.insert(code.clone(), grant);
    drop(codes);
    let mut back: Url = redirect.parse().map_err(|error| failed("public_url", &error))?;
    back.query_pairs_mut()
        .append_pair("code", &code)
        .append_pair("state", &asked.state);
    Ok(Redirect::to(back.as_str()).into_response())
}

fn ask_who(asked: &Asked) -> Response {
    let hidden: String = [
        ("client_id", asked.client_id.as_str()),
        ("redirect_uri", &asked.redirect_uri),
        ("state", &asked.state),
        ("nonce", asked.nonce.as_deref().unwrap_or_default()),
        ("code_challenge", &asked.code_challenge),
        ("code_challenge_method", &asked.code_challenge_method),
    ]
    .map(|(name, value)| format!("<input type=\"hidden\" name=\"{name}\" value=\"{}\">", escaped(value)))
    .concat();
    (
        [(CONTENT_SECURITY_POLICY, POLICY)],
        Html(PAGE.replace("{hidden}", &hidden)),
    )
        .into_response()
}

#[derive(Deserialize)]
struct Exchange {
    grant_type: String,
    code: String,
    redirect_uri: String,
    code_verifier: String,
}

async fn token(State(app): State<App>, Form(exchange): Form<Exchange>) -> Response {
    let issuer = &app.sign_in.development;
    let grant = issuer
        .codes
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .remove(&exchange.code);
    let challenge = URL_SAFE_NO_PAD.encode(sha2::Sha256::digest(exchange.code_verifier.as_bytes()));
    let good = grant.filter(|grant| {
        exchange.grant_type == "authorization_code"
            && grant.since.elapsed() < CODE_VALID
            && grant.redirect == exchange.redirect_uri
            && grant.challenge == challenge
    });
    let Some(grant) = good else {
        return (StatusCode::BAD_REQUEST, Json(json!({ "error": "invalid_grant" }))).into_response();
    };
    let now = Utc::now().timestamp();
    let claims = json!({
        "iss": format!("{}{PATH}", app.config.public_url()),
        "aud": CLIENT, "sub": grant.name, "preferred_username": grant.name, "nonce": grant.nonce,
        "email": format!("{}@development.invalid", grant.name.replace(' ', ".")), "email_verified": true,
        "iat": now, "exp": now + TOKEN_VALID_S,
    });
    Json(json!({
        "access_token": URL_SAFE_NO_PAD.encode(rand::random::<[u8; 16]>()),
        "token_type": "Bearer",
        "expires_in": TOKEN_VALID_S,
        "id_token": signed(&issuer.signer, &claims),
    }))
    .into_response()
}

/// A JWT (RFC 7519) signed with EdDSA (RFC 8037).
fn signed(signer: &Signer, claims: &Value) -> String {
    let header = json!({ "alg": "EdDSA", "kid": "development", "typ": "JWT" });
    let text = [&header, claims]
        .map(|part| URL_SAFE_NO_PAD.encode(part.to_string()))
        .join(".");
    let signature = URL_SAFE_NO_PAD.encode(signer.sign(text.as_bytes()));
    format!("{text}.{signature}")
}
