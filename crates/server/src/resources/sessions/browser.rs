//! The browser's way: from the studio to the provider, back here, and on to the studio's own address.

use std::net::Ipv4Addr;

use atelier_contract::Refusal;
use axum::extract::{Query, State};
use axum::http::header::LOCATION;
use axum::http::{HeaderName, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{Duration, Utc};
use serde::Deserialize;
use url::{Host, Url};
use utoipa::IntoParams;

use super::people;
use crate::app::App;
use crate::refused::Answer;
use crate::sessions::{fresh_word, hashed};
use crate::sign_in::{self, refusal};

/// How long somebody may take to sign in at the provider.
const ATTEMPT_VALID: Duration = Duration::minutes(10);
/// How long a studio may take to exchange its code.
const CODE_VALID: Duration = Duration::minutes(2);
/// Longest state or redirect of a studio.
const WORD_CHARS_MAX: usize = 512;

/// Who asks for a sign-in.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Begin {
    /// Where the studio listens: `http://127.0.0.1:<port>/…`.
    #[param(max_length = 512)]
    redirect: String,
    /// Unpadded base64url of the SHA-256 of the studio's verifier (RFC 7636, S256).
    #[param(min_length = 43, max_length = 43, pattern = "^[A-Za-z0-9_-]{43}$")]
    challenge: String,
    /// Comes back to the studio as it is.
    #[param(max_length = 512)]
    state: String,
}

/// A redirect that browsers follow by GET.
type Elsewhere = (StatusCode, [(HeaderName, String); 1]);

fn elsewhere(address: &Url) -> Elsewhere {
    (StatusCode::SEE_OTHER, [(LOCATION, address.to_string())])
}

/// Sends the browser to the provider. Opened by the studio in the system's browser.
#[utoipa::path(get, path = "/sign-in", tag = "sessions", security(()), params(Begin),
    responses((status = 303, description = "To the provider.")))]
pub(crate) async fn begin(State(app): State<App>, Query(asked): Query<Begin>) -> Answer<Elsewhere> {
    let redirect = loopback(&asked.redirect).ok_or_else(|| invalid("`redirect` is not http://127.0.0.1:<port>/…"))?;
    let challenge = URL_SAFE_NO_PAD
        .decode(&asked.challenge)
        .ok()
        .filter(|challenge| challenge.len() == 32)
        .ok_or_else(|| invalid("`challenge` is not the base64url of a SHA-256"))?;
    if asked.state.chars().count() > WORD_CHARS_MAX || asked.state.contains('\0') {
        return Err(invalid("`state` is too long").into());
    }
    let begun = sign_in::begin(&app).await?;
    sqlx::query!(
        r#"INSERT INTO sign_in_attempts (state_sha256, nonce, verifier, redirect, studio_state, challenge, expires_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7)"#,
        hashed(&begun.state),
        begun.nonce,
        begun.verifier,
        redirect.as_str(),
        asked.state,
        challenge,
        Utc::now() + ATTEMPT_VALID,
    )
    .execute(&app.pool)
    .await?;
    Ok(elsewhere(&begun.address))
}

/// An address on the studio's own machine, by number: names can be made to lead elsewhere (RFC 8252, section 8.3).
fn loopback(address: &str) -> Option<Url> {
    let url: Url = address.parse().ok().filter(|_| address.len() <= WORD_CHARS_MAX)?;
    let own = url.scheme() == "http"
        && url.host() == Some(Host::Ipv4(Ipv4Addr::LOCALHOST))
        && url.port().is_some()
        && url.username().is_empty()
        && url.password().is_none()
        && url.fragment().is_none();
    own.then_some(url)
}

fn invalid(reason: &str) -> Refusal {
    Refusal::RequestInvalid {
        reason: reason.to_owned(),
    }
}

/// What the provider says.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Answered {
    /// Ours.
    #[param(max_length = 512)]
    state: String,
    /// What is exchanged for who it is.
    code: Option<String>,
    /// Why there is none.
    error: Option<String>,
}

/// Where the provider sends the browser back: finds out who it is, and sends it on to the studio.
#[utoipa::path(get, path = "/sign-in/callback", tag = "sessions", security(()), params(Answered),
    responses((status = 303, description = "To the studio, with `code` or `error`, and its `state`.")))]
pub(crate) async fn callback(State(app): State<App>, Query(answered): Query<Answered>) -> Answer<Elsewhere> {
    let state = hashed(&answered.state);
    // A state is for one answer, whatever comes of it.
    let attempt = sqlx::query!(
        r#"UPDATE sign_in_attempts
              SET answered_at = now()
            WHERE state_sha256 = $1 AND answered_at IS NULL AND expires_at > now()
        RETURNING nonce, verifier, redirect, studio_state"#,
        state.as_slice(),
    )
    .fetch_optional(&app.pool)
    .await?
    .ok_or_else(|| refusal("this sign-in is unknown, was used before, or took too long"))?;
    let mut studio: Url = attempt
        .redirect
        .parse()
        .map_err(|error| sign_in::failed("the studio's address", &error))?;
    let came = match (answered.code, answered.error) {
        (Some(code), None) => sign_in::finish(&app, code, attempt.nonce, attempt.verifier).await,
        (_, error) => {
            tracing::info!(error, "the provider did not sign in");
            Err(refusal("the provider did not sign in"))
        }
    };
    let come = match came {
        Ok(identity) => people::come(&app, &identity)
            .await
            .map(|user| (user, identity.verified_email)),
        Err(refused) => Err(refused),
    };
    match come {
        Ok((user, email)) => {
            let code = fresh_word();
            sqlx::query!(
                r#"UPDATE sign_in_attempts
                      SET user_id = $2, code_sha256 = $3, verified_email = $4, expires_at = $5
                    WHERE state_sha256 = $1"#,
                state.as_slice(),
                user.get(),
                hashed(&code),
                email,
                Utc::now() + CODE_VALID,
            )
            .execute(&app.pool)
            .await?;
            studio.query_pairs_mut().append_pair("code", &code);
        }
        Err(refused) => {
            let busy = matches!(refused.refusal(), Refusal::ServerBusy { .. });
            let code = if busy { "server_busy" } else { "sign_in_failed" };
            studio.query_pairs_mut().append_pair("error", code);
        }
    }
    studio.query_pairs_mut().append_pair("state", &attempt.studio_state);
    Ok(elsewhere(&studio))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_studios_own_machine_gets_a_code() {
        assert!(loopback("http://127.0.0.1:4000/").is_some());
        assert!(loopback("http://127.0.0.1:4000/back?x=1").is_some());
        for elsewhere in [
            "http://127.0.0.1/",
            "https://127.0.0.1:4000/",
            "http://localhost:4000/",
            "http://127.0.0.1:4000@evil.example/",
            "http://u:p@127.0.0.1:4000/",
            "http://127.0.0.2:4000/",
            "http://[::1]:4000/",
            "javascript:alert(1)",
        ] {
            assert!(loopback(elsewhere).is_none(), "{elsewhere}");
        }
    }
}
