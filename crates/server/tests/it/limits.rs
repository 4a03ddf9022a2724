//! Who comes too often or holds too much is turned away, and keeps nobody else out.

use std::time::{Duration, Instant};

use atelier_contract::SealKey;
use reqwest::{Method, Response};
use serde_json::json;

use crate::harness::{House, Line, Person, send};
use crate::studio::{png, sha256};

async fn ask(who: &Person, path: &str) -> Response {
    who.request(Method::GET, path).send().await.expect("answers")
}

/// The seconds after which one is to come again.
#[track_caller]
fn told_to_come_again(answer: &Response, status: u16) -> u64 {
    assert_eq!(answer.status(), status);
    let after = answer.headers().get("retry-after").expect("it says when");
    after.to_str().expect("text").parse().expect("seconds")
}

/// An upload of `file`, declared.
async fn declared(who: &Person, file: &[u8]) -> String {
    let body = json!({ "purpose": "profile_image", "bytes": file.len(), "sha256": sha256(file) });
    let upload = who.post("/uploads", &body).await.is(201);
    format!("/uploads/{}/content", upload["id"])
}

#[tokio::test]
async fn an_address_that_comes_too_often_is_turned_away_for_a_while() {
    let house = House::with(|config| config.limits.per_address_min = 3).await;
    for _ in 0..3 {
        house.nobody().get("/tags").await.is(200);
    }
    let answer = ask(&house.nobody(), "/tags").await;
    assert!((1..=21).contains(&told_to_come_again(&answer, 429)));
    house.nobody().get("/tags").await.refused(429, "too_many_requests");
    // Who looks after the process always gets through.
    house.nobody().get("/healthz").await.is(200);
}

#[tokio::test]
async fn a_user_who_comes_too_often_is_turned_away_in_all_sessions() {
    let house = House::with(|config| config.limits.per_user_min = 3).await;
    let ada = house.user("ada").await;
    let elsewhere = ada.on_device(&house, Some(SealKey::new([7; 32]))).await;
    for session in [&ada, &elsewhere, &ada] {
        session.get("/users/me").await.is(200);
    }
    for session in [&ada, &elsewhere] {
        let answer = ask(session, "/users/me").await;
        assert!((1..=21).contains(&told_to_come_again(&answer, 429)));
    }
    // A list that is for everybody is counted as well, for who says who they are.
    ada.get("/generations").await.refused(429, "too_many_requests");
    house.nobody().get("/generations").await.is(200);
    house.user("ben").await.get("/users/me").await.is(200);
}

#[tokio::test]
async fn a_device_that_comes_too_often_is_turned_away_whoever_is_signed_in() {
    let house = House::with(|config| config.limits.per_device_min = 2).await;
    let device = SealKey::new([7; 32]);
    let (ada, ben) = (house.user("ada").await, house.user("ben").await);
    for person in [&ada, &ben] {
        person
            .on_device(&house, Some(device))
            .await
            .get("/users/me")
            .await
            .is(200);
    }
    let again = ask(&ben.on_device(&house, Some(device)).await, "/users/me").await;
    assert!((1..=31).contains(&told_to_come_again(&again, 429)));
    let another = ben.on_device(&house, Some(SealKey::new([8; 32]))).await;
    another.get("/users/me").await.is(200);
    ada.get("/users/me").await.is(200);
}

#[tokio::test]
async fn a_server_that_has_all_it_can_do_says_so() {
    let house = House::with(|config| config.limits.requests_max = 1).await;
    let (address, body) = (house.address.to_string(), "{}");
    let json = [("content-type", "application/json")];
    let mut busy = Line::waiting_for_body(&address, "POST /sessions", &json, body.len()).await;
    let answer = ask(&house.nobody(), "/tags").await;
    assert_eq!(told_to_come_again(&answer, 503), 1);
    house.nobody().get("/tags").await.refused(503, "server_busy");
    house.nobody().get("/readyz").await.is(200);
    busy.say(body).await;
    busy.hear("\r\n\r\n").await;
    house.nobody().get("/tags").await.is(200);
}

#[tokio::test]
async fn a_connection_that_sends_half_a_head_is_closed() {
    let house = House::with(|config| config.limits.head_s_max = 1).await;
    let mut slow = Line::to(&house.address.to_string()).await;
    slow.say("GET /tags HTTP/1.1\r\nhost: it\r\nx-never").await;
    let heard = slow.hear("it is not to be answered").await;
    assert!(!heard.contains("200 OK"), "{heard}");
    // Nor is one held that says nothing at all, or nothing more.
    let mut idle = Line::to(&house.address.to_string()).await;
    idle.say("GET /healthz HTTP/1.1\r\nhost: it\r\n\r\n").await;
    assert!(idle.hear("live\n").await.contains("200 OK"));
    assert_eq!(idle.hear("more").await, "");
}

#[tokio::test]
async fn more_connections_than_there_may_be_wait_for_their_turn() {
    let house = House::with(|config| config.limits.sockets_max = 1).await;
    let address = house.address.to_string();
    let request = "GET /healthz HTTP/1.1\r\nhost: it\r\n\r\n";
    let mut first = Line::to(&address).await;
    first.say(request).await;
    assert!(first.hear("live\n").await.contains("200 OK"));
    let mut second = Line::to(&address).await;
    second.say(request).await;
    let early = tokio::time::timeout(Duration::from_millis(200), second.hear("live\n")).await;
    assert!(early.is_err(), "{early:?}");
    drop(first);
    assert!(second.hear("live\n").await.contains("200 OK"));
}

