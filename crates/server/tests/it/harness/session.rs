//! A session without a sign-in, for tests of something else.

use atelier_contract::{SealKey, SessionId, UserId};
use atelier_server::caller::AccessClaims;
use chrono::{Duration, Utc};

use super::House;

/// An access token of a new session of `user`.
pub(super) async fn token(house: &House, user: UserId, device: Option<SealKey>) -> String {
    let session: i64 = sqlx::query_scalar("INSERT INTO sessions (user_id, device) VALUES ($1, $2) RETURNING id")
        .bind(user.get())
        .bind(device.as_ref().map(|key| key.as_bytes().to_vec()))
        .fetch_one(house.pool())
        .await
        .expect("a session");
    let claims = AccessClaims {
        user,
        session: SessionId::try_from(session).expect("an id"),
        device,
        expires_at: Utc::now() + Duration::hours(1),
    };
    claims.sign(&house.app.signer).unwrap()
}
