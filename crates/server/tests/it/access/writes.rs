//! Everything that the document lets somebody change, as its owner does it: in an order in which each is possible, and each request first
//! as nobody, as the owner while deactivated and as somebody else.

use std::collections::BTreeMap;

use atelier_contract::{Attempt, GenerationId, JournalEntry, Seed, Sha256, StyleId, StyleView, Tag, VouchersBought};
use chrono::Utc;
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use super::{Operation, Routes};
use crate::harness::{House, Person, fresh_key, send};
use crate::studio::{Studio, lora, png, sha256};

/// What is sent.
enum Body {
    Nothing,
    Json(Value),
    Bytes(Vec<u8>),
}

impl From<Value> for Body {
    fn from(body: Value) -> Self {
        Self::Json(body)
    }
}

/// The owner, somebody else, and what is left to be done.
struct Life {
    house: House,
    owner: Studio,
    other: Studio,
    left: BTreeMap<String, Operation>,
}

impl Life {
    async fn new() -> Self {
        let house = House::with(|config| config.styles_per_artist_max = 5).await;
        let owner = Studio::new(&house, "owner", "artist", 500).await;
        let other = Studio::new(&house, "other", "artist", 500).await;
        let operations = Routes::new(BTreeMap::new()).operations().into_iter();
        let writes =
            operations.filter(|operation| operation.method != reqwest::Method::GET && operation.needs_bearer());
        Self {
            house,
            owner,
            other,
            left: writes.map(|operation| (operation.name(), operation)).collect(),
        }
    }

    async fn set_active(&self, active: bool) {
        sqlx::query("UPDATE users SET is_active = $2 WHERE id = $1")
            .bind(self.owner.user.get())
            .bind(active)
            .execute(self.house.pool())
            .await
            .expect("set");
    }

    async fn one(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql)
            .bind(self.owner.user.get())
            .fetch_one(self.house.pool())
            .await
            .expect("a number")
    }

    /// Does it as its owner, after everybody else was refused the same.
    async fn does(&mut self, name: &str, id: i64, body: impl Into<Body>) -> Value {
        let body = body.into();
        let operation = self
            .left
            .remove(name)
            .unwrap_or_else(|| panic!("{name} is not there, or done"));
        let ask = |person: &Person| send(request(person, &operation, id, &body));
        ask(&self.house.nobody()).await.refused(401, "not_signed_in");
        self.set_active(false).await;
        ask(&self.owner.person).await.refused(403, "account_inactive");
        self.set_active(true).await;
        if operation.names_own().is_some() {
            let reply = ask(&self.other.person).await;
            // Ending what is not there is no error, and tells nothing.
            let tells_nothing = name == "DELETE /sessions/{id}" && reply.status == 204;
            assert!(
                matches!(reply.status, 403 | 404) || tells_nothing,
                "{name}: {} {}",
                reply.status,
                reply.body
            );
        }
        let reply = ask(&self.owner.person).await;
        assert!(
            (200..300).contains(&reply.status),
            "{name}: {} {}",
            reply.status,
            reply.body
        );
        reply.body
    }
}

fn request(person: &Person, operation: &Operation, id: i64, body: &Body) -> RequestBuilder {
    let path = operation.path.replace("{id}", &id.to_string());
    let request = person.request(operation.method.clone(), &path);
    let request = request.header("idempotency-key", fresh_key());
    match body {
        Body::Nothing => request,
        Body::Json(json) => request.json(json),
        Body::Bytes(bytes) => request
            .header("content-type", "application/octet-stream")
            .body(bytes.clone()),
    }
}

fn number(body: &Value, field: &str) -> i64 {
    body[field].as_i64().unwrap_or_else(|| panic!("no {field}: {body}"))
}

#[tokio::test]
async fn an_owner_changes_everything_of_theirs_and_nobody_else_does() {
    let mut life = Life::new().await;
    let seller = Studio::new(&life.house, "seller", "artist", 0).await;
    let bought = seller.style("Harbour ink", &["ink"], 5).await;
    let draft = style(&mut life).await;
    pictures(&mut life, bought, draft).await;
    tokens(&mut life, bought).await;
    people(&mut life, seller.user.get()).await;
    let left: Vec<_> = life.left.keys().collect();
    assert!(left.is_empty(), "nobody does {left:?}");
}

/// From a file to a style that is put up. Gives one that is trained.
async fn style(life: &mut Life) -> i64 {
    let file = png(3);
    let declared = json!({ "purpose": "artwork", "bytes": file.len(), "sha256": sha256(&file) });
    let upload = number(&life.does("POST /uploads", 0, declared).await, "id");
    life.does("PUT /uploads/{id}/content", upload, Body::Bytes(file)).await;
    life.does("POST /uploads/{id}/check", upload, Body::Nothing).await;
    let draft = number(&life.does("POST /styles", 0, json!({ "name": "Draft" })).await, "id");
    life.does("PATCH /styles/{id}", draft, json!({ "description": "In ink." }))
        .await;
    let artwork = life
        .does("POST /styles/{id}/artworks", draft, json!({ "upload": upload }))
        .await;
    let artwork = number(&artwork, "id");
    life.does("PATCH /artworks/{id}", artwork, json!({ "tags": ["ink"] }))
        .await;
    life.does("DELETE /artworks/{id}", artwork, Body::Nothing).await;
    life.does("DELETE /styles/{id}", draft, Body::Nothing).await;

    let style = life.owner.draft("Harbour", &["sea"], 10).await;
    let training = format!("/styles/{style}/training");
    life.owner
        .put(&training, json!({ "status": "training" }))
        .await
        .is::<StyleView>();
    let upload = life.owner.upload("lora", &lora()).await;
    let done = json!({ "status": "completed", "lora": { "upload": upload, "base_model": "sd15" } });
    let style = style.get();
    life.does("PUT /styles/{id}/training", style, done).await;
    let terms = json!({ "generation_cost_tokens": 1, "license_type": "personal" });
    life.does("PUT /styles/{id}/terms", style, terms).await;
    life.does("DELETE /styles/{id}/terms", style, Body::Nothing).await;
    style
}

