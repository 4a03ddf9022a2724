//! A double of Toss Payments, written from its public documents (`https://docs.tosspayments.com/reference`, core API version 1): confirm,
//! look up by payment and by order, cancel, requests kept under their `Idempotency-Key`, webhooks. It can be asked to misbehave as
//! networks do.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use atelier_server::config::{Config, PaymentsConfig};
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// The merchant's keys, in the form that the documents show.
pub(crate) const CLIENT_KEY: &str = "test_ck_double";
pub(crate) const SECRET_KEY: &str = "test_sk_double";

/// What befalls one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mishap {
    /// None: the one after it meets the next request.
    Nothing,
    /// It is done, and the line breaks before the answer.
    AnswerLost,
    /// It never arrives.
    NeverArrives,
    /// An error of the provider's, after it was done.
    FailsAfter,
    /// An error of the provider's, before anything was done.
    FailsBefore,
    /// Another request under the same key is under way.
    Processing,
    /// The card is declined.
    Declined,
}

/// A payment of the provider's.
#[derive(Debug, Clone)]
struct Paid {
    order: String,
    status: &'static str,
    total: i64,
    balance: i64,
    currency: &'static str,
    declines: bool,
}

#[derive(Debug, Default)]
struct Books {
    payments: HashMap<String, Paid>,
    /// Payments of an order, the newest last.
    orders: HashMap<String, Vec<String>>,
    /// First answers by `Idempotency-Key`.
    answers: HashMap<String, (StatusCode, Value)>,
    mishaps: VecDeque<Mishap>,
    down: bool,
    made: u64,
    /// Payments that were confirmed, each once.
    confirmed: u64,
}

/// The provider.
#[derive(Debug, Clone)]
pub(crate) struct Toss {
    address: SocketAddr,
    books: Arc<Mutex<Books>>,
}

type Answer = (StatusCode, Value);

impl Toss {
    /// Begins to listen.
    pub(crate) async fn new() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let toss = Self {
            address: listener.local_addr().expect("an address"),
            books: Arc::default(),
        };
        let router = Router::new()
            .route("/v1/payments/confirm", post(confirm))
            .route("/v1/payments/{key}/cancel", post(cancel))
            .route("/v1/payments/{key}", get(by_key))
            .route("/v1/payments/orders/{order}", get(by_order))
            .layer(from_fn_with_state(toss.clone(), befall))
            .with_state(toss.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.expect("serves") });
        toss
    }

    /// Makes a server take its payments here.
    pub(crate) fn configure(&self, config: &mut Config) {
        config.payments = PaymentsConfig {
            client_key: Some(CLIENT_KEY.to_owned()),
            secret_key: Some(SECRET_KEY.to_owned().into()),
            url: self.url().parse().expect("an address"),
        };
    }

    /// Where it listens.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A buyer agrees to pay in the provider's window. Gives the payment's key, with which the browser is sent back.
    pub(crate) fn agree(&self, order: &str, total: i64) -> String {
        let mut books = self.books();
        books.made += 1;
        let key = format!("tviva{:024}", books.made);
        let paid = Paid {
            order: order.to_owned(),
            status: "IN_PROGRESS",
            total,
            balance: total,
            currency: "KRW",
            declines: false,
        };
        books.payments.insert(key.clone(), paid);
        books.orders.entry(order.to_owned()).or_default().push(key.clone());
        key
    }

    /// Changes a payment from outside: the merchant's own page, the clock, or an error of the provider's.
    pub(crate) fn set(&self, key: &str, status: &'static str, balance: i64) {
        let mut books = self.books();
        let paid = books.payments.get_mut(key).expect("it was agreed to");
        paid.status = status;
        paid.balance = balance;
    }

    /// Says another amount and currency than was paid from now on.
    pub(crate) fn contradict(&self, key: &str, total: i64, currency: &'static str) {
        let mut books = self.books();
        let paid = books.payments.get_mut(key).expect("it was agreed to");
        (paid.total, paid.balance, paid.currency) = (total, total, currency);
    }

    /// What was paid and not given back under each order, in won.
    pub(crate) fn takings(&self) -> HashMap<String, i64> {
        let mut takings = HashMap::new();
        for paid in self.books().payments.values() {
            if matches!(paid.status, "DONE" | "PARTIAL_CANCELED") {
                *takings.entry(paid.order.clone()).or_default() += paid.balance;
            }
        }
        takings
    }

    /// Payments that were confirmed.
    pub(crate) fn confirmed(&self) -> u64 {
        self.books().confirmed
    }

    /// Gives one part of a payment in so many back, from outside. Gives whether there was something.
    pub(crate) fn give_back(&self, key: &str, parts: i64) -> bool {
        let mut books = self.books();
        let Some(paid) = books.payments.get_mut(key) else {
            return false;
        };
        let there = matches!(paid.status, "DONE" | "PARTIAL_CANCELED");
        if there {
            paid.balance -= (paid.total / parts).min(paid.balance);
            paid.status = if paid.balance == 0 {
                "CANCELED"
            } else {
                "PARTIAL_CANCELED"
            };
        }
        there
    }

    /// Nothing goes wrong any more.
    pub(crate) fn behaves(&self) {
        let mut books = self.books();
        books.mishaps.clear();
        books.down = false;
    }

    /// Two weeks pass: what was answered under each key is kept no longer.
    pub(crate) fn forgets(&self) {
        self.books().answers.clear();
    }

    /// The next requests meet these, one each.
    pub(crate) fn next(&self, mishaps: &[Mishap]) {
        self.books().mishaps.extend(mishaps);
    }

    /// Answers nobody, or does again.
    pub(crate) fn is_down(&self, down: bool) {
        self.books().down = down;
    }

    /// The body of a webhook that says `status`, whatever is true.
    pub(crate) fn webhook(&self, key: &str, status: &str) -> Value {
        let mut data = told(key, &self.books().payments[key]);
        data["status"] = status.into();
        json!({ "eventType": "PAYMENT_STATUS_CHANGED", "createdAt": "2026-01-02T14:46:59.65327", "data": data })
    }
}