#[tokio::test]
async fn streams_are_only_so_many_for_a_user_and_in_all() {
    let house = House::with(|config| {
        config.limits.streams_max = 3;
        config.limits.streams_per_user_max = 2;
    })
    .await;
    let (ada, ben) = (house.user("ada").await, house.user("ben").await);
    let listen = async |who: &Person| ask(who, "/feed/events").await;
    let (first, second) = (listen(&ada).await, listen(&ada).await);
    assert_eq!((first.status().as_u16(), second.status().as_u16()), (200, 200));
    told_to_come_again(&listen(&ada).await, 429);
    let third = listen(&ben).await;
    assert_eq!(third.status(), 200);
    told_to_come_again(&listen(&ben).await, 503);
    // Whoever hangs up makes room.
    drop(first);
    let deadline = Instant::now() + Duration::from_secs(20);
    while listen(&ben).await.status() != 200 {
        assert!(Instant::now() < deadline, "a place is held by nobody");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn uploads_that_stall_keep_nobody_out_and_are_given_up() {
    let house = House::with(|config| {
        config.limits.requests_max = 1;
        config.limits.uploads_max = 2;
        config.limits.uploads_per_user_max = 1;
        config.limits.upload_idle_s_max = 4;
    })
    .await;
    let (ada, ben) = (house.user("ada").await, house.user("ben").await);
    let file = png(7);
    let (first, second) = (declared(&ada, &file).await, declared(&ada, &file).await);
    let signed_in = [("authorization", &*format!("Bearer {}", ada.token()))];
    let address = house.address.to_string();
    let mut stalled = Line::waiting_for_body(&address, &format!("PUT {first}"), &signed_in, file.len()).await;
    // Ada has what one user may have; everybody else goes on.
    ada.put_bytes(&second, file.clone())
        .await
        .refused(429, "too_many_requests");
    ada.post(&second.replace("/content", "/check"), &json!({}))
        .await
        .refused(429, "too_many_requests");
    house.nobody().get("/tags").await.is(200);
    let bens = declared(&ben, &file).await;
    ben.put_bytes(&bens, file.clone()).await.is(200);
    let heard = stalled.hear("broke off").await;
    assert!(heard.contains("upload_refused"), "{heard}");
    ada.put_bytes(&second, file).await.is(200);
    send(ada.request(Method::GET, first.trim_end_matches("/content")))
        .await
        .is(200);
}

#[tokio::test]
async fn a_file_that_is_looked_at_may_take_as_long_as_one_that_is_brought() {
    let house = House::with(|config| config.limits.request_s_max = 1).await;
    let ada = house.user("ada").await;
    let file = png(7);
    let content = declared(&ada, &file).await;
    let upload = content.trim_end_matches("/content");
    let key = format!("quarantine/{}", upload.trim_start_matches("/uploads/"));
    house.app.objects.put(&key, file.into()).await.expect("put");
    // Somebody looks at it just now.
    let turn = house.app.objects.turn(&key).await.expect("nobody has it");
    let check = ada.request(Method::POST, &format!("{upload}/check"));
    let checked = tokio::spawn(send(check));
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(!checked.is_finished(), "it waits for its turn");
    drop(turn);
    let checked = checked.await.expect("no panic").is(200);
    assert_eq!(checked["status"], "verified");
}

#[tokio::test]
async fn slow_bodies_of_one_address_keep_no_other_out_and_are_given_up() {
    let house = House::with(|config| {
        config.limits.trusted_proxies = Some(1);
        config.limits.requests_max = 3;
        config.limits.requests_per_address_max = 2;
        config.limits.body_idle_s_max = 3;
    })
    .await;
    let address = house.address.to_string();
    let slow = [("content-type", "application/json"), ("x-forwarded-for", "192.0.2.1")];
    let mut first = Line::waiting_for_body(&address, "POST /sessions", &slow, 100).await;
    let mut second = Line::waiting_for_body(&address, "POST /sessions", &slow, 100).await;
    let come = async |from: &str| {
        let request = house.nobody().request(Method::GET, "/tags");
        let request = request.header("x-forwarded-for", from);
        request.send().await.expect("answers")
    };
    told_to_come_again(&come("192.0.2.1").await, 429);
    assert_eq!(come("192.0.2.2").await.status(), 200);
    for line in [&mut first, &mut second] {
        let heard = line.hear("broke off").await;
        assert!(heard.contains("request_invalid"), "{heard}");
    }
    assert_eq!(come("192.0.2.1").await.status(), 200);
}

#[tokio::test]
async fn an_export_is_written_once_at_a_time_for_each_user() {
    let house = House::new().await;
    let (ada, ben) = (house.user("ada").await, house.user("ben").await);
    // More than lies between the server and who reads.
    sqlx::query(
        "INSERT INTO generations (user_id, description, status)
         SELECT $1, repeat('x', 1000), 'failed' FROM generate_series(1, 60000)",
    )
    .bind(ada.id().get())
    .execute(house.pool())
    .await
    .expect("many");
    let unread = ask(&ada, "/users/me/export").await;
    assert_eq!(unread.status(), 200);
    told_to_come_again(&ask(&ada, "/users/me/export").await, 429);
    ben.get("/users/me/export").await.is(200);
    drop(unread);
    let deadline = Instant::now() + Duration::from_secs(20);
    while ask(&ada, "/users/me/export").await.status() != 200 {
        assert!(Instant::now() < deadline, "a place is held by nobody");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