/// Pictures in the style of another, and in one's own.
async fn pictures(life: &mut Life, bought: StyleId, own: i64) {
    let order = serde_json::to_value(Studio::order(bought, 5, &["sea"])).expect("plain data");
    let picture = number(&life.does("POST /generations", 0, order).await, "generation");
    life.does("POST /generations/{id}/attempts", picture, json!({ "fence": 1 }))
        .await;
    life.does("PUT /generations/{id}/lease", picture, json!({ "fence": 1 }))
        .await;
    let failure = json!({ "fence": 1, "reason": "out of memory" });
    life.does("POST /generations/{id}/failures", picture, failure).await;
    let id = GenerationId::try_from(picture).expect("an id");
    life.owner.begin(id, 2).await.is::<Attempt>();
    let commit = json!({ "fence": 2, "ciphertext_sha256": sha256(b"sealed") });
    life.does("POST /generations/{id}/commit", picture, commit).await;
    life.does("POST /generations/{id}/complete", picture, Body::Nothing)
        .await;
    let described = json!({ "description": "The harbour." });
    life.does("PATCH /generations/{id}", picture, described).await;
    life.does("PUT /generations/{id}/like", picture, Body::Nothing).await;
    life.does("DELETE /generations/{id}/like", picture, Body::Nothing).await;
    let said = json!({ "content": "As if it moved." });
    let comment = life.does("POST /generations/{id}/comments", picture, said).await;
    let comment = number(&comment, "id");
    life.does("PATCH /comments/{id}", comment, json!({ "content": "It does." }))
        .await;
    life.does("DELETE /comments/{id}", comment, Body::Nothing).await;
    let given_up = life.owner.reserve(bought, 5).await.generation.get();
    life.does("POST /generations/{id}/void", given_up, Body::Nothing).await;
    let made = json!({ "style": own, "tags": ["sea"], "seed": "7" });
    life.does("POST /generations/made", 0, made).await;
}

async fn tokens(life: &mut Life, bought: StyleId) {
    life.does("POST /purchases", 0, json!({ "tokens": 100 })).await;
    let vouchers = json!({ "style": bought, "count": 1, "cost_tokens": 5 });
    let vouchers: VouchersBought =
        serde_json::from_value(life.does("POST /vouchers", 0, vouchers).await).expect("vouchers");
    let none = Sha256::new([0; 32]);
    let mut entry = JournalEntry {
        voucher: vouchers.vouchers[0].id,
        tags: vec![Tag::parse("sea").expect("English")],
        aspect_ratio: atelier_contract::AspectRatio::Square,
        seed: Seed::from(7),
        result_sha256: sha256(b"picture"),
        made_at: Utc::now(),
        previous: none,
        hash: none,
    };
    entry.hash = sha256(&entry.hashed_bytes());
    life.does("POST /vouchers/journal", 0, json!({ "entries": [entry] }))
        .await;
    life.one("UPDATE artists SET earned_token_balance = 50 WHERE user_id = $1 RETURNING earned_token_balance")
        .await;
    life.does("POST /withdrawals", 0, json!({ "tokens": 10 })).await;
}

async fn people(life: &mut Life, seller: i64) {
    life.does("PUT /users/{id}/follow", seller, Body::Nothing).await;
    life.does("DELETE /users/{id}/follow", seller, Body::Nothing).await;
    let follow = json!({ "kind": "follow", "user": seller, "following": true });
    let push =
        json!({ "client": "0194e1d2-0000-7000-8000-000000000002", "mutations": [{ "id": 1, "mutation": follow }] });
    let pushed = life.does("POST /mutations", 0, push).await;
    assert_eq!(pushed["outcomes"][0]["result"], "applied");
    let notification = life
        .one("INSERT INTO notifications (recipient_id, type) VALUES ($1, 'generation_complete') RETURNING id")
        .await;
    life.does("PATCH /notifications/{id}", notification, json!({ "is_read": true }))
        .await;
    life.does("POST /notifications/read", 0, json!({ "until": notification }))
        .await;
    life.does("PATCH /users/me", 0, json!({ "bio": "In ink." })).await;
    let signature = life.owner.upload("signature", &png(5)).await;
    let profile = json!({ "artist_name": "Owner", "signature": signature });
    life.does("PUT /users/me/artist", 0, profile).await;
    life.owner.elsewhere(&life.house).await;
    let session = life.one("SELECT max(id) FROM sessions WHERE user_id = $1").await;
    life.does("DELETE /sessions/{id}", session, Body::Nothing).await;
    life.does("DELETE /sessions/current", 0, Body::Nothing).await;
    life.owner = life.owner.elsewhere(&life.house).await;
    life.does("POST /users/me/deactivate", 0, Body::Nothing).await;
}
