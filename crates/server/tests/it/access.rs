//! Every route of the description, as its owner, as somebody else, as nobody and as somebody whose account is deactivated.

mod writes;

use std::collections::BTreeMap;

use atelier_contract::SealKey;
use atelier_server::app;
use reqwest::Method;
use serde_json::{Map, Value, json};

use crate::harness::{House, Person, Reply, send};
use crate::studio::{Studio, png};

/// Stands in everything of the owner's that nobody else may see.
const SECRET: &str = "only-for-its-owner";

/// One method of one path.
struct Operation {
    method: Method,
    path: String,
    /// As the document has it.
    said: Value,
}

/// The document, and what stands for its parameters.
struct Routes {
    document: Value,
    ids: BTreeMap<&'static str, i64>,
}

impl Operation {
    fn needs_bearer(&self) -> bool {
        match self.said["security"].as_array() {
            None => true,
            Some(ways) => ways.iter().all(|way| way.get("bearer").is_some()),
        }
    }

    /// Whether its answer goes on for as long as somebody listens.
    fn is_stream(&self) -> bool {
        self.said["responses"]["200"]["content"]["text/event-stream"].is_object()
    }

    fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// The noun of a path that names something of a person's own.
    fn names_own(&self) -> Option<&str> {
        let noun = self.path.split('/').nth(1)?;
        let own = [
            "artworks",
            "comments",
            "generations",
            "notifications",
            "purchases",
            "sessions",
            "styles",
            "uploads",
        ];
        (self.path.contains("/{id}") && own.contains(&noun)).then_some(noun)
    }
}

impl Routes {
    fn new(ids: BTreeMap<&'static str, i64>) -> Self {
        let document = serde_json::to_value(app::openapi()).expect("plain data");
        Self { document, ids }
    }

    fn operations(&self) -> Vec<Operation> {
        let mut all = Vec::new();
        for (path, item) in self.document["paths"].as_object().expect("paths") {
            for method in ["get", "put", "post", "delete", "patch"] {
                if let Some(said) = item.get(method) {
                    all.push(Operation {
                        method: method.to_uppercase().parse().expect("a method"),
                        path: path.clone(),
                        said: said.clone(),
                    });
                }
            }
        }
        assert!(all.len() > 60, "{} operations", all.len());
        all
    }

    /// A request as the document wants it, about the owner's things.
    async fn ask(&self, person: &Person, operation: &Operation) -> Reply {
        let noun = operation.path.split('/').nth(1).unwrap_or_default();
        let mut path = operation.path.clone();
        let mut query = Vec::new();
        let mut parameters = operation.said["parameters"].as_array().cloned().unwrap_or_default();
        parameters.retain(|parameter| parameter["required"] == true);
        for parameter in parameters {
            let name = parameter["name"].as_str().expect("a name");
            let value = match (name, self.ids.get(noun)) {
                ("id", Some(id)) => id.to_string(),
                ("number", _) => "1".to_owned(),
                _ => match self.example(&parameter["schema"]) {
                    Value::String(text) => text,
                    other => other.to_string(),
                },
            };
            match parameter["in"].as_str() {
                Some("path") => path = path.replace(&format!("{{{name}}}"), &value),
                Some("query") => query.push((name.to_owned(), value)),
                _ => {}
            }
        }
        let query = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(query)
            .finish();
        let request = person.request(operation.method.clone(), &format!("{path}?{query}"));
        let request = request.header("idempotency-key", crate::harness::fresh_key());
        let content = &operation.said["requestBody"]["content"];
        let request = match content.get("application/json") {
            Some(json) => request.json(&self.example(&json["schema"])),
            None if content.is_object() => request.header("content-type", "application/octet-stream").body(png(3)),
            None => request,
        };
        send(request).await
    }

