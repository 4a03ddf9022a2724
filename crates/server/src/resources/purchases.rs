//! Purchases: tokens for money. The buyer pays on a page of the provider in their own browser; what becomes of it is in `settling`.

mod checkout;
pub(crate) mod following;
pub(crate) mod settling;

use atelier_contract::{NewPurchase, Package, Page, PurchaseId, PurchaseStatus, PurchaseView, Refusal, Tokens, UserId};
use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde_json::Value;
use sha2::Digest as _;
use sqlx::PgTransaction;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::caller::Caller;
use crate::columns::column;
use crate::feed::{self, Change};
use crate::idempotency::{self, IdempotencyKey};
use crate::pages::{NEWEST_AT, PageQuery};
use crate::payments::Payments;
use crate::refused::Answer;

/// Tokens that are sold together, and their price in won.
const PACKAGES: [(i64, u32); 3] = [(100, 10_000), (500, 45_000), (1_000, 80_000)];
const CURRENCY: &str = "KRW";
/// What the name of an order begins with, and how many random bytes follow in hexadecimal digits.
const ORDER_PREFIX: &str = "atelier-";
const ORDER_BYTES: usize = 16;
/// Purchases of one buyer that wait to be paid.
const PENDING_MAX: u32 = 20;
/// Longest name of a webhook that is taken over.
const TRANSMISSION_CHARS_MAX: usize = 200;
/// Longest webhook that is kept; those of Toss Payments have two thousand bytes.
const EVENT_BYTES_MAX: usize = 16_384;
/// Webhooks of one order that are kept at a time. The provider sends one for each change of a payment, and repeats it seven times.
const EVENTS_MAX: i64 = 100;

pub(crate) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(packages))
        .routes(routes!(list, begin))
        .routes(routes!(show))
        .routes(routes!(checkout::page))
        .routes(routes!(checkout::agreed))
        .routes(routes!(checkout::given_up))
        .routes(routes!(hint))
}

/// What is sold.
#[utoipa::path(get, path = "/packages", tag = "purchases", security(()), responses((status = 200, body = Vec<Package>)))]
async fn packages() -> Answer<Json<Vec<Package>>> {
    let package = |(tokens, price): (i64, u32)| {
        Ok(Package {
            tokens: column(tokens.try_into())?,
            price: price.to_string(),
            currency: CURRENCY.to_owned(),
        })
    };
    Ok(Json(PACKAGES.into_iter().map(package).collect::<Answer<_>>()?))
}

/// Begins a purchase; it is paid on the page that the answer names.
#[utoipa::path(post, path = "/purchases", tag = "purchases", request_body = NewPurchase,
    params(("Idempotency-Key" = String, Header)), responses((status = 201, body = PurchaseView)))]
async fn begin(
    State(app): State<App>,
    caller: Caller,
    key: IdempotencyKey,
    Json(request): Json<NewPurchase>,
) -> Answer<(StatusCode, Json<PurchaseView>)> {
    let payments = app.payments.clone().ok_or(Refusal::PaymentsOff {})?;
    let known = || PACKAGES.iter().map(|(tokens, _)| *tokens).collect();
    let package = PACKAGES.into_iter().find(|(tokens, _)| *tokens == request.tokens.get());
    let package = package.ok_or_else(|| Refusal::PackageUnknown {
        tokens: request.tokens.get(),
        known: known(),
    })?;
    let view = idempotency::once(&app, caller.user, &key, "POST /purchases", &request, async |tx| {
        begin_in(&app, tx, caller.user, package, &*payments).await
    })
    .await?;
    Ok((StatusCode::CREATED, Json(view)))
}

