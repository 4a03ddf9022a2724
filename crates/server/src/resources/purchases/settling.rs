//! Brings purchases up to what their provider says of them. Every way in ends here: the buyer who comes back, webhooks, the clock,
//! operators. The provider is asked outside of any transaction; what it says is applied in one, and twice changes nothing.

use atelier_contract::{PurchaseId, PurchaseStatus, Tokens, UserId};
use chrono::Utc;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;
use sqlx::PgTransaction;

use crate::app::App;
use crate::columns::column;
use crate::feed::{self, Change};
use crate::ledger;
use crate::payments::{Payment, PaymentError, PaymentState};
use crate::refused::Answer;

/// Payments of one purchase that are remembered.
const AGREED_MAX: i32 = 10;

/// A purchase, as far as it matters here.
#[derive(Debug, Clone)]
pub(crate) struct Purchase {
    pub(crate) id: PurchaseId,
    pub(crate) buyer: UserId,
    pub(crate) order: String,
    pub(crate) key: String,
    /// The payments that the buyer came back with, as they say.
    pub(crate) agreed_keys: Vec<String>,
    pub(crate) tokens: i64,
    pub(crate) price_per_token: Decimal,
    pub(crate) total: Decimal,
    pub(crate) currency: String,
    pub(crate) status: String,
    /// Nobody may pay any more: an abandoned window is given up.
    pub(crate) lapsed: bool,
}

impl Purchase {
    pub(crate) fn status(&self) -> Answer<PurchaseStatus> {
        column(self.status.parse())
    }

    /// Whether it is not decided yet.
    pub(crate) fn is_open(&self) -> Answer<bool> {
        Ok(matches!(
            self.status()?,
            PurchaseStatus::Pending | PurchaseStatus::Authorized
        ))
    }

    /// The provider's names of its payments, as far as they are known.
    fn payments(&self) -> Vec<String> {
        let paid = Some(&self.key).filter(|key| **key != self.order && !self.agreed_keys.contains(key));
        self.agreed_keys.iter().chain(paid).cloned().collect()
    }
}

/// The purchase of an order.
pub(crate) async fn of_order(app: &App, order: &str) -> sqlx::Result<Option<Purchase>> {
    sqlx::query_as!(
        Purchase,
        r#"SELECT id AS "id: PurchaseId", buyer_id AS "buyer: UserId", provider_order_id AS "order",
                  provider_payment_key AS key, agreed_keys, amount_tokens AS tokens, price_per_token, total_price AS "total!",
                  currency_code AS "currency!", status, created_at < now() - interval '40 minutes' AS "lapsed!"
             FROM purchases
            WHERE provider_order_id = $1"#,
        order,
    )
    .fetch_optional(&app.pool)
    .await
}

/// Locks the purchase; gives it as it is now.
async fn lock(tx: &mut PgTransaction<'_>, id: PurchaseId) -> sqlx::Result<Purchase> {
    sqlx::query_as!(
        Purchase,
        r#"SELECT id AS "id: PurchaseId", buyer_id AS "buyer: UserId", provider_order_id AS "order",
                  provider_payment_key AS key, agreed_keys, amount_tokens AS tokens, price_per_token, total_price AS "total!",
                  currency_code AS "currency!", status, created_at < now() - interval '40 minutes' AS "lapsed!"
             FROM purchases
            WHERE id = $1
              FOR NO KEY UPDATE"#,
        id.get(),
    )
    .fetch_one(&mut **tx)
    .await
}

/// What asking the provider came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// It said how the payment is, and that is applied.
    Clear,
    /// It answered, but did not say how the payment is. Nothing changed.
    Unclear,
    /// It did not answer. Nothing changed.
    Away,
}

/// Asks the provider about a purchase and applies what it says. One that the buyer agreed to is confirmed once more, since the first
/// time may not have arrived; one that the provider does not know is given up when its time is over.
pub(crate) async fn ask(app: &App, purchase: &Purchase) -> Answer<Asked> {
    let Some(payments) = &app.payments else {
        return Ok(Asked::Unclear);
    };
    let mut found = match payments.find(&purchase.order, &purchase.payments()).await {
        Ok(found) => found,
        Err(error) => return Ok(unclear(purchase, &error)),
    };
    let agreed = purchase.status()? == PurchaseStatus::Authorized;
    if let Some(waiting) = found
        .as_ref()
        .filter(|payment| agreed && payment.state == PaymentState::Authorized)
    {
        if !is_that_of(purchase, waiting) {
            differs(app, purchase, waiting).await?;
            return Ok(Asked::Clear);
        }
        if !self::agreed(app, purchase, &waiting.key).await? {
            return Ok(Asked::Unclear);
        }
        match payments.confirm(&waiting.key, &purchase.order, purchase.total).await {
            Ok(confirmed) => found = Some(confirmed),
            Err(error) => return Ok(unclear(purchase, &error)),
        }
    }
    match found {
        Some(payment) => return apply(app, purchase, &payment).await,
        None if purchase.lapsed => give_up(app, purchase).await?,
        None => {}
    }
    Ok(Asked::Clear)
}