    /// The smallest value of a schema.
    fn example(&self, schema: &Value) -> Value {
        if let Some(name) = schema["$ref"].as_str() {
            return self.example(self.document.pointer(&name[1..]).expect("it is described"));
        }
        if let Some(all) = schema["allOf"].as_array() {
            let parts = all.iter().map(|part| self.example(part));
            let fields = parts.filter_map(|part| part.as_object().cloned()).flatten();
            return Value::Object(fields.collect());
        }
        for choice in ["oneOf", "anyOf"] {
            if let Some(first) = schema[choice]
                .as_array()
                .and_then(|all| all.iter().find(|one| one["type"] != "null"))
            {
                return self.example(first);
            }
        }
        if let Some(word) = schema["enum"].as_array().and_then(|words| words.first()) {
            return word.clone();
        }
        let kind = match &schema["type"] {
            Value::Array(kinds) => kinds
                .iter()
                .find_map(|kind| kind.as_str().filter(|kind| *kind != "null")),
            kind => kind.as_str(),
        };
        match kind {
            Some("object") => self.object(schema),
            Some("array") => {
                let item = schema["minItems"]
                    .as_u64()
                    .filter(|least| *least > 0)
                    .map(|_| self.example(&schema["items"]));
                Value::Array(item.into_iter().collect())
            }
            Some("integer" | "number") => schema.get("minimum").cloned().unwrap_or(json!(1)),
            Some("boolean") => json!(true),
            _ => word(schema),
        }
    }

    fn object(&self, schema: &Value) -> Value {
        let mut fields = Map::new();
        for name in schema["required"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
        {
            fields.insert(name.to_owned(), self.example(&schema["properties"][name]));
        }
        Value::Object(fields)
    }
}

fn word(schema: &Value) -> Value {
    if let Some(example) = schema.get("example") {
        return example.clone();
    }
    match (schema["format"].as_str(), schema["pattern"].as_str()) {
        (Some("date-time"), _) => json!("2030-01-01T00:00:00Z"),
        (Some("uuid"), _) => json!("00000000-0000-4000-8000-000000000001"),
        (_, Some(pattern)) if pattern.contains("{64}") => json!("ab".repeat(32)),
        (_, Some(pattern)) if pattern.contains("{43}") => json!("A".repeat(43)),
        (_, Some(pattern)) if pattern.contains("0-9") => json!("1"),
        _ => json!("word"),
    }
}

/// Somebody who has one of everything, each with the secret in it where it takes words.
async fn owner(house: &House) -> (Person, BTreeMap<&'static str, i64>) {
    let seller = Studio::new(house, "seller", "artist", 0).await;
    let style = seller.style("Ink", &["ink"], 5).await;
    let owner = Studio::new(house, "owner", "artist", 500).await;
    // Trained, so that there is a version of it, and not put up.
    let draft = owner.draft("Draft", &["ink"], 10).await;
    owner.train(draft).await;
    owner
        .patch(&format!("/styles/{draft}"), json!({ "description": SECRET }))
        .await
        .is::<Value>();
    let artworks: Value = owner.get(&format!("/styles/{draft}/artworks")).await.is();
    let artwork = artworks["items"][0]["id"].as_i64().or(artworks[0]["id"].as_i64());
    let generation = owner.make(style, 5, &["sea"]).await;
    let change = json!({ "description": SECRET });
    owner
        .patch(&format!("/generations/{generation}"), change)
        .await
        .is::<Value>();
    let upload = owner.declare("thumbnail", &png(3)).await;
    let purchase: Value = owner.post("/purchases", json!({ "tokens": 100 })).await.is();
    let one = async |sql: &'static str| -> i64 {
        sqlx::query_scalar(sql)
            .bind(owner.user.get())
            .bind(generation.get())
            .bind(SECRET)
            .fetch_one(house.pool())
            .await
            .expect("made")
    };
    let notification = one(
        "INSERT INTO notifications (recipient_id, type, target_type, target_id, metadata)
         VALUES ($1, 'generation_complete', 'generation', $2, jsonb_build_object('text', $3::text)) RETURNING id",
    );
    let comment = one("INSERT INTO comments (user_id, generation_id, content) VALUES ($1, $2, $3) RETURNING id");
    let session = one("SELECT max(id) FROM sessions WHERE user_id = $1 AND $2 > 0 AND $3 <> ''");
    let ids = BTreeMap::from([
        ("artworks", artwork.expect("an artwork")),
        ("comments", comment.await),
        ("generations", generation.get()),
        ("notifications", notification.await),
        ("purchases", purchase["id"].as_i64().expect("a purchase")),
        ("sessions", session.await),
        ("styles", draft.get()),
        ("uploads", upload),
        ("users", owner.user.get()),
    ]);
    (owner.person, ids)
}

/// What is kept about the owner, but for what others may do to it: follow them, which they are told of.
async fn kept(owner: &Person) -> Value {
    let mut all: Value = owner.get("/users/me/export").await.gives(200);
    all["notifications"] = Value::Null;
    all["artists"][0]["follower_count"] = Value::Null;
    all
}

