//! Accounts: what they are called, deactivation, artists, and everything that is kept about somebody.

use atelier_contract::{Account, SessionTokens, UserView};
use serde_json::{Value, json};

use crate::browser::{SignIn, signed_in};
use crate::harness::{House, Person, Program};
use crate::studio::{png, sha256};

async fn uploaded(person: &Person, purpose: &str) -> i64 {
    let file = png(64);
    let declared = json!({ "purpose": purpose, "bytes": file.len(), "sha256": sha256(&file) });
    let upload: Value = person.post("/uploads", &declared).await.gives(201);
    let path = upload["put"].as_str().expect("a path").to_owned();
    person.put_bytes(&path, file).await.is(200);
    upload["id"].as_i64().expect("an id")
}

#[tokio::test]
async fn a_profile_is_what_its_owner_says() {
    let house = House::new().await;
    let (ada, tokens) = signed_in(&house, "ada").await;
    let (ben, _) = signed_in(&house, "ben").await;
    let image = uploaded(&ada, "profile_image").await;
    let change = json!({ "username": "에이다", "bio": "잉크", "profile_image": image });
    let account: Account = ada.patch("/users/me", &change).await.gives(200);
    assert_eq!(
        (account.username.as_str(), account.bio.as_deref()),
        ("에이다", Some("잉크"))
    );
    let seen: UserView = ben.get(&format!("/users/{}", tokens.user)).await.gives(200);
    assert_eq!(seen.username, "에이다");
    let picture = seen.profile_image.expect("a picture");
    assert_eq!(house.nobody().get(&picture).await.status, 200);
    let account: Account = ada
        .patch("/users/me", &json!({ "bio": "", "without_profile_image": true }))
        .await
        .gives(200);
    assert_eq!((account.bio, account.profile_image), (None, None));
    house.nobody().get(&picture).await.refused(404, "user_unknown");
}

#[tokio::test]
async fn a_username_is_one_persons() {
    let house = House::new().await;
    let (ada, _) = signed_in(&house, "ada").await;
    let (ben, _) = signed_in(&house, "ben").await;
    ben.patch("/users/me", &json!({ "username": "ada" }))
        .await
        .refused(409, "username_taken");
    for bad in ["", " ada", "a\u{200b}da", &"x".repeat(51)] {
        let refused = ben.patch("/users/me", &json!({ "username": bad })).await;
        assert!(matches!(refused.status, 400 | 422), "{bad:?}: {}", refused.body);
    }
    let longest = "긴".repeat(50);
    ben.patch("/users/me", &json!({ "username": longest })).await.is(200);
    let account: Account = ada.get("/users/me").await.gives(200);
    assert_eq!(account.username, "ada");
}

#[tokio::test]
async fn a_user_is_one_of_provider_and_subject() {
    let house = House::new().await;
    signed_in(&house, "ada").await;
    let twice =
        sqlx::query("INSERT INTO users (username, provider, provider_user_id) VALUES ('x', 'development', 'ada')")
            .execute(house.pool())
            .await
            .expect_err("there is one");
    let constraint = twice
        .into_database_error()
        .expect("the database's")
        .constraint()
        .map(str::to_owned);
    assert_eq!(constraint.as_deref(), Some("unique_provider_user"));
}

#[tokio::test]
async fn a_deactivated_account_comes_back_without_a_second_bonus() {
    let house = House::new().await;
    let (ada, tokens) = signed_in(&house, "ada").await;
    ada.post("/users/me/deactivate", &json!({})).await.is(204);
    ada.get("/users/me").await.refused(403, "account_inactive");
    house
        .nobody()
        .get(&format!("/users/{}", tokens.user))
        .await
        .refused(404, "user_unknown");
    let refreshed = house
        .nobody()
        .post("/sessions/refresh", &json!({ "refresh_token": tokens.refresh_token }))
        .await;
    refreshed.refused(401, "not_signed_in");
    let mut sign_in = SignIn::new(&house);
    let back = sign_in.back("ada").await;
    let code = sign_in.told(&back).await["code"].clone();
    sign_in
        .exchange(&house, &code, json!({}))
        .await
        .refused(403, "account_inactive");
    let again: SessionTokens = sign_in
        .exchange(&house, &code, json!({ "reactivate": true }))
        .await
        .gives(201);
    assert_eq!(again.user, tokens.user);
    let ada = house.nobody().with_token(&again.access_token);
    let account: Account = ada.get("/users/me").await.gives(200);
    assert_eq!(account.token_balance.get(), 100);
}

