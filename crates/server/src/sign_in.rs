//! Signing in: the authorization code flow of OpenID Connect, by discovery, with PKCE, nonce and state.
//!
//! The studio opens a browser at `/sign-in`; the provider sends the browser back here, this server exchanges the code and checks the id
//! token, and sends the browser to the studio's own loopback address with a code that only the studio can exchange (RFC 8252, RFC 7636).
//! People are known by (provider, `sub`) alone; an email is never taken for a person.

mod id_token;

use std::sync::Arc;
use std::time::{Duration, Instant};

use atelier_contract::Refusal;
use axum::http;
use id_token::{Expected, IdTokenError};
use jsonwebtoken::jwk::{Jwk, JwkSet};
use oauth2::basic::{
    BasicErrorResponse, BasicRevocationErrorResponse, BasicTokenIntrospectionResponse, BasicTokenType,
};
use oauth2::{
    AuthUrl, AuthorizationCode, ClientId, ClientSecret, CsrfToken, EndpointNotSet, EndpointSet, ExtraTokenFields,
    HttpRequest, HttpResponse, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope, StandardRevocableToken,
    StandardTokenResponse, TokenUrl,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::sync::RwLock;
use url::Url;

use crate::app::App;
use crate::local::sign_in::{self as development, Issuer};
use crate::refused::{Answer, Refused};

/// Longest wait for an answer of the provider.
const ANSWER: Duration = Duration::from_secs(10);
/// Largest answer of the provider.
const ANSWER_BYTES_MAX: usize = 1 << 20;
/// How long what the provider says about itself is good.
const PROVIDER_VALID: Duration = Duration::from_secs(3600);
/// Sooner than this it is not asked again for a key that it did not name.
const PROVIDER_FRESH: Duration = Duration::from_secs(60);

/// What this process knows of the provider.
#[derive(Debug)]
pub struct SignIn {
    http: reqwest::Client,
    provider: RwLock<Option<(Instant, Arc<Provider>)>>,
    /// Signs in whoever says who they are; nobody reaches it on a hosted server.
    pub(crate) development: Issuer,
}

/// A sign-in that begins.
pub(crate) struct Begun {
    /// Where the browser goes.
    pub(crate) address: Url,
    /// What the provider gives back.
    pub(crate) state: String,
    /// What the id token has to name.
    pub(crate) nonce: String,
    /// What the code is exchanged with.
    pub(crate) verifier: String,
}

/// Whom the provider names.
pub(crate) struct Identity {
    /// Who of the provider's users.
    pub(crate) subject: String,
    /// What they would like to be called, or are.
    pub(crate) name: Option<String>,
    /// Their email, if the provider confirmed it.
    pub(crate) verified_email: Option<String>,
}

/// Why the provider did not answer.
#[derive(Debug, thiserror::Error)]
enum HttpError {
    #[error("the provider is away")]
    Away(#[from] reqwest::Error),
    #[error("the provider's answer is too long")]
    TooLong,
    #[error("not an answer")]
    Form(#[from] http::Error),
}

/// Why what the provider says about itself is not known.
#[derive(Debug, thiserror::Error)]
enum DiscoveryError {
    #[error(transparent)]
    Http(#[from] HttpError),
    #[error("the provider answered {0}")]
    Status(http::StatusCode),
    #[error("the provider's answer cannot be read")]
    Form(#[from] serde_json::Error),
    #[error("it says that it is {0}")]
    AnotherIssuer(String),
}

/// What a provider says about itself: OpenID Connect Discovery 1.0, section 3.
#[derive(Debug, Deserialize)]
struct Description {
    issuer: String,
    authorization_endpoint: AuthUrl,
    token_endpoint: TokenUrl,
    jwks_uri: Url,
}

/// That, and its keys.
#[derive(Debug)]
struct Provider {
    description: Description,
    keys: Vec<Jwk>,
}

/// What OpenID Connect adds to the answer of OAuth 2.0.
#[derive(Debug, Serialize, Deserialize)]
struct IdToken {
    id_token: Option<String>,
}

impl ExtraTokenFields for IdToken {}

type Client = oauth2::Client<
    BasicErrorResponse,
    StandardTokenResponse<IdToken, BasicTokenType>,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    BasicRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointSet,
>;

impl SignIn {
    /// Asks nobody yet.
    ///
    /// # Errors
    /// When the system lacks what encrypted connections need.
    pub fn new() -> reqwest::Result<Self> {
        let http = reqwest::Client::builder()
            .timeout(ANSWER)
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(Self {
            http,
            provider: RwLock::new(None),
            development: Issuer::default(),
        })
    }

    /// What the provider says about itself, not older than `age_max`.
    async fn provider(&self, issuer: &Url, age_max: Duration) -> Answer<Arc<Provider>> {
        if let Some((since, provider)) = &*self.provider.read().await
            && since.elapsed() < age_max
        {
            return Ok(provider.clone());
        }
        let provider = Arc::new(self.discover(issuer.as_str().trim_end_matches('/')).await?);
        *self.provider.write().await = Some((Instant::now(), provider.clone()));
        Ok(provider)
    }

    async fn discover(&self, issuer: &str) -> Answer<Provider> {
        const STEP: &str = "the provider's description";
        let description: Description = self
            .get(&format!("{issuer}/.well-known/openid-configuration"))
            .await
            .map_err(|error| failed(STEP, &error))?;
        // An issuer is a word: whether there is a slash at its end is for the provider to say.
        if description.issuer.strip_suffix('/').unwrap_or(&description.issuer) != issuer {
            return Err(failed(STEP, &DiscoveryError::AnotherIssuer(description.issuer)));
        }
        let keys: JwkSet = self
            .get(description.jwks_uri.as_str())
            .await
            .map_err(|error| failed("the provider's keys", &error))?;
        Ok(Provider {
            description,
            keys: keys.keys,
        })
    }

    async fn get<T: DeserializeOwned>(&self, address: &str) -> Result<T, DiscoveryError> {
        let response = self.http.get(address).send().await.map_err(HttpError::Away)?;
        let status = response.status();
        if status != http::StatusCode::OK {
            return Err(DiscoveryError::Status(status));
        }
        Ok(serde_json::from_slice(&body(response).await?)?)
    }
}

/// The name under which users of the provider are kept.
pub(crate) fn provider(app: &App) -> &str {
    match app.config.sign_in.client_id {
        Some(_) => &app.config.sign_in.provider,
        None => development::PROVIDER,
    }
}

/// Makes what the browser is sent away with.
pub(crate) async fn begin(app: &App) -> Answer<Begun> {
    let known = known(app)?;
    let provider = app.sign_in.provider(&known.issuer, PROVIDER_VALID).await?;
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let nonce = CsrfToken::new_random_len(32).into_secret();
    let (address, state) = client(app, &known, &provider)?
        .authorize_url(|| CsrfToken::new_random_len(32))
        .add_scopes(["openid", "profile", "email"].map(|scope| Scope::new(scope.to_owned())))
        .add_extra_param("nonce", &nonce)
        .set_pkce_challenge(challenge)
        .url();
    Ok(Begun {
        address,
        state: state.into_secret(),
        nonce,
        verifier: verifier.into_secret(),
    })
}

/// Exchanges the code and checks the id token.
pub(crate) async fn finish(app: &App, code: String, nonce: String, verifier: String) -> Answer<Identity> {
    let known = known(app)?;
    let provider = app.sign_in.provider(&known.issuer, PROVIDER_VALID).await?;
    let http = app.sign_in.http.clone();
    let tokens = client(app, &known, &provider)?
        .exchange_code(AuthorizationCode::new(code))
        .set_pkce_verifier(PkceCodeVerifier::new(verifier))
        .request_async(&move |request| ask(http.clone(), request))
        .await
        .map_err(|error| failed("the provider refused the code", &error))?;
    let token = tokens.extra_fields().id_token.as_deref();
    let token = token.ok_or_else(|| refusal("the provider named nobody"))?;
    let check = |provider: &Provider| {
        let expected = Expected {
            issuer: &provider.description.issuer,
            client: &known.client,
            nonce: &nonce,
        };
        id_token::check(token, &provider.keys, &expected)
    };
    let identity = match check(&provider) {
        // Its keys were changed since.
        Err(IdTokenError::KeyUnknown(_)) => check(&*app.sign_in.provider(&known.issuer, PROVIDER_FRESH).await?),
        checked => checked,
    };
    identity.map_err(|error| failed("the provider's word does not hold", &error))
}

/// The provider as the settings name it, and what this server is called there.
struct Known {
    issuer: Url,
    client: String,
    secret: Option<ClientSecret>,
}

fn known(app: &App) -> Answer<Known> {
    let settings = &app.config.sign_in;
    match &settings.client_id {
        Some(client) => Ok(Known {
            issuer: settings.issuer.clone(),
            client: client.clone(),
            secret: settings
                .client_secret
                .as_ref()
                .map(|secret| ClientSecret::new(secret.expose().to_owned())),
        }),
        None if app.config.is_hosted() => Err(refusal("this server has no provider")),
        None => Ok(Known {
            issuer: development::issuer(&app.config.public_url())?,
            client: development::CLIENT.to_owned(),
            secret: None,
        }),
    }
}

fn client(app: &App, known: &Known, provider: &Provider) -> Answer<Client> {
    let redirect = RedirectUrl::new(format!("{}/sign-in/callback", app.config.public_url()))
        .map_err(|error| failed("public_url", &error))?;
    let client = oauth2::Client::new(ClientId::new(known.client.clone()))
        .set_auth_uri(provider.description.authorization_endpoint.clone())
        .set_token_uri(provider.description.token_endpoint.clone())
        .set_redirect_uri(redirect);
    Ok(match &known.secret {
        Some(secret) => client.set_client_secret(secret.clone()),
        None => client,
    })
}

async fn ask(client: reqwest::Client, request: HttpRequest) -> Result<HttpResponse, HttpError> {
    let response = client.execute(reqwest::Request::try_from(request)?).await?;
    let mut answer = http::Response::builder().status(response.status()).body(Vec::new())?;
    *answer.headers_mut() = response.headers().clone();
    *answer.body_mut() = body(response).await?;
    Ok(answer)
}

async fn body(mut response: reqwest::Response) -> Result<Vec<u8>, HttpError> {
    let mut body = Vec::new();
    while let Some(part) = response.chunk().await? {
        body.extend_from_slice(&part);
        if body.len() > ANSWER_BYTES_MAX {
            return Err(HttpError::TooLong);
        }
    }
    Ok(body)
}

/// What went wrong is for the log; a person is told which step.
pub(crate) fn failed(step: &'static str, error: &dyn std::error::Error) -> Refused {
    let cause = error.source().map(ToString::to_string);
    tracing::warn!(%error, cause, step, "a sign-in failed");
    refusal(step)
}

/// A sign-in that does not happen.
pub(crate) fn refusal(reason: &str) -> Refused {
    Refusal::SignInFailed {
        reason: reason.to_owned(),
    }
    .into()
}