fn unclear(purchase: &Purchase, error: &PaymentError) -> Asked {
    tracing::warn!(purchase = %purchase.id, %error, "the payment provider gave no clear answer");
    match error {
        PaymentError::Away(_) => Asked::Away,
        PaymentError::Unknown(_) | PaymentError::Refused { .. } => Asked::Unclear,
    }
}

/// Whether order, amount and currency are those that were asked for.
fn is_that_of(purchase: &Purchase, payment: &Payment) -> bool {
    payment.order == purchase.order && payment.total == purchase.total && payment.currency == purchase.currency
}

/// Applies what the provider says, in one transaction. It is not [`Asked::Clear`] while money is still to be given back that came too late.
pub(crate) async fn apply(app: &App, purchase: &Purchase, payment: &Payment) -> Answer<Asked> {
    if !is_that_of(purchase, payment) {
        differs(app, purchase, payment).await?;
        return Ok(Asked::Clear);
    }
    if apply_in(app, purchase, payment).await? {
        return Ok(Asked::Clear);
    }
    paid_too_late(app, purchase, payment).await
}

/// Gives whether the purchase could take what the provider says; it cannot when it was paid after it was given up.
async fn apply_in(app: &App, purchase: &Purchase, payment: &Payment) -> Answer<bool> {
    let mut tx = app.pool.begin().await?;
    let now = lock(&mut tx, purchase.id).await?;
    let status = now.status()?;
    let open = now.is_open()?;
    let changed = match payment.state {
        PaymentState::Waiting => false,
        PaymentState::Authorized => advance(&mut tx, &now, status, PurchaseStatus::Authorized).await?,
        PaymentState::Ended => advance(&mut tx, &now, status, PurchaseStatus::Failed).await?,
        // Given back before it was ever credited.
        PaymentState::Done if open && payment.cancelled >= payment.total => {
            advance(&mut tx, &now, status, PurchaseStatus::Failed).await?
        }
        PaymentState::Done if status == PurchaseStatus::Failed => return Ok(false),
        PaymentState::Done => {
            let credited = ledger::credit_purchase(&mut tx, now.id).await?;
            let cancelled = cancelled_tokens(&now, payment)?;
            ledger::reverse_purchase(&mut tx, now.id, cancelled).await? > 0 || credited
        }
    };
    if changed {
        keep_details(&mut tx, &now, payment).await?;
        feed::append_all(&mut tx, now.buyer, &[Change::Purchase(now.id), Change::Balance]).await?;
    }
    tx.commit().await?;
    Ok(true)
}

/// The buyer agreed to the payment `key`: it is about to be confirmed, and is asked about if that gets no answer. Gives whether it may
/// be: one that is not remembered could be paid and never found again, and one that was decided meanwhile is paid for nothing.
pub(crate) async fn agreed(app: &App, purchase: &Purchase, key: &str) -> Answer<bool> {
    let mut tx = app.pool.begin().await?;
    let now = lock(&mut tx, purchase.id).await?;
    if !now.is_open()? {
        return Ok(false);
    }
    let advanced = advance(&mut tx, &now, now.status()?, PurchaseStatus::Authorized).await?;
    // A buyer with two windows may have paid in either, so none is forgotten.
    let remembered = sqlx::query!(
        r#"UPDATE purchases
              SET agreed_keys = array_append(array_remove(agreed_keys, $2), $2)
            WHERE id = $1 AND ($2 = ANY (agreed_keys) OR cardinality(agreed_keys) < $3)"#,
        now.id.get(),
        key,
        AGREED_MAX,
    )
    .execute(&mut *tx)
    .await?;
    if advanced {
        feed::append(&mut tx, now.buyer, Change::Purchase(now.id)).await?;
    }
    tx.commit().await?;
    Ok(remembered.rows_affected() == 1)
}

async fn advance(
    tx: &mut PgTransaction<'_>,
    purchase: &Purchase,
    from: PurchaseStatus,
    to: PurchaseStatus,
) -> sqlx::Result<bool> {
    if !from.may_become(to) {
        return Ok(false);
    }
    let moved = sqlx::query!(
        r#"UPDATE purchases
              SET status = $3::varchar, updated_at = CURRENT_TIMESTAMP,
                  ask_at = CASE WHEN $3::varchar = 'authorized' THEN CURRENT_TIMESTAMP + interval '1 minute' ELSE ask_at END
            WHERE id = $1 AND status = $2"#,
        purchase.id.get(),
        from.as_str(),
        to.as_str(),
    )
    .execute(&mut **tx)
    .await?;
    Ok(moved.rows_affected() == 1)
}