async fn begin_in(
    app: &App,
    tx: &mut PgTransaction<'_>,
    buyer: UserId,
    (tokens, price): (i64, u32),
    payments: &dyn Payments,
) -> Answer<PurchaseView> {
    let pending = sqlx::query_scalar!(
        r#"SELECT count(*) AS "pending!"
             FROM purchases
            WHERE buyer_id = $1 AND status = 'pending' AND created_at > now() - interval '1 hour'"#,
        buyer.get(),
    )
    .fetch_one(&mut **tx)
    .await?;
    if pending >= i64::from(PENDING_MAX) {
        return Err(Refusal::TooManyPurchases {
            pending_max: PENDING_MAX,
        }
        .into());
    }
    let order: String = rand::random::<[u8; ORDER_BYTES]>()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let order = format!("{ORDER_PREFIX}{order}");
    // The provider's key is not known before it is paid; the order stands in its place, which is as unique.
    let id = sqlx::query_scalar!(
        r#"INSERT INTO purchases (buyer_id, amount_tokens, price_per_token, currency_code, provider,
                                  provider_payment_key, provider_order_id)
           VALUES ($1, $2, $3, $4, $5, $6, $6)
        RETURNING id AS "id: PurchaseId""#,
        buyer.get(),
        tokens,
        Decimal::from(price) / Decimal::from(tokens),
        CURRENCY,
        payments.name(),
        order,
    )
    .fetch_one(&mut **tx)
    .await?;
    let row = sqlx::query_as!(
        Row,
        r#"SELECT id AS "id: PurchaseId", amount_tokens, total_price AS "total_price!", currency_code AS "currency_code!",
                  status, provider_order_id, cancelled_tokens, receipt_url, created_at, approved_at
             FROM purchases
            WHERE id = $1"#,
        id.get(),
    )
    .fetch_one(&mut **tx)
    .await?;
    feed::append(tx, buyer, Change::Purchase(id)).await?;
    view(app, row)
}

struct Row {
    id: PurchaseId,
    amount_tokens: i64,
    total_price: Decimal,
    currency_code: String,
    status: String,
    provider_order_id: String,
    cancelled_tokens: i64,
    receipt_url: Option<String>,
    created_at: DateTime<Utc>,
    approved_at: Option<DateTime<Utc>>,
}

fn view(app: &App, row: Row) -> Answer<PurchaseView> {
    let status: PurchaseStatus = column(row.status.parse())?;
    let open = status == PurchaseStatus::Pending;
    Ok(PurchaseView {
        id: row.id,
        tokens: column(row.amount_tokens.try_into())?,
        price: row.total_price.normalize().to_string(),
        currency: row.currency_code,
        status,
        cancelled_tokens: column(Tokens::try_from(row.cancelled_tokens))?,
        checkout_url: open.then(|| format!("{}/checkout/{}", app.config.public_url(), row.provider_order_id)),
        receipt_url: row.receipt_url,
        created_at: row.created_at,
        approved_at: row.approved_at,
    })
}

/// A purchase of the caller's.
#[utoipa::path(get, path = "/purchases/{id}", tag = "purchases", params(("id" = PurchaseId, Path)),
    responses((status = 200, body = PurchaseView)))]
async fn show(State(app): State<App>, caller: Caller, Path(id): Path<PurchaseId>) -> Answer<Json<PurchaseView>> {
    views(&app, caller.user, &[id.get()])
        .await?
        .pop()
        .map(Json)
        .ok_or_else(|| Refusal::PurchaseUnknown { purchase: id.get() }.into())
}

/// Those of `ids` that are purchases of `buyer`'s, in that order.
///
/// # Errors
/// The database's.
pub(crate) async fn views(app: &App, buyer: UserId, ids: &[i64]) -> Answer<Vec<PurchaseView>> {
    // Not `=`, for which a plan may go through all that are theirs, in search of these.
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT purchases.id AS "id: PurchaseId", amount_tokens, total_price AS "total_price!",
                  currency_code AS "currency_code!", status, provider_order_id, cancelled_tokens, receipt_url, created_at,
                  approved_at
             FROM unnest($1::bigint[]) WITH ORDINALITY AS wanted(id, place)
             JOIN purchases ON purchases.id = wanted.id
            WHERE buyer_id IS NOT DISTINCT FROM $2
         ORDER BY wanted.place"#,
        ids,
        buyer.get(),
    )
    .fetch_all(&app.pool)
    .await?;
    rows.into_iter().map(|row| view(app, row)).collect()
}