#[tokio::test]
async fn nobody_gets_only_what_is_for_everybody() {
    let house = House::new().await;
    let (owner, ids) = owner(&house).await;
    let before = kept(&owner).await;
    let routes = Routes::new(ids);
    for operation in routes.operations() {
        let name = operation.name();
        let reply = routes.ask(&house.nobody(), &operation).await;
        assert!(!reply.body.to_string().contains(SECRET), "{name}: {}", reply.body);
        if operation.needs_bearer() {
            reply.refused(401, "not_signed_in");
        } else if name == "POST /sessions/refresh" {
            // A token that is none signs nobody in.
            reply.refused(401, "not_signed_in");
        } else {
            assert!(
                reply.status != 401 && reply.status < 500,
                "{name}: {} {}",
                reply.status,
                reply.body
            );
        }
    }
    let forged = house.nobody().with_token("bm90aGluZw.bm90aGluZw");
    for operation in routes.operations().iter().filter(|operation| operation.needs_bearer()) {
        routes.ask(&forged, operation).await.refused(401, "not_signed_in");
    }
    assert_eq!(kept(&owner).await, before);
}

#[tokio::test]
async fn who_deactivated_their_account_gets_nothing() {
    let house = House::new().await;
    let (owner, ids) = owner(&house).await;
    let routes = Routes::new(ids);
    let before = kept(&owner).await;
    sqlx::query("UPDATE users SET is_active = FALSE WHERE id = $1")
        .bind(owner.id().get())
        .execute(house.pool())
        .await
        .expect("deactivated");
    for operation in routes.operations() {
        let reply = routes.ask(&owner, &operation).await;
        assert!(
            !reply.body.to_string().contains(SECRET),
            "{}: {}",
            operation.name(),
            reply.body
        );
        if operation.needs_bearer() {
            reply.refused(403, "account_inactive");
        }
    }
    sqlx::query("UPDATE users SET is_active = TRUE, updated_at = $2 WHERE id = $1")
        .bind(owner.id().get())
        .bind(chrono::Utc::now())
        .execute(house.pool())
        .await
        .expect("reactivated");
    let mut after = kept(&owner).await;
    after["users"][0]["updated_at"] = before["users"][0]["updated_at"].clone();
    assert_eq!(after, before);
}

#[tokio::test]
async fn nobody_else_sees_or_changes_what_is_somebodys() {
    let house = House::new().await;
    let (owner, ids) = owner(&house).await;
    let routes = Routes::new(ids);
    let before = kept(&owner).await;
    let other = house.artist("other").await.given(&house, 500).await;
    let mut odd = Vec::new();
    for operation in routes
        .operations()
        .into_iter()
        .filter(|operation| !operation.is_stream())
    {
        let name = operation.name();
        // Each in a session of its own: some of them end it.
        let other = other.on_device(&house, Some(SealKey::new([7; 32]))).await;
        let reply = routes.ask(&other, &operation).await;
        sqlx::query("UPDATE users SET is_active = TRUE WHERE NOT is_active")
            .execute(house.pool())
            .await
            .expect("active");
        assert!(!reply.body.to_string().contains(SECRET), "{name}: {}", reply.body);
        assert!(reply.status < 500, "{name}: {}", reply.body);
        // Ending what is not there is no error, and tells nothing.
        let tells_nothing = name == "DELETE /sessions/{id}" && reply.status == 204;
        if operation.names_own().is_some() && !tells_nothing && !matches!(reply.status, 403 | 404) {
            odd.push(format!("{name}: {} {}", reply.status, reply.body));
        }
    }
    assert!(odd.is_empty(), "{}", odd.join("\n"));
    assert_eq!(kept(&owner).await, before);
}

#[tokio::test]
async fn an_owner_reads_everything_of_theirs() {
    let house = House::new().await;
    let (owner, ids) = owner(&house).await;
    let routes = Routes::new(ids);
    for operation in routes.operations() {
        if operation.method == Method::GET && operation.names_own().is_some() {
            let reply = routes.ask(&owner, &operation).await;
            let name = operation.name();
            // Neither picture was brought.
            let absent = ["/styles/{id}/thumbnail", "/generations/{id}/picture"];
            let may_lack = absent.contains(&operation.path.as_str()) && matches!(reply.status, 404 | 409);
            assert!(
                reply.status == 200 || may_lack,
                "{name}: {} {}",
                reply.status,
                reply.body
            );
        }
    }
}