/// Tokens that were paid with what was given back: rounded up, so that nobody keeps one that is paid for in part.
fn cancelled_tokens(purchase: &Purchase, payment: &Payment) -> Answer<Tokens> {
    let tokens = (payment.cancelled / purchase.price_per_token)
        .ceil()
        .to_i64()
        .unwrap_or(purchase.tokens);
    column(tokens.clamp(0, purchase.tokens).try_into())
}

async fn keep_details(tx: &mut PgTransaction<'_>, purchase: &Purchase, payment: &Payment) -> sqlx::Result<()> {
    sqlx::query!(
        r#"UPDATE purchases
              SET provider_payment_key = $2, provider_total_amount = $3, receipt_url = coalesce($4, receipt_url),
                  card_detail = coalesce($5, card_detail), easy_pay_detail = coalesce($6, easy_pay_detail)
            WHERE id = $1"#,
        purchase.id.get(),
        payment.key,
        payment.total,
        payment.receipt_url,
        payment.card,
        payment.easy_pay,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// The provider does not know the order, and the time to pay is over.
async fn give_up(app: &App, purchase: &Purchase) -> Answer<()> {
    let mut tx = app.pool.begin().await?;
    let now = lock(&mut tx, purchase.id).await?;
    if advance(&mut tx, &now, now.status()?, PurchaseStatus::Failed).await? {
        feed::append(&mut tx, now.buyer, Change::Purchase(now.id)).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// Another amount, currency or order: credits nothing. Where money was taken, `reconcile` names it until it is given back.
async fn differs(app: &App, purchase: &Purchase, payment: &Payment) -> Answer<()> {
    let (order, total, currency) = (&payment.order, payment.total, &payment.currency);
    tracing::error!(purchase = %purchase.id, order, %total, currency, "a payment is not the one asked for");
    match payment.state {
        PaymentState::Done if payment.cancelled < payment.total => {
            let memo = format!("the provider took {total} {currency} for {order}");
            remark(app, purchase, Some(&memo)).await
        }
        PaymentState::Done | PaymentState::Ended => {
            give_up(app, purchase).await?;
            remark(app, purchase, None).await
        }
        // Never confirmed, so it runs out by itself.
        PaymentState::Waiting | PaymentState::Authorized => Ok(()),
    }
}

/// Money for a purchase that was given up is given back; `reconcile` names it as long as that is not done, and it is asked about again
/// until then.
async fn paid_too_late(app: &App, purchase: &Purchase, payment: &Payment) -> Answer<Asked> {
    const REASON: &str = "paid after it was given up";
    if payment.cancelled >= payment.total {
        remark(app, purchase, None).await?;
        return Ok(Asked::Clear);
    }
    tracing::error!(purchase = %purchase.id, "{REASON}");
    remark(app, purchase, Some(REASON)).await?;
    hint_once(app, purchase).await?;
    let Some(payments) = &app.payments else {
        return Ok(Asked::Unclear);
    };
    // The provider keeps a refusal under this name for two weeks, so that it is another every hour. No more is ever given back than is
    // left: what was done under one name is seen before another is tried.
    let hour = Utc::now().timestamp() / 3600;
    let (left, once) = (
        payment.total - payment.cancelled,
        format!("late-{}-{hour}", purchase.order),
    );
    match payments.cancel(&payment.key, left, REASON, &once).await {
        Ok(back) if back.cancelled >= back.total => {
            remark(app, purchase, None).await?;
            Ok(Asked::Clear)
        }
        Ok(_) => Ok(Asked::Unclear),
        Err(error) => Ok(unclear(purchase, &error)),
    }
}

/// A hint of our own, for where no webhook comes: a purchase that was given up is asked about only when something hints at it.
async fn hint_once(app: &App, purchase: &Purchase) -> Answer<()> {
    sqlx::query!(
        r#"INSERT INTO payment_events (transmission_id, order_id, body)
           VALUES ('late-' || $1::text, $1, '{}')
               ON CONFLICT DO NOTHING"#,
        purchase.order,
    )
    .execute(&app.pool)
    .await?;
    Ok(())
}

async fn remark(app: &App, purchase: &Purchase, memo: Option<&str>) -> Answer<()> {
    sqlx::query!("UPDATE purchases SET memo = $2 WHERE id = $1", purchase.id.get(), memo)
        .execute(&app.pool)
        .await?;
    Ok(())
}