/// `Payment` as the documents give it, as far as anybody reads it.
fn told(key: &str, paid: &Paid) -> Value {
    json!({
        "version": "2022-11-16", "mId": "double", "paymentKey": key, "orderId": paid.order, "orderName": "tokens", "type": "NORMAL",
        "status": paid.status, "totalAmount": paid.total, "balanceAmount": paid.balance, "currency": paid.currency, "method": "카드",
        "requestedAt": "2026-01-02T14:46:43+09:00", "approvedAt": "2026-01-02T14:46:58+09:00", "useEscrow": false,
        "cancels": null, "card": { "issuerCode": "11", "number": "433012******1234", "installmentPlanMonths": 0 },
        "easyPay": null, "failure": null, "isPartialCancelable": true,
        "receipt": { "url": format!("https://dashboard.tosspayments.com/receipt/redirection?transactionId={key}") },
    })
}

fn refused(status: u16, code: &str) -> Answer {
    let status = StatusCode::from_u16(status).expect("a status");
    (status, json!({ "code": code, "message": "…" }))
}

fn broken_line() -> Response {
    let cut = futures_util::stream::once(async { Err::<bytes::Bytes, _>(std::io::Error::other("cut")) });
    Response::new(Body::from_stream(cut))
}

fn plain((status, body): Answer) -> Response {
    (status, Json(body)).into_response()
}

/// The line and the door: what goes wrong on the way, who asks, and what was asked before.
async fn befall(State(toss): State<Toss>, headers: HeaderMap, request: Request, next: Next) -> Response {
    let (down, mishap) = {
        let mut books = toss.books();
        let mishap = books.mishaps.pop_front();
        if mishap == Some(Mishap::Declined)
            && let Some(paid) = books.payments.values_mut().find(|paid| paid.status == "IN_PROGRESS")
        {
            paid.declines = true;
        }
        (books.down, mishap)
    };
    if down || mishap == Some(Mishap::NeverArrives) {
        return broken_line();
    }
    let basic = format!("Basic {}", STANDARD.encode(format!("{SECRET_KEY}:")));
    if headers.get("authorization").and_then(|value| value.to_str().ok()) != Some(&basic) {
        return plain(refused(401, "UNAUTHORIZED_KEY"));
    }
    match mishap {
        Some(Mishap::FailsBefore) => return plain(refused(500, "FAILED_INTERNAL_SYSTEM_PROCESSING")),
        Some(Mishap::Processing) => return plain(refused(409, "IDEMPOTENT_REQUEST_PROCESSING")),
        _ => {}
    }
    let answer = next.run(request).await;
    match mishap {
        Some(Mishap::AnswerLost) => broken_line(),
        Some(Mishap::FailsAfter) => plain(refused(500, "FAILED_PAYMENT_INTERNAL_SYSTEM_PROCESSING")),
        _ => answer,
    }
}

