//! Signing in and staying so.

use atelier_contract::{Account, Page, SessionTokens, SessionView};
use serde_json::json;

use crate::browser::{SignIn, signed_in};
use crate::harness::{House, Reply};

async fn refresh(house: &House, token: &str) -> Reply {
    house
        .nobody()
        .post("/sessions/refresh", &json!({ "refresh_token": token }))
        .await
}

/// Lets the grace of every replaced token run out.
async fn grace_ends(house: &House) {
    sqlx::query("UPDATE refresh_tokens SET replaced_at = replaced_at - interval '31 seconds'")
        .execute(house.pool())
        .await
        .expect("moved back");
}

#[tokio::test]
async fn who_comes_first_gets_the_bonus_and_never_again() {
    let house = House::new().await;
    let (ada, first) = signed_in(&house, "ada").await;
    let account: Account = ada.get("/users/me").await.gives(200);
    assert_eq!((account.username.as_str(), account.token_balance.get()), ("ada", 100));
    assert_eq!(account.provider, "development");
    let (_, second) = signed_in(&house, "ada").await;
    assert_eq!(second.user, first.user);
    assert_ne!(second.session, first.session);
    let account: Account = ada.get("/users/me").await.gives(200);
    assert_eq!(account.token_balance.get(), 100);
    let differences = atelier_server::reconcile::reconcile(house.pool())
        .await
        .expect("compared");
    assert!(differences.is_empty(), "{differences:?}");
}

#[tokio::test]
async fn somebody_who_comes_ten_times_at_once_is_one() {
    let house = House::new().await;
    let all = futures_util::future::join_all((0..10).map(|_| signed_in(&house, "ada"))).await;
    assert!(all.iter().all(|(_, tokens)| tokens.user == all[0].1.user));
    let account: Account = all[0].0.get("/users/me").await.gives(200);
    assert_eq!(account.token_balance.get(), 100);
}

#[tokio::test]
async fn a_taken_name_is_not_given_twice() {
    let house = House::new().await;
    house.user("ada").await;
    let (other, _) = signed_in(&house, "ada").await;
    let account: Account = other.get("/users/me").await.gives(200);
    assert!(account.username.starts_with("user-"), "{}", account.username);
}

#[tokio::test]
async fn a_code_is_for_one_studio_once() {
    let house = House::new().await;
    let mut sign_in = SignIn::new(&house);
    let back = sign_in.back("ada").await;
    let told = sign_in.told(&back).await;
    // The provider's answer comes a second time.
    let again = sign_in.browser().get(&back).await;
    assert_eq!(again.status, 422, "{}", again.body);
    sign_in.exchange(&house, &told["code"], json!({})).await.is(201);
    let repeated = sign_in.exchange(&house, &told["code"], json!({})).await;
    repeated.refused(422, "sign_in_failed");

    let back = sign_in.back("ada").await;
    let told = sign_in.told(&back).await;
    let thief = SignIn::new(&house);
    let stolen = thief.exchange(&house, &told["code"], json!({})).await;
    stolen.refused(422, "sign_in_failed");
    let late = sign_in.exchange(&house, &told["code"], json!({})).await;
    late.refused(422, "sign_in_failed");
}

#[tokio::test]
async fn a_code_runs_out() {
    let house = House::new().await;
    let mut sign_in = SignIn::new(&house);
    let back = sign_in.back("ada").await;
    let told = sign_in.told(&back).await;
    sqlx::query("UPDATE sign_in_attempts SET expires_at = now() - interval '1 second'")
        .execute(house.pool())
        .await
        .expect("moved back");
    sign_in
        .exchange(&house, &told["code"], json!({}))
        .await
        .refused(422, "sign_in_failed");
    house.sweep().await;
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM sign_in_attempts")
        .fetch_one(house.pool())
        .await
        .expect("counted");
    assert_eq!(left, 0);
}

#[tokio::test]
async fn only_a_studio_on_the_same_machine_is_told() {
    let house = House::new().await;
    let mut sign_in = SignIn::new(&house);
    for redirect in [
        "https://evil.example/",
        "http://localhost:4711/",
        "http://127.0.0.1/",
        "http://127.0.0.1:1@evil.example/",
    ] {
        let start = sign_in.start(redirect);
        let seen = sign_in.browser().get(&start).await;
        assert_eq!(seen.status, 400, "{redirect}: {}", seen.body);
    }
}

#[tokio::test]
async fn each_refresh_token_is_for_one_use_and_its_lost_answer_comes_again() {
    let house = House::new().await;
    let (_, first) = signed_in(&house, "ada").await;
    let second: SessionTokens = refresh(&house, &first.refresh_token).await.gives(200);
    assert_ne!(second.refresh_token, first.refresh_token);
    assert_eq!(second.session, first.session);
    let again: SessionTokens = refresh(&house, &first.refresh_token).await.gives(200);
    assert_eq!(again.refresh_token, second.refresh_token);
    let third: SessionTokens = refresh(&house, &second.refresh_token).await.gives(200);
    let ada = house.nobody().with_token(&third.access_token);
    ada.get("/users/me").await.is(200);
    let kept: i64 = sqlx::query_scalar("SELECT count(*) FROM refresh_tokens WHERE sha256 = convert_to($1, 'UTF8')")
        .bind(&third.refresh_token)
        .fetch_one(house.pool())
        .await
        .expect("counted");
    assert_eq!(kept, 0, "no token itself is stored");
}

