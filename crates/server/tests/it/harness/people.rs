//! People who ask the server, and what they get.

use std::sync::atomic::{AtomicU32, Ordering};

use atelier_contract::{SealKey, UserId};
use reqwest::{Method, RequestBuilder};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::House;

/// Somebody with a studio.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    id: Option<UserId>,
    token: Option<String>,
    base: String,
    http: reqwest::Client,
}

/// What the server answered.
#[derive(Debug)]
pub(crate) struct Reply {
    /// Its status.
    pub(crate) status: u16,
    /// Its body; null when empty.
    pub(crate) body: Value,
    /// Which request it was.
    asked: String,
}

impl Person {
    pub(super) async fn signed_in(house: &House, name: &str, role: &str) -> Self {
        let id: i64 = sqlx::query_scalar(
            "INSERT INTO users (username, provider, provider_user_id, role) VALUES ($1, 'test', $1, $2) RETURNING id",
        )
        .bind(name)
        .bind(role)
        .fetch_one(house.pool())
        .await
        .expect("a user of a name of their own");
        if role == "artist" {
            sqlx::query("INSERT INTO artists (user_id, artist_name) VALUES ($1, $2)")
                .bind(id)
                .bind(name)
                .execute(house.pool())
                .await
                .expect("an artist");
        }
        Self::known(house, id).await
    }

    /// Somebody who is there already, signed in.
    pub(crate) async fn known(house: &House, id: i64) -> Self {
        let id = UserId::try_from(id).expect("an id");
        Self {
            id: Some(id),
            ..Self::nobody(house)
        }
        .on_device(house, None)
        .await
    }

    pub(super) fn nobody(house: &House) -> Self {
        Self {
            id: None,
            token: None,
            base: format!("http://{}", house.address),
            http: house.http.clone(),
        }
    }

    /// The same person in a session of another device.
    pub(crate) async fn on_device(&self, house: &House, device: Option<SealKey>) -> Self {
        let token = super::session::token(house, self.id(), device).await;
        Self {
            token: Some(token),
            ..self.clone()
        }
    }

    /// Somebody who comes with this token.
    pub(crate) fn with_token(&self, token: &str) -> Self {
        Self {
            token: Some(token.to_owned()),
            ..self.clone()
        }
    }

    /// Their id.
    pub(crate) fn id(&self) -> UserId {
        self.id.expect("somebody, not nobody")
    }

    /// The token that they come with.
    pub(crate) fn token(&self) -> &str {
        self.token.as_deref().expect("signed in")
    }

    /// The token that they come with, if they are somebody.
    pub(crate) fn token_if_any(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// Gives them tokens without a ledger entry; for tests of something else.
    pub(crate) async fn given(self, house: &House, tokens: i64) -> Self {
        sqlx::query("UPDATE users SET token_balance = token_balance + $2 WHERE id = $1")
            .bind(self.id().get())
            .bind(tokens)
            .execute(house.pool())
            .await
            .expect("given");
        self
    }

    /// A request of theirs that is not sent yet.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.base));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        send(self.request(Method::GET, path)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Reply {
        send(
            self.request(Method::DELETE, path)
                .header("idempotency-key", fresh_key()),
        )
        .await
    }

    pub(crate) async fn post(&self, path: &str, body: &impl Serialize) -> Reply {
        self.post_once(&fresh_key(), path, body).await
    }

    /// With an Idempotency-Key that the test chooses.
    pub(crate) async fn post_once(&self, key: &str, path: &str, body: &impl Serialize) -> Reply {
        send(
            self.request(Method::POST, path)
                .header("idempotency-key", key)
                .json(body),
        )
        .await
    }

    pub(crate) async fn patch(&self, path: &str, body: &impl Serialize) -> Reply {
        send(
            self.request(Method::PATCH, path)
                .header("idempotency-key", fresh_key())
                .json(body),
        )
        .await
    }

    pub(crate) async fn put(&self, path: &str, body: &impl Serialize) -> Reply {
        send(
            self.request(Method::PUT, path)
                .header("idempotency-key", fresh_key())
                .json(body),
        )
        .await
    }

    /// Bytes, as an upload wants them.
    pub(crate) async fn put_bytes(&self, path: &str, bytes: Vec<u8>) -> Reply {
        send(
            self.request(Method::PUT, path)
                .header("content-type", "application/octet-stream")
                .body(bytes),
        )
        .await
    }
}

impl Reply {
    /// The answer, which has to have come with this status.
    #[track_caller]
    pub(crate) fn gives<T: DeserializeOwned>(self, status: u16) -> T {
        assert_eq!(self.status, status, "{}: {}", self.asked, self.body);
        let body = self.body.to_string();
        serde_json::from_value(self.body).unwrap_or_else(|error| panic!("{}: {error}: {body}", self.asked))
    }

    /// Only the status matters.
    #[track_caller]
    pub(crate) fn is(self, status: u16) -> Value {
        self.gives(status)
    }

    /// The details of a refusal, which has to have come with this status and code.
    #[track_caller]
    pub(crate) fn refused(self, status: u16, code: &str) -> Value {
        assert_eq!(
            (self.status, self.body["code"].as_str()),
            (status, Some(code)),
            "{}: {}",
            self.asked,
            self.body
        );
        assert!(
            self.body["message"].is_string(),
            "{}: a refusal without a sentence",
            self.asked
        );
        self.body["details"].clone()
    }
}

/// A key that was not there before.
pub(crate) fn fresh_key() -> String {
    static KEYS: AtomicU32 = AtomicU32::new(0);
    format!("key-{}", KEYS.fetch_add(1, Ordering::Relaxed))
}

/// Sends a request and reads the whole answer.
pub(crate) async fn send(request: RequestBuilder) -> Reply {
    let request = request.build().expect("a request");
    let asked = format!("{} {}", request.method(), request.url());
    let response = reqwest::Client::new()
        .execute(request)
        .await
        .unwrap_or_else(|error| panic!("{asked}: {error}"));
    let status = response.status().as_u16();
    let body = response
        .bytes()
        .await
        .unwrap_or_else(|error| panic!("{asked}: {error}"));
    let body = serde_json::from_slice(&body).unwrap_or_else(|_| match &*body {
        [] => Value::Null,
        other => Value::String(String::from_utf8_lossy(other).into_owned()),
    });
    Reply { status, body, asked }
}
