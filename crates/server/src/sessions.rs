//! Sessions: an access token of ten minutes, and a refresh token for the next, good once.
//!
//! The refresh tokens of a session follow from each other: the successor is made of the predecessor with the server's key, so that a
//! repeat within [`GRACE`] gets the same one although none is stored. One that comes later, or after its successor was used, was
//! stolen from somebody, and the session ends for both.

use atelier_contract::{Refusal, SealKey, SessionId, SessionTokens, UserId};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Duration, Utc};
use sha2::{Digest as _, Sha256};
use sqlx::PgTransaction;

use crate::app::App;
use crate::caller::AccessClaims;
use crate::refused::Answer;
use crate::signer::Signer;

/// How long an access token is good.
const ACCESS_VALID: Duration = Duration::minutes(10);
/// How long the predecessor of the newest refresh token gets that one again: its answer may have been lost.
pub const GRACE: Duration = Duration::seconds(30);
/// After so long without a refresh a session is over.
pub const IDLE_MAX: Duration = Duration::days(60);

const LABEL: &[u8] = b"atelier refresh\0";

/// Why a session ended: `sessions.end_reason`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    SignedOut,
    Reused,
    Deactivated,
    Operator,
}

impl End {
    const fn as_str(self) -> &'static str {
        match self {
            Self::SignedOut => "signed_out",
            Self::Reused => "reused",
            Self::Deactivated => "deactivated",
            Self::Operator => "operator",
        }
    }
}

/// Whoever signs in, with what.
pub(crate) struct Opening {
    pub(crate) user: UserId,
    pub(crate) device: Option<SealKey>,
    pub(crate) device_name: Option<String>,
    pub(crate) verified_email: Option<String>,
}

/// 256 bits that nobody can guess, as a word.
pub(crate) fn fresh_word() -> String {
    URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>())
}

/// How a word is kept that must not be read from the database.
pub(crate) fn hashed(word: &str) -> Vec<u8> {
    Sha256::digest(word.as_bytes()).to_vec()
}

fn successor(signer: &Signer, token: &str) -> String {
    // Ed25519 gives the same signature for the same message, and this one is shown to nobody.
    let secret = signer.sign(&[LABEL, token.as_bytes()].concat());
    URL_SAFE_NO_PAD.encode(Sha256::digest(secret))
}

/// Opens a session.
pub(crate) async fn open(tx: &mut PgTransaction<'_>, signer: &Signer, opening: Opening) -> Answer<SessionTokens> {
    let refresh_token = fresh_word();
    let session = sqlx::query_scalar!(
        r#"WITH opened AS (
               INSERT INTO sessions (user_id, device, device_name, verified_email)
               VALUES ($1, $2, $3, $4)
            RETURNING id
           ), first AS (
               INSERT INTO refresh_tokens (sha256, session_id) SELECT $5, id FROM opened
           )
           SELECT id AS "id!: SessionId" FROM opened"#,
        opening.user.get(),
        opening.device.as_ref().map(|key| key.as_bytes().as_slice()),
        opening.device_name,
        opening.verified_email,
        hashed(&refresh_token),
    )
    .fetch_one(&mut **tx)
    .await?;
    tokens(signer, session, opening.user, opening.device, refresh_token)
}

fn tokens(
    signer: &Signer,
    session: SessionId,
    user: UserId,
    device: Option<SealKey>,
    refresh_token: String,
) -> Answer<SessionTokens> {
    let claims = AccessClaims {
        user,
        session,
        device,
        expires_at: Utc::now() + ACCESS_VALID,
    };
    Ok(SessionTokens {
        session,
        user,
        access_token: claims
            .sign(signer)
            .map_err(|error| sqlx::Error::Encode(Box::new(error)))?,
        access_expires_at: claims.expires_at,
        refresh_token,
    })
}

struct Held {
    id: SessionId,
    user_id: UserId,
    device: Option<Vec<u8>>,
    used_at: DateTime<Utc>,
    ended_at: Option<DateTime<Utc>>,
    is_active: bool,
}

