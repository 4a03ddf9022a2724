//! Signing in: the authorization code flow of OpenID Connect, by discovery, with PKCE, nonce and state.
//!
//! The studio opens a browser at `/sign-in`; the provider sends the browser back here, this server exchanges the code and checks the id
//! token, and sends the browser to the studio's own loopback address with a code that only the studio can exchange (RFC 8252, RFC 7636).
//! People are known by (provider, `sub`) alone; an email is never taken for a person.

use std::sync::Arc;
use std::time::{Duration, Instant};

use atelier_contract::Refusal;
use axum::http;
use openidconnect::core::{
    CoreAuthenticationFlow, CoreClient, CoreGenderClaim, CoreIdToken, CoreIdTokenClaims, CoreJwsSigningAlgorithm,
    CoreProviderMetadata,
};
use openidconnect::{
    AuthorizationCode, ClaimsVerificationError, ClientId, ClientSecret, CsrfToken, EmptyAdditionalClaims,
    EndpointMaybeSet, EndpointNotSet, EndpointSet, HttpRequest, HttpResponse, IdTokenClaims, IssuerUrl, Nonce,
    PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope, SignatureVerificationError, TokenResponse as _,
};
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
const METADATA_VALID: Duration = Duration::from_secs(3600);
/// Sooner than this it is not asked again for a key that it did not name.
const METADATA_FRESH: Duration = Duration::from_secs(60);
/// Algorithms with which an id token may be signed: those with a key of the provider's alone.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 5] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

/// What this process knows of the provider.
#[derive(Debug)]
pub struct SignIn {
    http: reqwest::Client,
    metadata: RwLock<Option<(Instant, Arc<CoreProviderMetadata>)>>,
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
    /// What they would like to be called.
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

type Client =
    CoreClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointMaybeSet, EndpointMaybeSet>;

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
            metadata: RwLock::new(None),
            development: Issuer::default(),
        })
    }

    /// What the provider says about itself, not older than `age_max`.
    async fn metadata(&self, issuer: &Url, age_max: Duration) -> Answer<Arc<CoreProviderMetadata>> {
        if let Some((since, metadata)) = &*self.metadata.read().await
            && since.elapsed() < age_max
        {
            return Ok(metadata.clone());
        }
        let http = self.http.clone();
        let ask = move |request| ask(http.clone(), request);
        // An issuer is a word: with a slash at its end it is another.
        let issuer = IssuerUrl::new(issuer.as_str().trim_end_matches('/').to_owned())
            .map_err(|error| failed("the provider's address", &error))?;
        let mut found = CoreProviderMetadata::discover_async(issuer.clone(), &ask).await;
        if found.is_err() {
            let slashed = IssuerUrl::new(format!("{}/", issuer.as_str())).map_err(|error| failed("issuer", &error))?;
            // What the first spelling met is what the log tells.
            found = CoreProviderMetadata::discover_async(slashed, &ask).await.or(found);
        }
        let found = found.map_err(|error| failed("the provider's description", &error))?;
        let found = Arc::new(found);
        *self.metadata.write().await = Some((Instant::now(), found.clone()));
        Ok(found)
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
    let client = client(app, METADATA_VALID).await?;
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let (address, state, nonce) = client
        .authorize_url(
            CoreAuthenticationFlow::AuthorizationCode,
            || CsrfToken::new_random_len(32),
            || Nonce::new_random_len(32),
        )
        .add_scope(Scope::new("profile".to_owned()))
        .add_scope(Scope::new("email".to_owned()))
        .set_pkce_challenge(challenge)
        .url();
    Ok(Begun {
        address,
        state: state.into_secret(),
        nonce: nonce.secret().clone(),
        verifier: verifier.into_secret(),
    })
}

/// Exchanges the code and checks the id token.
pub(crate) async fn finish(app: &App, code: String, nonce: String, verifier: String) -> Answer<Identity> {
    let answered = client(app, METADATA_VALID).await?;
    let http = app.sign_in.http.clone();
    let ask = move |request| ask(http.clone(), request);
    let tokens = answered
        .exchange_code(AuthorizationCode::new(code))
        .map_err(|error| failed("the provider takes no codes", &error))?
        .set_pkce_verifier(PkceCodeVerifier::new(verifier))
        .request_async(&ask)
        .await
        .map_err(|error| failed("the provider refused the code", &error))?;
    let token = tokens.id_token().ok_or_else(|| refusal("the provider named nobody"))?;
    let nonce = Nonce::new(nonce);
    let claims = match check(&answered, token, &nonce) {
        // Its keys were changed since.
        Err(ClaimsVerificationError::SignatureVerification(SignatureVerificationError::NoMatchingKey)) => {
            check(&client(app, METADATA_FRESH).await?, token, &nonce)
        }
        checked => checked,
    };
    let claims = claims.map_err(|error| failed("the provider's word does not hold", &error))?;
    Ok(identity(&claims))
}

async fn client(app: &App, age_max: Duration) -> Answer<Client> {
    let settings = &app.config.sign_in;
    let base = app.config.public_url();
    let (issuer, id, secret) = match &settings.client_id {
        Some(id) => (settings.issuer.clone(), id.clone(), settings.client_secret.clone()),
        None if app.config.is_hosted() => return Err(refusal("this server has no provider")),
        None => (development::issuer(&base)?, development::CLIENT.to_owned(), None),
    };
    let metadata = app.sign_in.metadata(&issuer, age_max).await?;
    let redirect =
        RedirectUrl::new(format!("{base}/sign-in/callback")).map_err(|error| failed("public_url", &error))?;
    let secret = secret.map(|secret| ClientSecret::new(secret.expose().to_owned()));
    let metadata = CoreProviderMetadata::clone(&metadata);
    Ok(CoreClient::from_provider_metadata(metadata, ClientId::new(id), secret).set_redirect_uri(redirect))
}

fn check(client: &Client, token: &CoreIdToken, nonce: &Nonce) -> Result<CoreIdTokenClaims, ClaimsVerificationError> {
    let verifier = client.id_token_verifier().set_allowed_algs(ALGORITHMS);
    token.claims(&verifier, nonce).cloned()
}

fn identity(claims: &IdTokenClaims<EmptyAdditionalClaims, CoreGenderClaim>) -> Identity {
    let confirmed = claims.email_verified() == Some(true);
    Identity {
        subject: claims.subject().to_string(),
        name: claims.preferred_username().map(|name| name.to_string()),
        verified_email: claims
            .email()
            .filter(|_| confirmed)
            .map(|email| email.to_string())
            .filter(|email| email.chars().count() <= 255),
    }
}

async fn ask(client: reqwest::Client, request: HttpRequest) -> Result<HttpResponse, HttpError> {
    let mut response = client.execute(reqwest::Request::try_from(request)?).await?;
    let mut body = Vec::new();
    while let Some(part) = response.chunk().await? {
        body.extend_from_slice(&part);
        if body.len() > ANSWER_BYTES_MAX {
            return Err(HttpError::TooLong);
        }
    }
    let mut answer = http::Response::builder().status(response.status()).body(body)?;
    *answer.headers_mut() = response.headers().clone();
    Ok(answer)
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
