//! What a studio and the system's browser do to sign somebody in.

use std::collections::BTreeMap;

use atelier_contract::SessionTokens;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use sha2::Digest as _;
use url::Url;

use crate::harness::{House, Person, Reply};

/// Where the studio listens; nobody has to, since the browser is one of ours.
const STUDIO: &str = "http://127.0.0.1:4711/back";

/// A sign-in of one studio.
pub(crate) struct SignIn {
    base: String,
    verifier: String,
    browser: Browser,
}

/// A browser: follows nothing by itself, keeps cookies.
pub(crate) struct Browser {
    http: Client,
    cookies: BTreeMap<String, String>,
}

/// A page or a redirect.
pub(crate) struct Seen {
    pub(crate) status: u16,
    pub(crate) location: Option<Url>,
    pub(crate) body: String,
}

impl Browser {
    pub(crate) fn new() -> Self {
        let http = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .expect("a browser");
        Self {
            http,
            cookies: BTreeMap::new(),
        }
    }

    async fn send(&mut self, at: &Url, request: RequestBuilder) -> Seen {
        let cookies: Vec<_> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let response = request
            .header(COOKIE, cookies.join("; "))
            .send()
            .await
            .expect("an answer");
        for cookie in response.headers().get_all(SET_COOKIE) {
            let pair = cookie.to_str().expect("text").split(';').next().expect("a first part");
            let (name, value) = pair.split_once('=').expect("a pair");
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        let location = response
            .headers()
            .get(LOCATION)
            .map(|to| at.join(to.to_str().expect("text")).expect("an address"));
        Seen {
            status: response.status().as_u16(),
            location,
            body: response.text().await.expect("a body"),
        }
    }

    pub(crate) async fn get(&mut self, at: &Url) -> Seen {
        let request = self.http.get(at.clone());
        self.send(at, request).await
    }

    pub(crate) async fn post(&mut self, at: &Url, fields: &[(&str, &str)]) -> Seen {
        let form = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        let request = self.http.request(Method::POST, at.clone());
        let request = request
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form);
        self.send(at, request).await
    }
}

impl Seen {
    /// Where it leads.
    #[track_caller]
    pub(crate) fn leads(self) -> Url {
        let (status, body) = (self.status, self.body);
        self.location.unwrap_or_else(|| panic!("{status}, no redirect: {body}"))
    }
}

impl SignIn {
    pub(crate) fn new(house: &House) -> Self {
        Self {
            base: format!("http://{}", house.address),
            verifier: URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>()),
            browser: Browser::new(),
        }
    }

    pub(crate) fn browser(&mut self) -> &mut Browser {
        &mut self.browser
    }

    /// The server's page to begin at, for a redirect.
    pub(crate) fn start(&self, redirect: &str) -> Url {
        let challenge = URL_SAFE_NO_PAD.encode(sha2::Sha256::digest(self.verifier.as_bytes()));
        let mut start: Url = format!("{}/sign-in", self.base).parse().expect("an address");
        start
            .query_pairs_mut()
            .append_pair("redirect", redirect)
            .append_pair("challenge", &challenge)
            .append_pair("state", "the studio's");
        start
    }

    /// Opens the browser; gives where the provider is asked.
    pub(crate) async fn at_provider(&mut self) -> Url {
        let start = self.start(STUDIO);
        self.browser.get(&start).await.leads()
    }

    /// Says who one is to the development provider; gives where it sends the browser back to.
    pub(crate) async fn back(&mut self, name: &str) -> Url {
        let mut provider = self.at_provider().await;
        provider.query_pairs_mut().append_pair("login_hint", name);
        self.browser.get(&provider).await.leads()
    }

    /// Goes on from there to the studio; gives what it is told: `code` or `error`.
    pub(crate) async fn told(&mut self, back: &Url) -> BTreeMap<String, String> {
        let studio = self.browser.get(back).await.leads();
        assert!(studio.as_str().starts_with(STUDIO), "{studio}");
        let told: BTreeMap<_, _> = studio.query_pairs().into_owned().collect();
        assert_eq!(told["state"], "the studio's");
        told
    }

    /// Exchanges a code.
    pub(crate) async fn exchange(&self, house: &House, code: &str, more: Value) -> Reply {
        let mut body = json!({ "code": code, "verifier": self.verifier, "device_name": "desk" });
        for (name, value) in more.as_object().into_iter().flatten() {
            body[name] = value.clone();
        }
        house.nobody().post("/sessions", &body).await
    }

    /// All of it, with the development provider.
    pub(crate) async fn of(house: &House, name: &str, more: Value) -> Reply {
        let mut sign_in = Self::new(house);
        let back = sign_in.back(name).await;
        let told = sign_in.told(&back).await;
        sign_in.exchange(house, &told["code"], more).await
    }
}

/// Somebody whom the development provider signed in.
pub(crate) async fn signed_in(house: &House, name: &str) -> (Person, SessionTokens) {
    let tokens: SessionTokens = SignIn::of(house, name, json!({})).await.gives(201);
    (house.nobody().with_token(&tokens.access_token), tokens)
}
