//! What every route has in common: ids, headers, the form of refusals, requests done once, health, the description.

use std::collections::BTreeSet;

use atelier_server::app;
use serde_json::{Value, json};

use crate::harness::{House, send};

#[tokio::test]
async fn every_answer_names_its_request_and_is_protected() {
    let house = House::new().await;
    let url = format!("http://{}/tags", house.address);
    let answer = reqwest::Client::new()
        .get(&url)
        .header("x-request-id", "mine-1")
        .send()
        .await
        .expect("answers");
    let header = |name: &str| {
        answer
            .headers()
            .get(name)
            .map(|value| value.to_str().expect("text").to_owned())
    };
    assert_eq!(header("x-request-id").as_deref(), Some("mine-1"));
    assert_eq!(header("x-content-type-options").as_deref(), Some("nosniff"));
    assert_eq!(header("x-frame-options").as_deref(), Some("DENY"));
    assert_eq!(header("cache-control").as_deref(), Some("no-store"));
    assert!(header("content-security-policy").is_some_and(|policy| policy.contains("default-src 'none'")));
    // One that could break a log line is not taken over.
    let answer = reqwest::Client::new()
        .get(&url)
        .header("x-request-id", "a b\"c")
        .send()
        .await
        .expect("answers");
    assert_eq!(answer.headers()["x-request-id"].len(), 32);
}

#[tokio::test]
async fn what_the_framework_refuses_is_a_refusal_as_any_other() {
    let house = House::new().await;
    let ada = house.user("ada").await;
    house.nobody().get("/nothing").await.refused(404, "route_unknown");
    house.nobody().delete("/tags").await.refused(405, "method_unknown");
    house
        .nobody()
        .get("/tags?limit=many")
        .await
        .refused(400, "request_invalid");
    let broken = ada
        .request(reqwest::Method::POST, "/uploads")
        .header("content-type", "application/json")
        .body("{");
    send(broken).await.refused(400, "request_invalid");
    let long = json!({ "purpose": "x".repeat(2 << 20) });
    ada.post("/uploads", &long).await.refused(413, "body_too_large");
}

#[tokio::test]
async fn a_database_behind_the_program_is_not_ready() {
    let house = House::new().await;
    // One in the middle: numbers have gaps, and what comes into one later may be missing while the newest is there.
    let deleted = sqlx::query(
        "DELETE FROM _sqlx_migrations WHERE version = (SELECT version FROM _sqlx_migrations ORDER BY version OFFSET 2 LIMIT 1)",
    )
    .execute(house.pool())
    .await
    .expect("deleted");
    assert_eq!(deleted.rows_affected(), 1);
    house.nobody().get("/readyz").await.is(503);
}

#[tokio::test]
async fn a_database_that_went_away_is_asked_again_later() {
    let cluster = crate::harness::fresh_cluster(&["fsync=off"]);
    cluster.make_database("atelier").expect("made");
    let url = cluster.url("atelier");
    let house = House::with(|config| config.database_url = Some(url.into())).await;
    house.app.migrate().await.expect("migrates");
    house.nobody().get("/tags").await.is(200);
    cluster
        .stop(atelier_server::local::postgres::Stop::Immediate)
        .expect("ends");
    house.nobody().get("/tags").await.refused(503, "server_busy");
    house.nobody().get("/readyz").await.is(503);
    cluster.start().expect("recovers");
    // The connections of before are found dead and replaced; whoever asks right then may be told to come again.
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while house.nobody().get("/tags").await.status != 200 {
        assert!(std::time::Instant::now() < deadline, "it never came back");
    }
}

#[tokio::test]
async fn a_repeated_request_gets_the_first_answer_and_another_is_refused() {
    let house = House::with(|config| config.styles_per_artist_max = 9).await;
    let ada = house.artist("ada").await;
    let ink = json!({ "name": "ink" });
    let first: Value = ada.post_once("k1", "/styles", &ink).await.gives(201);
    let again: Value = ada.post_once("k1", "/styles", &ink).await.gives(201);
    assert_eq!(first, again);
    ada.post_once("k1", "/styles", &json!({ "name": "oil" }))
        .await
        .refused(409, "idempotency_key_reused");
    ada.post_once("a key", "/styles", &ink)
        .await
        .refused(400, "request_invalid");
    // Twenty at once do it once.
    let wash = json!({ "name": "wash" });
    let all = futures_util::future::join_all((0..20).map(|_| ada.post_once("k2", "/styles", &wash)));
    let ids: BTreeSet<_> = all
        .await
        .into_iter()
        .map(|reply| reply.is(201)["id"].to_string())
        .collect();
    assert_eq!(ids.len(), 1);
}

#[tokio::test]
async fn what_was_counted_is_told_to_the_collector() {
    atelier_server::metrics::install();
    let house = House::new().await;
    house.nobody().get("/tags").await.is(200);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/metrics", listener.local_addr().expect("an address"));
    let router = atelier_server::metrics::router(house.app.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let told = reqwest::get(url).await.expect("answers").text().await.expect("text");
    for name in [
        "http_requests_total{",
        "http_request_duration_seconds_bucket{",
        "database_connections{",
    ] {
        assert!(told.contains(name), "no {name} in {told}");
    }
    house.nobody().get("/metrics").await.refused(404, "route_unknown");
}

#[tokio::test]
async fn the_description_tells_how_to_sign_in_and_how_refusals_look() {
    let nobody = House::new().await.nobody();
    assert_eq!(nobody.get("/").await.status, 200);
    let document = nobody.get("/openapi.json").await.is(200);
    assert_eq!(document, serde_json::to_value(app::openapi()).expect("plain data"));
    assert_eq!(document["components"]["securitySchemes"]["bearer"]["scheme"], "bearer");
    let mut ids = BTreeSet::new();
    for (path, item) in document["paths"].as_object().expect("routes") {
        for (method, operation) in item.as_object().expect("methods") {
            let refusal = &operation["responses"]["4XX"]["content"]["application/json"]["schema"]["$ref"];
            assert_eq!(refusal, "#/components/schemas/Refusal", "{method} {path}");
            let id = operation["operationId"]
                .as_str()
                .unwrap_or_else(|| panic!("{method} {path} has no id"));
            assert!(ids.insert(id.to_owned()), "two operations are called {id}");
        }
    }
}
