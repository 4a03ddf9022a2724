//! Withdrawals: an artist asks to have earned tokens paid out, an operator decides.

use atelier_contract::{NewWithdrawal, Page, Refusal, UserId, WithdrawalId, WithdrawalView};
use axum::Json;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use sqlx::{PgPool, PgTransaction};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::caller::ArtistCaller;
use crate::columns::column;
use crate::feed::{self, Change};
use crate::idempotency::{self, IdempotencyKey};
use crate::ledger;
use crate::pages::{NEWEST, PageQuery};
use crate::refused::Answer;

pub(crate) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, ask))
}

struct Row {
    id: WithdrawalId,
    tokens: i64,
    status: String,
    note: Option<String>,
    created_at: DateTime<Utc>,
    decided_at: Option<DateTime<Utc>>,
}

impl Row {
    fn view(self) -> Answer<WithdrawalView> {
        Ok(WithdrawalView {
            id: self.id,
            tokens: column(self.tokens.try_into())?,
            status: column(self.status.parse())?,
            note: self.note,
            created_at: self.created_at,
            decided_at: self.decided_at,
        })
    }
}

/// Sets earned tokens aside to be paid out.
#[utoipa::path(post, path = "/withdrawals", tag = "withdrawals", request_body = NewWithdrawal,
    params(("Idempotency-Key" = String, Header)), responses((status = 201, body = WithdrawalView)))]
async fn ask(
    State(app): State<App>,
    ArtistCaller(caller): ArtistCaller,
    key: IdempotencyKey,
    Json(request): Json<NewWithdrawal>,
) -> Answer<(StatusCode, Json<WithdrawalView>)> {
    if request.tokens.get() == 0 {
        return Err(Refusal::RequestInvalid {
            reason: "at least one token is needed".to_owned(),
        }
        .into());
    }
    let view = idempotency::once(&app, caller.user, &key, "POST /withdrawals", &request, async |tx| {
        ask_in(tx, caller.user, request).await
    })
    .await?;
    Ok((StatusCode::CREATED, Json(view)))
}

async fn ask_in(tx: &mut PgTransaction<'_>, artist: UserId, request: NewWithdrawal) -> Answer<WithdrawalView> {
    let id = ledger::withdraw(tx, artist, request.tokens).await?;
    let row = sqlx::query_as!(
        Row,
        r#"SELECT id AS "id: WithdrawalId", tokens, status, note, created_at, decided_at FROM withdrawals WHERE id = $1"#,
        id.get(),
    )
    .fetch_one(&mut **tx)
    .await?;
    feed::append_all(tx, artist, &[Change::Withdrawal(id), Change::Earnings]).await?;
    row.view()
}

/// Withdrawals of the caller's, newest first.
#[utoipa::path(get, path = "/withdrawals", tag = "withdrawals", params(PageQuery),
    responses((status = 200, body = Page<WithdrawalView>)))]
async fn list(
    State(app): State<App>,
    ArtistCaller(caller): ArtistCaller,
    Query(page): Query<PageQuery>,
) -> Answer<Json<Page<WithdrawalView>>> {
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT id AS "id: WithdrawalId", tokens, status, note, created_at, decided_at
             FROM withdrawals
            WHERE artist_id = $1 AND id < $2
         ORDER BY id DESC
            LIMIT $3"#,
        caller.user.get(),
        page.after(NEWEST)?,
        page.rows(),
    )
    .fetch_all(&app.pool)
    .await?;
    let (rows, next) = page.cut(rows, |row| row.id)?;
    let items = rows.into_iter().map(Row::view).collect::<Answer<_>>()?;
    Ok(Json(Page { items, next }))
}

/// Those of `ids` that are withdrawals of `artist`'s, in that order.
///
/// # Errors
/// The database's.
pub(crate) async fn views(pool: &PgPool, artist: UserId, ids: &[i64]) -> Answer<Vec<WithdrawalView>> {
    // Not `=`, for which a plan may go through all that are theirs, in search of these.
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT withdrawals.id AS "id: WithdrawalId", tokens, status, note, created_at, decided_at
             FROM unnest($1::bigint[]) WITH ORDINALITY AS wanted(id, place)
             JOIN withdrawals ON withdrawals.id = wanted.id
            WHERE artist_id IS NOT DISTINCT FROM $2
         ORDER BY wanted.place"#,
        ids,
        artist.get(),
    )
    .fetch_all(pool)
    .await?;
    rows.into_iter().map(Row::view).collect()
}