#[tokio::test]
async fn a_stolen_refresh_token_ends_the_session_for_both() {
    let house = House::new().await;
    let (_, first) = signed_in(&house, "ada").await;
    let (other, _) = signed_in(&house, "ada").await;
    let second: SessionTokens = refresh(&house, &first.refresh_token).await.gives(200);
    grace_ends(&house).await;
    refresh(&house, &first.refresh_token)
        .await
        .refused(401, "not_signed_in");
    refresh(&house, &second.refresh_token)
        .await
        .refused(401, "not_signed_in");
    let ada = house.nobody().with_token(&second.access_token);
    ada.get("/users/me").await.refused(401, "not_signed_in");
    other.get("/users/me").await.is(200);
}

#[tokio::test]
async fn an_older_token_than_the_predecessor_has_no_grace() {
    let house = House::new().await;
    let (_, first) = signed_in(&house, "ada").await;
    let second: SessionTokens = refresh(&house, &first.refresh_token).await.gives(200);
    let third: SessionTokens = refresh(&house, &second.refresh_token).await.gives(200);
    refresh(&house, &first.refresh_token)
        .await
        .refused(401, "not_signed_in");
    refresh(&house, &third.refresh_token)
        .await
        .refused(401, "not_signed_in");
}

#[tokio::test]
async fn many_refreshes_at_once_get_the_same_successor() {
    let house = House::new().await;
    let (_, first) = signed_in(&house, "ada").await;
    let all = futures_util::future::join_all((0..8).map(|_| refresh(&house, &first.refresh_token))).await;
    let all: Vec<SessionTokens> = all.into_iter().map(|reply| reply.gives(200)).collect();
    assert!(all.iter().all(|tokens| tokens.refresh_token == all[0].refresh_token));
    refresh(&house, &all[0].refresh_token).await.is(200);
}

#[tokio::test]
async fn sessions_are_listed_and_ended_by_their_owner_alone() {
    let house = House::new().await;
    let (ada, here) = signed_in(&house, "ada").await;
    let (_, there) = signed_in(&house, "ada").await;
    let (ben, _) = signed_in(&house, "ben").await;
    let list: Page<SessionView> = ada.get("/sessions").await.gives(200);
    let ids: Vec<_> = list.items.iter().map(|session| (session.id, session.is_this)).collect();
    assert_eq!(ids, [(there.session, false), (here.session, true)]);
    assert_eq!(list.items[0].device_name.as_deref(), Some("desk"));
    ben.delete(&format!("/sessions/{}", there.session)).await.is(204);
    let there_still = refresh(&house, &there.refresh_token).await;
    let there: SessionTokens = there_still.gives(200);
    ada.delete(&format!("/sessions/{}", there.session)).await.is(204);
    refresh(&house, &there.refresh_token)
        .await
        .refused(401, "not_signed_in");
    ada.delete("/sessions/current").await.is(204);
    ada.get("/users/me").await.refused(401, "not_signed_in");
    refresh(&house, &here.refresh_token).await.refused(401, "not_signed_in");
}

#[tokio::test]
async fn a_session_that_nobody_uses_is_over() {
    let house = House::new().await;
    let (_, tokens) = signed_in(&house, "ada").await;
    sqlx::query("UPDATE sessions SET used_at = now() - interval '61 days'")
        .execute(house.pool())
        .await
        .expect("moved back");
    refresh(&house, &tokens.refresh_token)
        .await
        .refused(401, "not_signed_in");
    house.sweep().await;
    let reason: Option<String> = sqlx::query_scalar("SELECT end_reason FROM sessions")
        .fetch_one(house.pool())
        .await
        .expect("the session");
    assert_eq!(reason.as_deref(), Some("expired"));
}

#[tokio::test]
async fn a_hosted_server_has_no_provider_that_believes_anybody() {
    let house = House::with(|config| {
        config.mode = atelier_server::config::Mode::Hosted;
        config.signing_key = Some("07".repeat(32).into());
        config.public_url = Some("https://atelier.example/".parse().expect("an address"));
        config.sign_in.client_id = Some("atelier".to_owned());
        config.limits.trusted_proxies = Some(1);
        config.sign_in.issuer = "https://127.0.0.1:9".parse().expect("an address");
    })
    .await;
    house
        .nobody()
        .get("/development/issuer/keys")
        .await
        .refused(404, "route_unknown");
    let mut sign_in = SignIn::new(&house);
    let start = sign_in.start("http://127.0.0.1:4711/back");
    assert_eq!(sign_in.browser().get(&start).await.status, 422);
}