/// Gives the next tokens for the newest refresh token, or once more for the one before.
///
/// # Errors
/// [`Refusal::NotSignedIn`] for a token that is not good, [`Refusal::AccountInactive`].
pub(crate) async fn refresh(app: &App, token: &str) -> Answer<SessionTokens> {
    let now = Utc::now();
    let hash = hashed(token);
    let mut tx = app.pool.begin().await?;
    let held = lock(&mut tx, &hash).await?.ok_or(Refusal::NotSignedIn {})?;
    if held.ended_at.is_some() || now - held.used_at > IDLE_MAX {
        return Err(Refusal::NotSignedIn {}.into());
    }
    if !held.is_active {
        return Err(Refusal::AccountInactive {}.into());
    }
    let next = successor(&app.signer, token);
    // Read under the session's lock: another refresh that came first is seen.
    let newest = sqlx::query!(
        r#"SELECT token.replaced_at, next.replaced_at IS NOT NULL AS "followed!"
             FROM refresh_tokens AS token
        LEFT JOIN refresh_tokens AS next ON next.predecessor = token.sha256
            WHERE token.sha256 = $1"#,
        hash.as_slice(),
    )
    .fetch_one(&mut *tx)
    .await?;
    match newest.replaced_at {
        None => rotate(&mut tx, held.id, &hash, &hashed(&next), now).await?,
        // Its answer was lost, or two asked at once.
        Some(replaced_at) if !newest.followed && now - replaced_at <= GRACE => {}
        Some(_) => {
            end(&mut tx, held.user_id, Some(held.id), End::Reused).await?;
            tx.commit().await?;
            tracing::warn!(session = %held.id, user = %held.user_id, "an old refresh token came: the session ends");
            return Err(Refusal::NotSignedIn {}.into());
        }
    }
    tx.commit().await?;
    let device = held
        .device
        .and_then(|key| <[u8; 32]>::try_from(key).ok())
        .map(SealKey::new);
    tokens(&app.signer, held.id, held.user_id, device, next)
}

async fn lock(tx: &mut PgTransaction<'_>, hash: &[u8]) -> sqlx::Result<Option<Held>> {
    sqlx::query_as!(
        Held,
        r#"SELECT sessions.id AS "id: SessionId", sessions.user_id AS "user_id: UserId", sessions.device, sessions.used_at,
                  sessions.ended_at, users.is_active
             FROM sessions
             JOIN users ON users.id = sessions.user_id
            WHERE sessions.id = (SELECT session_id FROM refresh_tokens WHERE sha256 = $1)
              FOR UPDATE OF sessions"#,
        hash,
    )
    .fetch_optional(&mut **tx)
    .await
}

async fn rotate(
    tx: &mut PgTransaction<'_>,
    session: SessionId,
    from: &[u8],
    to: &[u8],
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE refresh_tokens SET replaced_at = $2 WHERE sha256 = $1",
        from,
        now,
    )
    .execute(&mut **tx)
    .await?;
    sqlx::query!(
        r#"WITH next AS (
               INSERT INTO refresh_tokens (sha256, session_id, predecessor, made_at) VALUES ($1, $2, $3, $4)
           )
           UPDATE sessions SET used_at = $4 WHERE id = $2"#,
        to,
        session.get(),
        from,
        now,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Ends one session of the user's, or all; gives how many were open.
pub(crate) async fn end(
    tx: &mut PgTransaction<'_>,
    user: UserId,
    session: Option<SessionId>,
    why: End,
) -> sqlx::Result<u64> {
    let ended = sqlx::query!(
        r#"UPDATE sessions
              SET ended_at = now(), end_reason = $3
            WHERE user_id = $1 AND ($2::bigint IS NULL OR id = $2) AND ended_at IS NULL"#,
        user.get(),
        session.map(SessionId::get),
        why.as_str(),
    )
    .execute(&mut **tx)
    .await?;
    Ok(ended.rows_affected())
}

/// Forgets sign-ins that were given up, sessions that are long over, and tokens that nobody can mistake for the newest any more.
pub(crate) async fn sweep(app: &App) -> Result<u64, sqlx::Error> {
    let oldest = Utc::now() - IDLE_MAX;
    let mut rows = 0;
    rows += sqlx::query!(
        r#"DELETE FROM sign_in_attempts
            WHERE state_sha256 IN (SELECT state_sha256 FROM sign_in_attempts WHERE expires_at < now()
                                 ORDER BY expires_at LIMIT 10000 FOR UPDATE SKIP LOCKED)"#,
    )
    .execute(&app.pool)
    .await?
    .rows_affected();
    rows += sqlx::query!(
        r#"UPDATE sessions
              SET ended_at = now(), end_reason = 'expired'
            WHERE id IN (SELECT id FROM sessions WHERE ended_at IS NULL AND used_at < $1
                       ORDER BY used_at LIMIT 10000 FOR UPDATE SKIP LOCKED)"#,
        oldest,
    )
    .execute(&app.pool)
    .await?
    .rows_affected();
    rows += sqlx::query!(
        r#"DELETE FROM sessions
            WHERE id IN (SELECT id FROM sessions WHERE ended_at < $1 ORDER BY ended_at LIMIT 1000 FOR UPDATE SKIP LOCKED)"#,
        oldest,
    )
    .execute(&app.pool)
    .await?
    .rows_affected();
    rows += sqlx::query!(
        r#"DELETE FROM refresh_tokens
            WHERE sha256 IN (SELECT sha256 FROM refresh_tokens WHERE replaced_at < $1
                           ORDER BY replaced_at LIMIT 10000 FOR UPDATE SKIP LOCKED)"#,
        oldest,
    )
    .execute(&app.pool)
    .await?
    .rows_affected();
    Ok(rows)
}
