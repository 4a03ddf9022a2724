//! Once only: a request that moves something carries a key, and a repeat of it gets the first answer.

use atelier_contract::{Refusal, UserId};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::Digest as _;
use sqlx::PgTransaction;

use crate::app::App;
use crate::refused::{Answer, Refused};

/// Longest key.
const KEY_CHARS_MAX: usize = 64;

/// The header `Idempotency-Key`: 1 to 64 of `[A-Za-z0-9_-]`.
#[derive(Debug, Clone)]
pub struct IdempotencyKey(String);

impl FromRequestParts<App> for IdempotencyKey {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Answer<Self> {
        let key = parts
            .headers
            .get("idempotency-key")
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        let known = |c: u8| c.is_ascii_alphanumeric() || c == b'_' || c == b'-';
        if key.is_empty() || key.len() > KEY_CHARS_MAX || !key.bytes().all(known) {
            return Err(Refusal::RequestInvalid {
                reason: "the header Idempotency-Key is needed: 1 to 64 letters, digits, _ and -".to_owned(),
            }
            .into());
        }
        Ok(Self(key.to_owned()))
    }
}

/// Runs `work` once for this user, key and request; later calls get the first answer; another request under the same key is refused.
/// The key's row is taken and the answer stored in the transaction of the work, so that either all of it happened or nothing.
///
/// # Errors
/// [`Refusal::IdempotencyKeyReused`], and whatever `work` refuses: then nothing is stored, and the key is free again.
pub async fn once<T: Serialize + DeserializeOwned>(
    app: &App,
    user: UserId,
    key: &IdempotencyKey,
    route: &'static str,
    request: &impl Serialize,
    work: impl AsyncFnOnce(&mut PgTransaction<'_>) -> Answer<T>,
) -> Answer<T> {
    let json = serde_json::to_vec(request).map_err(|error| sqlx::Error::Encode(Box::new(error)))?;
    let hash = sha2::Sha256::digest(&json);
    let mut tx = app.pool.begin().await?;
    // Waits for another that holds the same key, and then sees its row.
    let mine = sqlx::query_scalar!(
        r#"INSERT INTO idempotency_keys (user_id, key, route, request_sha256)
           VALUES ($1, $2, $3, $4)
               ON CONFLICT DO NOTHING
        RETURNING TRUE AS "mine!""#,
        user.get(),
        key.0,
        route,
        hash.as_slice(),
    )
    .fetch_optional(&mut *tx)
    .await?;
    if mine.is_none() {
        return first_answer(&mut tx, user, key, route, hash.as_slice()).await;
    }
    let answer = work(&mut tx).await?;
    let json = serde_json::to_value(&answer).map_err(|error| sqlx::Error::Encode(Box::new(error)))?;
    sqlx::query!(
        "UPDATE idempotency_keys SET answer = $3 WHERE user_id = $1 AND key = $2",
        user.get(),
        key.0,
        json,
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(answer)
}

async fn first_answer<T: DeserializeOwned>(
    tx: &mut PgTransaction<'_>,
    user: UserId,
    key: &IdempotencyKey,
    route: &str,
    hash: &[u8],
) -> Answer<T> {
    let row = sqlx::query!(
        "SELECT route, request_sha256, answer FROM idempotency_keys WHERE user_id = $1 AND key = $2",
        user.get(),
        key.0,
    )
    .fetch_one(&mut **tx)
    .await?;
    if row.route != route || row.request_sha256 != hash {
        return Err(Refusal::IdempotencyKeyReused {}.into());
    }
    let answer = row.answer.ok_or(sqlx::Error::RowNotFound)?;
    serde_json::from_value(answer).map_err(|error| sqlx::Error::Decode(Box::new(error)).into())
}

/// Forgets keys that nobody repeats any more. Returns how many.
pub(crate) async fn sweep(app: &App) -> sqlx::Result<u64> {
    let gone = sqlx::query!(
        r#"DELETE FROM idempotency_keys
            WHERE (user_id, key) IN (SELECT user_id, key
                                       FROM idempotency_keys
                                      WHERE created_at < now() - interval '30 days'
                                   ORDER BY created_at
                                      LIMIT 10000
                                        FOR UPDATE SKIP LOCKED)"#,
    )
    .execute(&app.pool)
    .await?;
    Ok(gone.rows_affected())
}