#[tokio::test]
async fn a_user_becomes_an_artist_with_a_signature() {
    let house = House::new().await;
    let (ada, tokens) = signed_in(&house, "ada").await;
    let (ben, _) = signed_in(&house, "ben").await;
    ada.get("/earnings").await.refused(403, "artist_only");
    ada.put("/users/me/artist", &json!({ "artist_name": "Ada" }))
        .await
        .refused(400, "request_invalid");
    let foreign = uploaded(&ben, "signature").await;
    let stolen = json!({ "artist_name": "Ada", "signature": foreign });
    ada.put("/users/me/artist", &stolen)
        .await
        .refused(404, "upload_unknown");
    let signature = uploaded(&ada, "signature").await;
    let profile = json!({ "artist_name": "Ada", "signature": signature });
    let account: Account = ada.put("/users/me/artist", &profile).await.gives(200);
    let artist = account.artist.expect("an artist");
    assert_eq!(artist.artist_name.as_deref(), Some("Ada"));
    assert_eq!(artist.verified_email.as_deref(), Some("ada@development.invalid"));
    assert_eq!(ada.get(&artist.signature.expect("a signature")).await.status, 200);
    ada.get("/earnings").await.is(200);
    ben.get("/users/me/artist/signature").await.refused(403, "artist_only");
    let renamed = json!({ "artist_name": "Ada L." });
    ada.put("/users/me/artist", &renamed).await.is(200);
    let seen: UserView = ben.get(&format!("/users/{}", tokens.user)).await.gives(200);
    assert_eq!(seen.artist_name.as_deref(), Some("Ada L."));
    let rows: (i64, String) =
        sqlx::query_as("SELECT count(*), min(role) FROM artists JOIN users ON users.id = user_id")
            .fetch_one(house.pool())
            .await
            .expect("counted");
    assert_eq!(rows, (1, "artist".to_owned()));
}

#[tokio::test]
async fn an_export_has_everything_and_nothing_of_others() {
    let house = House::new().await;
    let (ada, tokens) = signed_in(&house, "ada").await;
    let (ben, _) = signed_in(&house, "ben").await;
    let signature = uploaded(&ada, "signature").await;
    let profile = json!({ "artist_name": "Ada", "signature": signature });
    ada.put("/users/me/artist", &profile).await.is(200);
    ada.post("/styles", &json!({ "name": "ink", "tags": ["ink", "night"] }))
        .await
        .is(201);
    ben.patch("/users/me", &json!({ "bio": "ben's own" })).await.is(200);
    sqlx::query("INSERT INTO likes (user_id, generation_id) SELECT $1, id FROM generations")
        .bind(tokens.user.get())
        .execute(house.pool())
        .await
        .expect("none yet");
    sqlx::query(
        "INSERT INTO generations (user_id, description, status)
         SELECT $1, 'picture ' || number, 'failed' FROM generate_series(1, 1201) AS number",
    )
    .bind(tokens.user.get())
    .execute(house.pool())
    .await
    .expect("many");
    for statement in [
        "INSERT INTO sync_clients (user_id, client_id) SELECT $1, lpad(number::text, 32, '0')::uuid FROM generate_series(0, 501) AS number",
        "INSERT INTO mutations (user_id, client_id, mutation_id, outcome)
         SELECT user_id, client_id, number, '{}' FROM sync_clients, generate_series(1, 3) AS number WHERE user_id = $1",
    ] {
        let many = sqlx::query(statement).bind(tokens.user.get());
        many.execute(house.pool()).await.expect("many");
    }
    let all: Value = ada.get("/users/me/export").await.gives(200);
    assert_eq!(all["sync_clients"].as_array().map(Vec::len), Some(502));
    assert_eq!(all["mutations"].as_array().map(Vec::len), Some(3 * 502));
    assert_eq!(all["users"][0]["username"], "ada");
    assert_eq!(all["artists"][0]["artist_name"], "Ada");
    assert_eq!(all["sessions"].as_array().map(Vec::len), Some(1));
    assert_eq!(all["transactions"][0]["kind"], "welcome");
    assert_eq!(all["styles"][0]["tags"], json!(["ink", "night"]));
    assert_eq!(all["generations"].as_array().map(Vec::len), Some(1201));
    assert_eq!(all["uploads"][0]["purpose"], "signature");
    let text = all.to_string();
    assert!(!text.contains("ben's own") && !text.contains("content_key") && !text.contains("object_key"));
    assert_eq!(all["transactions"][0]["entries"][0]["account"], "balance");
    // Whatever refers to a user, by however many steps, is exported, is with a row that is, or is about how the server works.
    let about: Vec<String> = sqlx::query_scalar(
        "WITH RECURSIVE about(oid) AS (
             SELECT 'users'::regclass::oid
              UNION
             SELECT conrelid FROM pg_constraint JOIN about ON confrelid = about.oid WHERE contype = 'f'
         )
         SELECT oid::regclass::text FROM about",
    )
    .fetch_all(house.pool())
    .await
    .expect("their names");
    assert!(about.len() > 30, "{about:?}");
    let with_another = [
        ("attempts", "tickets"),
        ("artwork_tags", "artworks"),
        ("generation_tags", "generations"),
        ("hidden_generations", "generations"),
        ("ledger_entries", "transactions"),
        ("style_tags", "styles"),
        ("style_versions", "styles"),
        ("suspended_styles", "styles"),
    ];
    // Copies and indexes of what is exported, and what lives for minutes.
    let of_the_house = [
        "feed_changes",
        "feed_entries",
        "idempotency_keys",
        "publications",
        "publication_tags",
        "refresh_tokens",
        "sign_in_attempts",
        "style_words",
        "user_feed",
    ];
    for table in about.iter().map(String::as_str) {
        let at = with_another
            .iter()
            .find(|(name, _)| *name == table)
            .map_or(table, |(_, with)| with);
        assert!(
            all.get(at).is_some() || of_the_house.contains(&table),
            "{table} is not in the export"
        );
    }
}

