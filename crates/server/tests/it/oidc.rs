//! Signing in by a certified provider: `oidc-provider`, in a process of its own.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use atelier_contract::{Account, SessionTokens};
use serde_json::json;
use url::Url;

use crate::browser::SignIn;
use crate::harness::House;

/// The provider. Killed when dropped; ends by itself when this program does.
struct Provider {
    child: Child,
    said: BufReader<std::process::ChildStdout>,
    issuer: String,
}

impl Provider {
    fn start() -> Self {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/oidc");
        assert!(
            folder.join("node_modules/oidc-provider").is_dir(),
            "run scripts/prepare test: the provider is not installed"
        );
        let mut child = Command::new("node")
            .arg("provider.mjs")
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("node");
        let mut said = BufReader::new(child.stdout.take().expect("piped"));
        let mut issuer = String::new();
        said.read_line(&mut issuer).expect("a line");
        let issuer = issuer.trim().to_owned();
        assert!(issuer.starts_with("http://127.0.0.1:"), "it said {issuer:?}");
        Self { child, said, issuer }
    }

    fn serve(&mut self, house: &House, code_s: u32) {
        let client = json!({ "redirect": format!("http://{}/sign-in/callback", house.address), "code_s": code_s });
        let stdin = self.child.stdin.as_mut().expect("piped");
        writeln!(stdin, "{client}").expect("it listens");
        let mut line = String::new();
        while line.trim() != "ready" {
            line.clear();
            assert!(self.said.read_line(&mut line).expect("a line") > 0, "it ended");
        }
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn house(code_s: u32) -> (House, Provider) {
    let mut provider = tokio::task::spawn_blocking(Provider::start).await.expect("it starts");
    let issuer = provider.issuer.clone();
    let house = House::with(|config| {
        config.sign_in.provider = "judge".to_owned();
        config.sign_in.issuer = issuer.parse().expect("an address");
        config.sign_in.client_id = Some("atelier".to_owned());
        config.sign_in.client_secret = Some("not a secret here".to_owned().into());
    })
    .await;
    provider.serve(&house, code_s);
    (house, provider)
}

/// Goes through the provider's own pages as somebody; gives where it sends the browser back to.
async fn through(sign_in: &mut SignIn, name: &str) -> Url {
    let mut at = sign_in.at_provider().await;
    for _ in 0..10 {
        if at.path() == "/sign-in/callback" {
            return at;
        }
        let seen = sign_in.browser().get(&at).await;
        at = match &seen.location {
            Some(_) => seen.leads(),
            None if seen.body.contains("value=\"login\"") => {
                let fields = [("prompt", "login"), ("login", name), ("password", "any")];
                sign_in.browser().post(&at, &fields).await.leads()
            }
            None => sign_in.browser().post(&at, &[("prompt", "consent")]).await.leads(),
        };
    }
    panic!("still at {at}");
}

#[tokio::test]
async fn a_certified_provider_signs_somebody_in() {
    let (house, _provider) = house(60).await;
    let mut sign_in = SignIn::new(&house);
    let back = through(&mut sign_in, "ada").await;
    let told = sign_in.told(&back).await;
    let tokens: SessionTokens = sign_in.exchange(&house, &told["code"], json!({})).await.gives(201);
    let ada = house.nobody().with_token(&tokens.access_token);
    let account: Account = ada.get("/users/me").await.gives(200);
    assert_eq!((account.username.as_str(), account.provider.as_str()), ("ada", "judge"));
    assert_eq!(account.token_balance.get(), 100);
    let email: Option<String> = sqlx::query_scalar("SELECT verified_email FROM sessions")
        .fetch_one(house.pool())
        .await
        .expect("the session");
    assert_eq!(email.as_deref(), Some("ada@example.org"));
    // Another time, in another browser.
    let mut sign_in = SignIn::new(&house);
    let back = through(&mut sign_in, "ada").await;
    let told = sign_in.told(&back).await;
    let again: SessionTokens = sign_in.exchange(&house, &told["code"], json!({})).await.gives(201);
    assert_eq!(again.user, tokens.user);
}

#[tokio::test]
async fn an_unproven_email_is_nobodys() {
    let (house, _provider) = house(60).await;
    let mut sign_in = SignIn::new(&house);
    let back = through(&mut sign_in, "unproven").await;
    let told = sign_in.told(&back).await;
    sign_in.exchange(&house, &told["code"], json!({})).await.is(201);
    let email: Option<String> = sqlx::query_scalar("SELECT verified_email FROM sessions")
        .fetch_one(house.pool())
        .await
        .expect("the session");
    assert_eq!(email, None);
}

#[tokio::test]
async fn another_nonce_state_or_verifier_signs_nobody_in() {
    let (house, _provider) = house(60).await;
    for (column, value) in [
        ("nonce", "another"),
        ("verifier", "another-verifier-that-is-as-long-as-one-has-to-be-000"),
    ] {
        let mut sign_in = SignIn::new(&house);
        let back = through(&mut sign_in, "ada").await;
        let change = format!("UPDATE sign_in_attempts SET {column} = $1 WHERE answered_at IS NULL");
        sqlx::query(sqlx::AssertSqlSafe(change))
            .bind(value)
            .execute(house.pool())
            .await
            .expect("changed");
        let told = sign_in.told(&back).await;
        assert_eq!(told["error"], "sign_in_failed", "{column}");
    }
    let mut sign_in = SignIn::new(&house);
    let mut back = through(&mut sign_in, "ada").await;
    let code = back
        .query_pairs()
        .find(|(name, _)| name == "code")
        .expect("a code")
        .1
        .into_owned();
    back.query_pairs_mut()
        .clear()
        .append_pair("code", &code)
        .append_pair("state", "another");
    assert_eq!(sign_in.browser().get(&back).await.status, 422);
    let users: i64 = sqlx::query_scalar("SELECT count(*) FROM users WHERE provider = 'judge'")
        .fetch_one(house.pool())
        .await
        .expect("counted");
    assert_eq!(users, 0);
}

#[tokio::test]
async fn a_code_of_the_provider_runs_out() {
    let (house, _provider) = house(1).await;
    let mut sign_in = SignIn::new(&house);
    let back = through(&mut sign_in, "ada").await;
    // The provider's clock has nothing to wait for but time.
    tokio::time::sleep(Duration::from_millis(2500)).await;
    assert_eq!(sign_in.told(&back).await["error"], "sign_in_failed");
}

#[tokio::test]
async fn a_provider_that_is_away_signs_nobody_in() {
    let (house, provider) = house(60).await;
    drop(provider);
    let mut sign_in = SignIn::new(&house);
    let start = sign_in.start("http://127.0.0.1:4711/back");
    let seen = sign_in.browser().get(&start).await;
    assert!(
        seen.status == 422 && seen.body.contains("sign_in_failed"),
        "{}",
        seen.body
    );
}