/// A POST under a key is done once; later ones get the first answer, also when it was an error.
fn once(toss: &Toss, headers: &HeaderMap, work: impl FnOnce(&mut Books) -> Answer) -> Response {
    let key = headers.get("idempotency-key").and_then(|value| value.to_str().ok());
    let Some(key) = key.filter(|key| key.len() <= 300) else {
        return plain(refused(400, "INVALID_IDEMPOTENCY_KEY"));
    };
    let mut books = toss.books();
    if let Some(answer) = books.answers.get(key) {
        return plain(answer.clone());
    }
    let answer = work(&mut books);
    books.answers.insert(key.to_owned(), answer.clone());
    plain(answer)
}

async fn confirm(State(toss): State<Toss>, headers: HeaderMap, Json(body): Json<Value>) -> Response {
    once(&toss, &headers, |books| {
        let key = body["paymentKey"].as_str().unwrap_or_default();
        let order = body["orderId"].as_str().unwrap_or_default();
        let done_before = books.orders.get(order).is_some_and(|keys| {
            let done =
                |other: &&String| !matches!(books.payments[*other].status, "IN_PROGRESS" | "ABORTED" | "EXPIRED");
            keys.iter().any(|other| done(&other))
        });
        let Some(paid) = books.payments.get_mut(key) else {
            return refused(404, "NOT_FOUND_PAYMENT_SESSION");
        };
        if paid.order != order || body["amount"].as_i64() != Some(paid.total) {
            return refused(403, "FORBIDDEN_REQUEST");
        }
        if done_before {
            return refused(400, "ALREADY_PROCESSED_PAYMENT");
        }
        if paid.status != "IN_PROGRESS" {
            return refused(404, "NOT_FOUND_PAYMENT_SESSION");
        }
        if paid.declines {
            paid.status = "ABORTED";
            return refused(403, "REJECT_CARD_PAYMENT");
        }
        paid.status = "DONE";
        let answer = told(key, paid);
        books.confirmed += 1;
        (StatusCode::OK, answer)
    })
}

async fn cancel(
    State(toss): State<Toss>,
    Path(key): Path<String>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    once(&toss, &headers, |books| {
        let Some(paid) = books.payments.get_mut(&key) else {
            return refused(404, "NOT_FOUND_PAYMENT");
        };
        if body["cancelReason"].as_str().is_none_or(str::is_empty) {
            return refused(400, "INVALID_REQUEST");
        }
        if paid.status == "CANCELED" {
            return refused(400, "ALREADY_CANCELED_PAYMENT");
        }
        let amount = body["cancelAmount"].as_i64().unwrap_or(paid.balance);
        if !matches!(paid.status, "DONE" | "PARTIAL_CANCELED") || amount > paid.balance || amount <= 0 {
            return refused(403, "NOT_CANCELABLE_AMOUNT");
        }
        paid.balance -= amount;
        paid.status = if paid.balance == 0 {
            "CANCELED"
        } else {
            "PARTIAL_CANCELED"
        };
        (StatusCode::OK, told(&key, paid))
    })
}

async fn by_key(State(toss): State<Toss>, Path(key): Path<String>) -> Response {
    plain(match toss.books().payments.get(&key) {
        Some(paid) => (StatusCode::OK, told(&key, paid)),
        None => refused(404, "NOT_FOUND_PAYMENT"),
    })
}

async fn by_order(State(toss): State<Toss>, Path(order): Path<String>) -> Response {
    let books = toss.books();
    plain(match books.orders.get(&order).and_then(|keys| keys.last()) {
        Some(key) => (StatusCode::OK, told(key, &books.payments[key])),
        None => refused(404, "NOT_FOUND_PAYMENT"),
    })
}
