//! The history of tokens: what a user sent and received, newest first, and what they have.

use atelier_contract::{
    BalanceView, GenerationId, Page, PurchaseId, StyleId, TransactionId, TransactionKind, TransactionView, UserId,
};
use axum::Json;
use axum::extract::{Query, State};
use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::caller::Caller;
use crate::columns::column;
use crate::pages::{NEWEST_AT, PageQuery};
use crate::refused::Answer;

pub(crate) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(balance))
}

/// What the caller has.
#[utoipa::path(get, path = "/balance", tag = "transactions", responses((status = 200, body = BalanceView)))]
async fn balance(State(app): State<App>, caller: Caller) -> Answer<Json<BalanceView>> {
    Ok(Json(balance_of(&app, caller.user).await?))
}

/// What a user has.
///
/// # Errors
/// The database's.
pub(crate) async fn balance_of(app: &App, user: UserId) -> Answer<BalanceView> {
    let row = sqlx::query!(
        r#"SELECT token_balance,
                  (SELECT coalesce(sum(amount), 0)::bigint
                     FROM transactions
                    WHERE sender_id = $1 AND kind = 'generation' AND status = 'pending') AS "escrow!",
                  coalesce((SELECT tokens FROM debts WHERE user_id = $1), 0) AS "debt!"
             FROM users
            WHERE id = $1"#,
        user.get(),
    )
    .fetch_one(&app.pool)
    .await?;
    Ok(BalanceView {
        balance: column(row.token_balance.try_into())?,
        escrow: column(row.escrow.try_into())?,
        debt: column(row.debt.try_into())?,
    })
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct TransactionFilter {
    /// Of this kind only.
    kind: Option<TransactionKind>,
}

struct Row {
    id: TransactionId,
    kind: String,
    status: String,
    amount: i64,
    sender: UserId,
    receiver: Option<UserId>,
    style: Option<StyleId>,
    generation: Option<GenerationId>,
    purchase: Option<PurchaseId>,
    reverses: Option<TransactionId>,
    refunded: bool,
    memo: Option<String>,
    price: Option<Decimal>,
    currency: Option<String>,
    created_at: DateTime<Utc>,
}

impl Row {
    fn view(self) -> Answer<TransactionView> {
        Ok(TransactionView {
            id: self.id,
            kind: column(self.kind.parse())?,
            status: column(self.status.parse())?,
            amount: column(self.amount.try_into())?,
            sender: self.sender,
            receiver: self.receiver,
            style: self.style,
            generation: self.generation,
            purchase: self.purchase,
            reverses: self.reverses,
            refunded: self.refunded,
            memo: self.memo,
            currency: self.currency.filter(|_| self.price.is_some()),
            price: self.price.map(|price| price.normalize().to_string()),
            created_at: self.created_at,
        })
    }
}

/// What the caller sent and received, newest first.
#[utoipa::path(get, path = "/transactions", tag = "transactions", params(TransactionFilter, PageQuery),
    responses((status = 200, body = Page<TransactionView>)))]
async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(filter): Query<TransactionFilter>,
    Query(page): Query<PageQuery>,
) -> Answer<Json<Page<TransactionView>>> {
    let rows = rows(&app, caller.user, filter.kind, page.after(NEWEST_AT)?, page.rows()).await?;
    let (rows, next) = page.cut(rows, |row| (row.created_at, row.id))?;
    let items = rows.into_iter().map(Row::view).collect::<Answer<_>>()?;
    Ok(Json(Page { items, next }))
}

/// Two walks along an index each, what was sent and what was received, so that a page costs the same whatever the table holds. The kind
/// is asked for in a way that fits the indexes: there is one for generations, which are most, and one for all others. They are walked in
/// their own order, that of time, to the end of a moment: whatever plan is taken, there is nothing to sort.
async fn rows(
    app: &App,
    user: UserId,
    kind: Option<TransactionKind>,
    (at, id): (DateTime<Utc>, i64),
    limit: i64,
) -> Answer<Vec<Row>> {
    let side = |query: &mut sqlx::QueryBuilder<sqlx::Postgres>, side: &'static str| {
        query
            .push("SELECT id FROM transactions WHERE ")
            .push(side)
            .push(" = ")
            .push_bind(user.get());
        if side == "receiver_id" {
            // Between one's own accounts: found on the other side already.
            query.push(" AND sender_id <> ").push_bind(user.get());
        }
        if let Some(kind) = kind {
            query.push(" AND kind = ").push_bind(kind.as_str());
            if kind != TransactionKind::Generation {
                query.push(" AND kind <> 'generation'");
            }
        }
        query.push(" AND (created_at, id) < (").push_bind(at);
        query.push(", ").push_bind(id).push(")");
        query.push(" ORDER BY created_at DESC FETCH FIRST ").push_bind(limit);
        query.push(" ROWS WITH TIES");
    };
    let mut query = sqlx::QueryBuilder::new("(");
    side(&mut query, "sender_id");
    query.push(") UNION ALL (");
    side(&mut query, "receiver_id");
    query.push(")");
    let ids: Vec<i64> = query.build_query_scalar().fetch_all(&app.pool).await?;
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT id AS "id: TransactionId", kind, status, amount, sender_id AS "sender: UserId",
                  receiver_id AS "receiver: UserId", related_style_id AS "style: StyleId",
                  related_generation_id AS "generation: GenerationId", purchase_id AS "purchase: PurchaseId",
                  reverses_id AS "reverses: TransactionId", refunded, memo, total_price AS price,
                  currency_code AS currency, created_at
             FROM transactions
            WHERE id = ANY($1)
         ORDER BY created_at DESC, id DESC
            LIMIT $2"#,
        &ids,
        limit,
    )
    .fetch_all(&app.pool)
    .await?;
    Ok(rows)
}