#[tokio::test]
async fn an_export_tells_what_operators_and_providers_said_about_somebody() {
    let house = House::new().await;
    let (ada, tokens) = signed_in(&house, "ada").await;
    let (ben, _) = signed_in(&house, "ben").await;
    let user = tokens.user.get();
    for statement in [
        "INSERT INTO purchases (buyer_id, amount_tokens, price_per_token, provider_payment_key, provider_order_id)
         VALUES ($1, 100, 100, 'order-1', 'order-1')",
        "INSERT INTO payment_events (transmission_id, order_id, body) SELECT 'word of ' || $1::bigint, 'order-1', '{}'",
        "INSERT INTO operator_actions (operator, action, target_id, reason) VALUES ('grace', 'user rename', $1, 'asked by mail')",
        "INSERT INTO operator_actions (operator, action, target_id, reason)
         SELECT 'grace', 'refund ask', id, 'asked by phone' FROM purchases WHERE buyer_id = $1",
        "INSERT INTO suspensions (user_id) VALUES ($1)",
    ] {
        sqlx::query(statement)
            .bind(user)
            .execute(house.pool())
            .await
            .expect("written");
    }
    let all: Value = ada.get("/users/me/export").await.gives(200);
    assert_eq!(
        all["purchases"][0]["events"][0]["transmission_id"],
        format!("word of {user}")
    );
    let reasons: Vec<_> = all["operator_actions"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|act| act["reason"].clone())
        .collect();
    assert_eq!(reasons, ["asked by mail", "asked by phone"]);
    assert!(!all.to_string().contains("grace"));
    assert_eq!(all["suspensions"][0]["user_id"], user);
    let all: Value = ben.get("/users/me/export").await.gives(200);
    assert_eq!((&all["operator_actions"], &all["purchases"]), (&json!([]), &json!([])));
}

#[tokio::test]
async fn an_operator_takes_an_account_out_of_use_and_leaves_a_trace() {
    let house = House::new().await;
    let (ada, tokens) = signed_in(&house, "ada").await;
    let name: String = sqlx::query_scalar("SELECT current_database()::text")
        .fetch_one(house.pool())
        .await
        .expect("its name");
    let folder = tempfile::TempDir::new().expect("a folder");
    let user = tokens.user.to_string();
    let act = |arguments: &[&str]| {
        let url = crate::harness::cluster().url(&name);
        let mut command = Program::command(folder.path(), Some(&url), &[]);
        command.arg("user").args(arguments);
        let answer = command.output().expect("it starts");
        let said = String::from_utf8_lossy(&[answer.stdout, answer.stderr].concat()).into_owned();
        (answer.status.success(), said)
    };
    let by = ["--operator", "op", "--reason", "because"];
    let done = act(&[&["deactivate", user.as_str()], &by[..]].concat());
    assert!(done.0, "{}", done.1);
    ada.get("/users/me").await.refused(403, "account_inactive");
    let back = SignIn::of(&house, "ada", json!({ "reactivate": true })).await;
    back.refused(403, "account_suspended");
    assert!(
        !act(&[&["deactivate", user.as_str()], &by[..]].concat()).0,
        "nothing to do"
    );
    let done = act(&[&["reactivate", user.as_str()], &by[..]].concat());
    assert!(done.0, "{}", done.1);
    let done = act(&[&["rename", user.as_str(), "--name", "Ada L."], &by[..]].concat());
    assert!(done.0, "{}", done.1);
    let (ada, _) = signed_in(&house, "ada").await;
    let account: Account = ada.get("/users/me").await.gives(200);
    assert_eq!(account.username, "Ada L.");
    let shown = act(&["show", "Ada L."]).1;
    assert!(
        shown.contains("active") && shown.contains("user deactivate: because"),
        "{shown}"
    );
    let acts: i64 = sqlx::query_scalar("SELECT count(*) FROM operator_actions WHERE target_id = $1")
        .bind(tokens.user.get())
        .fetch_one(house.pool())
        .await
        .expect("counted");
    assert_eq!(acts, 3);
}
