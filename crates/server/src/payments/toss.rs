//! Toss Payments, core API version 1: `https://docs.tosspayments.com/reference`.

use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt as _};
use reqwest::{Client, Method, StatusCode};
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::{Number, Value, json};
use url::Url;

use super::{CheckoutPage, Order, Payment, PaymentError, PaymentState, Payments, escaped};
use crate::config::Secret;

/// Longest wait for an answer; after it nothing is known.
const ANSWER: Duration = Duration::from_secs(20);
/// Errors after which the payment may well be made: it is, or soon will be.
const UNKNOWN_CODES: [&str; 4] = [
    "IDEMPOTENT_REQUEST_PROCESSING",
    "ALREADY_PROCESSED_PAYMENT",
    "PROVIDER_ERROR",
    "FAILED_INTERNAL_SYSTEM_PROCESSING",
];

const PAGE: &str = include_str!("toss/checkout.html");

/// Toss Payments by its HTTP interface.
#[derive(Debug)]
pub struct Toss {
    url: Url,
    client_key: String,
    secret_key: Secret,
    http: Client,
}

impl Toss {
    /// With the two keys of a merchant; `url` is that of the interface.
    ///
    /// # Errors
    /// When there can be no client.
    pub fn new(url: Url, client_key: String, secret_key: Secret) -> reqwest::Result<Self> {
        let http = Client::builder()
            .timeout(ANSWER)
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(Self {
            url,
            client_key,
            secret_key,
            http,
        })
    }

    async fn look(&self, path: &[&str]) -> Result<Option<Payment>, PaymentError> {
        match self.ask(Method::GET, path, None).await {
            Ok(payment) => Ok(Some(payment)),
            Err(PaymentError::Refused { code }) if code == "NOT_FOUND_PAYMENT" => Ok(None),
            // Anything else it refuses says something about this server's keys, nothing about the payment.
            Err(PaymentError::Refused { code }) => Err(PaymentError::Unknown(code)),
            Err(error) => Err(error),
        }
    }

    /// `once`: a POST of the same name is done once, within 15 days.
    async fn ask(&self, method: Method, path: &[&str], once: Option<(&str, Value)>) -> Result<Payment, PaymentError> {
        let mut url = self.url.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(["v1", "payments"]).extend(path);
        }
        let mut request = self
            .http
            .request(method, url)
            .basic_auth(self.secret_key.expose(), Some(""));
        if let Some((once, body)) = once {
            request = request.header("Idempotency-Key", once).json(&body);
        }
        let away = |error: reqwest::Error| PaymentError::Away(error.without_url().to_string());
        let response = request.send().await.map_err(away)?;
        let status = response.status();
        let body = response.bytes().await.map_err(away)?;
        read(status, &body)
    }
}

/// What an answer says.
fn read(status: StatusCode, body: &[u8]) -> Result<Payment, PaymentError> {
    if status.is_success() {
        let told: Told = serde_json::from_slice(body).map_err(|error| PaymentError::Unknown(error.to_string()))?;
        return told.payment();
    }
    let refusal: Option<Said> = serde_json::from_slice(body).ok();
    match refusal {
        Some(Said { code }) if status.is_client_error() && !UNKNOWN_CODES.contains(&code.as_str()) => {
            Err(PaymentError::Refused { code })
        }
        Some(Said { code }) => Err(PaymentError::Unknown(format!("{status}: {code}"))),
        None => Err(PaymentError::Unknown(status.to_string())),
    }
}

impl Payments for Toss {
    fn name(&self) -> &'static str {
        "toss"
    }

    fn checkout(&self, order: &Order) -> CheckoutPage {
        let nonce: String = rand::random::<[u8; 16]>()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let mut html = PAGE.replace("{nonce}", &nonce);
        for (name, value) in [
            ("{client_key}", &self.client_key),
            ("{order}", &order.id),
            ("{title}", &order.title),
            ("{amount}", &order.amount.to_string()),
            ("{currency}", &order.currency),
            ("{success}", &order.success_url),
            ("{fail}", &order.fail_url),
        ] {
            html = html.replace(name, &escaped(value));
        }
        let policy = format!(
            "default-src 'none'; script-src 'nonce-{nonce}' https://*.tosspayments.com; style-src 'unsafe-inline'; \
             img-src https://*.tosspayments.com https://*.toss.im data:; connect-src https://*.tosspayments.com; \
             frame-src https://*.tosspayments.com; form-action https://*.tosspayments.com; frame-ancestors 'none'; base-uri 'none'"
        );
        CheckoutPage { html, policy }
    }

    fn confirm<'a>(
        &'a self,
        key: &'a str,
        order: &'a str,
        amount: Decimal,
    ) -> BoxFuture<'a, Result<Payment, PaymentError>> {
        let body = json!({ "paymentKey": key, "orderId": order, "amount": number(amount) });
        // Refusals are kept under this name too: who comes with a forged key must not spoil it for the right one.
        let once = format!("{order}-{key}");
        async move { self.ask(Method::POST, &["confirm"], Some((&once, body))).await }.boxed()
    }

    fn find<'a>(&'a self, order: &'a str, keys: &'a [String]) -> BoxFuture<'a, Result<Option<Payment>, PaymentError>> {
        async move {
            let mut furthest = self.look(&["orders", order]).await?;
            for key in keys {
                let known = furthest.as_ref().is_some_and(|payment| payment.key == *key);
                if known
                    || furthest
                        .as_ref()
                        .is_some_and(|payment| payment.state == PaymentState::Done)
                {
                    continue;
                }
                let other = self.look(&[key]).await?.filter(|payment| payment.order == order);
                let state = furthest.as_ref().map(|payment| payment.state);
                if other.as_ref().is_some_and(|other| Some(other.state) >= state) {
                    furthest = other;
                }
            }
            Ok(furthest)
        }
        .boxed()
    }

    fn cancel<'a>(
        &'a self,
        key: &'a str,
        amount: Decimal,
        reason: &'a str,
        once: &'a str,
    ) -> BoxFuture<'a, Result<Payment, PaymentError>> {
        let body = json!({ "cancelReason": reason, "cancelAmount": number(amount) });
        async move { self.ask(Method::POST, &[key, "cancel"], Some((once, body))).await }.boxed()
    }
}

