//! The pages that a buyer sees in their own browser. An order's name is a secret of 128 bits: who has it may see it and pay for it.

use atelier_contract::{PurchaseStatus, Refusal};
use axum::extract::{Path, Query, State};
use axum::http::header::CONTENT_SECURITY_POLICY;
use axum::response::{Html, IntoResponse as _, Response};
use rust_decimal::Decimal;
use serde::Deserialize;
use utoipa::IntoParams;

use super::is_order;
use super::settling::{self, Purchase};
use crate::app::App;
use crate::payments::{Order, escaped};
use crate::refused::Answer;

const PAGE: &str = include_str!("checkout/answer.html");
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'";
/// Longest key of a payment: the width of its column.
const KEY_CHARS_MAX: usize = 120;

/// The page to pay on.
#[utoipa::path(get, path = "/checkout/{order}", tag = "purchases", security(()),
    params(("order" = String, Path)), responses((status = 200, content_type = "text/html", body = String)))]
pub(crate) async fn page(State(app): State<App>, Path(order): Path<String>) -> Answer<Response> {
    let purchase = find(&app, &order).await?;
    let payments = app.payments.as_ref().ok_or(Refusal::PaymentsOff {})?;
    if purchase.status()? != PurchaseStatus::Pending {
        return answer(&app, &purchase).await;
    }
    let base = app.config.public_url();
    let page = payments.checkout(&Order {
        title: format!("{} tokens", purchase.tokens),
        amount: purchase.total.normalize(),
        currency: purchase.currency,
        success_url: format!("{base}/checkout/{order}/agreed"),
        fail_url: format!("{base}/checkout/{order}/given-up"),
        id: order,
    });
    Ok(([(CONTENT_SECURITY_POLICY, page.policy)], Html(page.html)).into_response())
}

/// What the provider adds to the address of who agreed to pay.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Agreed {
    /// The provider's name for the payment.
    #[param(rename = "paymentKey")]
    payment_key: String,
    /// As a decimal number.
    amount: String,
}

/// Where the provider sends who agreed to pay: the payment is confirmed, and the tokens credited.
#[utoipa::path(get, path = "/checkout/{order}/agreed", tag = "purchases", security(()),
    params(("order" = String, Path), Agreed), responses((status = 200, content_type = "text/html", body = String)))]
pub(crate) async fn agreed(
    State(app): State<App>,
    Path(order): Path<String>,
    Query(query): Query<Agreed>,
) -> Answer<Response> {
    let purchase = find(&app, &order).await?;
    let payments = app.payments.as_ref().ok_or(Refusal::PaymentsOff {})?;
    let amount: Option<Decimal> = query.amount.parse().ok();
    let key = &query.payment_key;
    let plain = |c: u8| c.is_ascii_alphanumeric() || c == b'-' || c == b'_';
    if amount != Some(purchase.total) || !(1..=KEY_CHARS_MAX).contains(&key.len()) || !key.bytes().all(plain) {
        return Err(Refusal::RequestInvalid {
            reason: "this is not what was to be paid".to_owned(),
        }
        .into());
    }
    if purchase.is_open()? {
        if !settling::agreed(&app, &purchase, key).await? {
            let now = find(&app, &order).await?;
            if !now.is_open()? {
                return answer(&app, &now).await;
            }
            return Err(Refusal::RequestInvalid {
                reason: "this was tried too often; begin another purchase".to_owned(),
            }
            .into());
        }
        match payments.confirm(key, &order, purchase.total).await {
            Ok(payment) => settling::apply(&app, &purchase, &payment).await?,
            Err(error) => {
                tracing::warn!(purchase = %purchase.id, %error, "not confirmed");
                settling::ask(&app, &find(&app, &order).await?).await?
            }
        };
    }
    answer(&app, &find(&app, &order).await?).await
}

/// Where the provider sends who did not pay. Nothing changes: they may try again.
#[utoipa::path(get, path = "/checkout/{order}/given-up", tag = "purchases", security(()),
    params(("order" = String, Path)), responses((status = 200, content_type = "text/html", body = String)))]
pub(crate) async fn given_up(State(app): State<App>, Path(order): Path<String>) -> Answer<Response> {
    answer(&app, &find(&app, &order).await?).await
}

async fn find(app: &App, order: &str) -> Answer<Purchase> {
    let found = if is_order(order) {
        settling::of_order(app, order).await?
    } else {
        None
    };
    found.ok_or_else(|| Refusal::RouteUnknown {}.into())
}

/// Says how far it is.
async fn answer(app: &App, purchase: &Purchase) -> Answer<Response> {
    let (korean, english) = match purchase.status()? {
        PurchaseStatus::Paid => (
            "결제가 완료되었습니다. 스튜디오로 돌아가세요.",
            "Paid. You can go back to the studio.",
        ),
        PurchaseStatus::Authorized => (
            "결제를 확인하고 있습니다. 곧 토큰이 충전됩니다.",
            "Being confirmed. The tokens will be there soon.",
        ),
        PurchaseStatus::Pending => ("아직 결제되지 않았습니다.", "Not paid yet."),
        PurchaseStatus::Failed => (
            "결제되지 않았습니다. 스튜디오에서 다시 구매하세요.",
            "Not paid. Begin another purchase in the studio.",
        ),
    };
    let again = match purchase.status()? {
        PurchaseStatus::Pending => {
            let url = escaped(&format!("{}/checkout/{}", app.config.public_url(), purchase.order));
            format!("<p><a href=\"{url}\">다시 시도 · Try again</a></p>")
        }
        PurchaseStatus::Authorized | PurchaseStatus::Paid | PurchaseStatus::Failed => String::new(),
    };
    let html = PAGE
        .replace("{korean}", korean)
        .replace("{english}", english)
        .replace("{again}", &again);
    Ok(([(CONTENT_SECURITY_POLICY, POLICY)], Html(html)).into_response())
}