/// Purchases of the caller's, newest first.
#[utoipa::path(get, path = "/purchases", tag = "purchases", params(PageQuery),
    responses((status = 200, body = Page<PurchaseView>)))]
async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(page): Query<PageQuery>,
) -> Answer<Json<Page<PurchaseView>>> {
    let (at, id) = page.after(NEWEST_AT)?;
    // In the order of the index, that of time, to the end of a moment: whatever plan is taken, there is nothing to sort.
    let keys = sqlx::query!(
        r#"SELECT id, created_at
             FROM (SELECT id, created_at
                     FROM purchases
                    WHERE buyer_id = $1 AND (created_at, id) < ($2, $3)
                 ORDER BY created_at DESC
                    FETCH FIRST $4 ROWS WITH TIES) AS newest
         ORDER BY created_at DESC, id DESC
            LIMIT $4"#,
        caller.user.get(),
        at,
        id,
        page.rows(),
    )
    .fetch_all(&app.pool)
    .await?;
    let (keys, next) = page.cut(keys, |key| (key.created_at, key.id))?;
    let ids: Vec<i64> = keys.iter().map(|key| key.id).collect();
    let items = views(&app, caller.user, &ids).await?;
    Ok(Json(Page { items, next }))
}

/// A word of the payment provider. Anybody may send one, so it is kept as a reason to ask, and nothing else.
#[utoipa::path(post, path = "/payments/webhook", tag = "purchases", security(()), request_body = Object, responses((status = 200)))]
async fn hint(
    State(app): State<App>,
    headers: HeaderMap,
    Json(body): Json<serde_json::Map<String, Value>>,
) -> Answer<StatusCode> {
    let body = Value::Object(body);
    let text = body.to_string();
    let named = headers
        .get("tosspayments-webhook-transmission-id")
        .and_then(|name| name.to_str().ok());
    let named = named
        .filter(|name| !name.is_empty() && name.len() <= TRANSMISSION_CHARS_MAX)
        .map(str::to_owned);
    let hash = || {
        sha2::Sha256::digest(&text)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    };
    let order = body["data"]["orderId"]
        .as_str()
        .or_else(|| body["orderId"].as_str())
        .filter(|order| is_order(order));
    let Some(order) = order.filter(|_| text.len() <= EVENT_BYTES_MAX) else {
        return Ok(StatusCode::OK);
    };
    // Of an order of ours only: else it is forged, or another program's of the same merchant. And not without end: a purchase that is
    // followed up once more for it is asked about by the clock as well.
    let kept = sqlx::query!(
        r#"INSERT INTO payment_events (transmission_id, order_id, body)
           SELECT $1, provider_order_id, $3
             FROM purchases
            WHERE provider_order_id = $2
              AND (SELECT count(*) FROM payment_events WHERE order_id = $2) < $4
               ON CONFLICT DO NOTHING"#,
        named.unwrap_or_else(hash),
        order,
        text,
        EVENTS_MAX,
    )
    .execute(&app.pool)
    .await?;
    // The provider waits ten seconds for the answer, and may itself be slow to say more.
    if kept.rows_affected() == 1 {
        app.hints.follow(&app);
    } else if is_ours(order) && settling::of_order(&app, order).await?.is_none() {
        // Forged; or begun after the backup that this database was restored from, and then somebody may have paid for it.
        tracing::warn!(order, "a webhook is about an order of ours that is not known");
    }
    Ok(StatusCode::OK)
}

/// Whether it is named as our orders are.
fn is_ours(order: &str) -> bool {
    order.strip_prefix(ORDER_PREFIX).is_some_and(|rest| {
        rest.len() == 2 * ORDER_BYTES && rest.bytes().all(|c| c.is_ascii_digit() || (b'a'..=b'f').contains(&c))
    })
}

/// Whether a word could be one of our orders.
fn is_order(word: &str) -> bool {
    (6..=64).contains(&word.len())
        && word
            .bytes()
            .all(|c| c.is_ascii_alphanumeric() || c == b'-' || c == b'_')
}