/// As a JSON number: whole won have no fraction.
fn number(amount: Decimal) -> Value {
    serde_json::from_str(&amount.normalize().to_string()).unwrap_or(Value::Null)
}

/// What Toss says when it refuses.
#[derive(Deserialize)]
struct Said {
    code: String,
}

/// What is used of its `Payment`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    payment_key: String,
    order_id: String,
    status: String,
    total_amount: Number,
    balance_amount: Option<Number>,
    currency: String,
    receipt: Option<Receipt>,
    card: Option<Value>,
    easy_pay: Option<Value>,
}

#[derive(Deserialize)]
struct Receipt {
    url: String,
}

impl Told {
    fn payment(self) -> Result<Payment, PaymentError> {
        let state = match self.status.as_str() {
            "READY" | "WAITING_FOR_DEPOSIT" => PaymentState::Waiting,
            "IN_PROGRESS" => PaymentState::Authorized,
            "DONE" | "PARTIAL_CANCELED" | "CANCELED" => PaymentState::Done,
            "ABORTED" | "EXPIRED" => PaymentState::Ended,
            other => return Err(PaymentError::Unknown(format!("status {other}"))),
        };
        let total = decimal(&self.total_amount)?;
        let cancelled = match self.status.as_str() {
            "CANCELED" => total,
            "PARTIAL_CANCELED" => {
                let left = self
                    .balance_amount
                    .as_ref()
                    .ok_or_else(|| PaymentError::Unknown("no balanceAmount".to_owned()))?;
                total - decimal(left)?
            }
            _ => Decimal::ZERO,
        };
        Ok(Payment {
            key: self.payment_key,
            order: self.order_id,
            state,
            total,
            cancelled,
            currency: self.currency,
            receipt_url: self.receipt.map(|receipt| receipt.url),
            card: self.card,
            easy_pay: self.easy_pay,
        })
    }
}

fn decimal(number: &Number) -> Result<Decimal, PaymentError> {
    number
        .to_string()
        .parse()
        .map_err(|error: rust_decimal::Error| PaymentError::Unknown(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(status: &str, balance: u32) -> Value {
        json!({
            "paymentKey": "pk_1", "orderId": "order-1", "status": status, "totalAmount": 10_000, "balanceAmount": balance,
            "currency": "KRW", "receipt": { "url": "https://dashboard.tosspayments.com/receipt" }, "card": null, "method": "카드",
        })
    }

    fn answer(status: u16, body: &Value) -> Result<Payment, PaymentError> {
        read(
            StatusCode::from_u16(status).expect("a status"),
            body.to_string().as_bytes(),
        )
    }

    #[test]
    fn every_status_of_a_payment_is_known() {
        for (status, balance, state, cancelled) in [
            ("READY", 10_000, PaymentState::Waiting, 0),
            ("WAITING_FOR_DEPOSIT", 10_000, PaymentState::Waiting, 0),
            ("IN_PROGRESS", 10_000, PaymentState::Authorized, 0),
            ("DONE", 10_000, PaymentState::Done, 0),
            ("PARTIAL_CANCELED", 4_000, PaymentState::Done, 6_000),
            ("CANCELED", 0, PaymentState::Done, 10_000),
            ("ABORTED", 10_000, PaymentState::Ended, 0),
            ("EXPIRED", 10_000, PaymentState::Ended, 0),
        ] {
            let payment = answer(200, &told(status, balance)).expect("a payment");
            assert_eq!(
                (payment.state, payment.cancelled),
                (state, Decimal::from(cancelled)),
                "{status}"
            );
        }
        assert!(matches!(
            answer(200, &told("SOMETHING_NEW", 0)),
            Err(PaymentError::Unknown(_))
        ));
    }

    #[test]
    fn what_may_have_happened_is_unknown_and_not_refused() {
        let said = |code: &str| json!({ "code": code, "message": "…" });
        for (status, code) in [
            (409, "IDEMPOTENT_REQUEST_PROCESSING"),
            (400, "ALREADY_PROCESSED_PAYMENT"),
            (400, "PROVIDER_ERROR"),
            (500, "FAILED_PAYMENT_INTERNAL_SYSTEM_PROCESSING"),
            (503, "ANYTHING"),
        ] {
            assert!(
                matches!(answer(status, &said(code)), Err(PaymentError::Unknown(_))),
                "{code}"
            );
        }
        assert!(matches!(
            answer(403, &said("REJECT_CARD_PAYMENT")),
            Err(PaymentError::Refused { .. })
        ));
        assert!(matches!(
            read(StatusCode::BAD_GATEWAY, b"<html>"),
            Err(PaymentError::Unknown(_))
        ));
        assert!(matches!(read(StatusCode::OK, b"{"), Err(PaymentError::Unknown(_))));
    }

    #[test]
    fn whole_won_are_sent_without_a_fraction() {
        assert_eq!(number(Decimal::new(1_000_000, 2)).to_string(), "10000");
    }
}
