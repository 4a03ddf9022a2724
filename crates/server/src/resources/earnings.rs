//! What an artist earned: pending for a week, then theirs to withdraw.

use atelier_contract::{EarningsView, UserId};
use axum::Json;
use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::caller::ArtistCaller;
use crate::columns::column;
use crate::ledger::SETTLEMENT_DAYS;
use crate::refused::Answer;

pub(crate) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(show))
}

/// What the caller earned. The sales are transactions of kind `generation`.
#[utoipa::path(get, path = "/earnings", tag = "earnings", responses((status = 200, body = EarningsView)))]
async fn show(State(app): State<App>, ArtistCaller(caller): ArtistCaller) -> Answer<Json<EarningsView>> {
    let view = of(&app, caller.user).await?;
    view.map(Json).ok_or_else(|| sqlx::Error::RowNotFound.into())
}

/// What a user earned; nothing for who is no artist.
///
/// # Errors
/// The database's.
pub(crate) async fn of(app: &App, artist: UserId) -> Answer<Option<EarningsView>> {
    let row = sqlx::query!(
        r#"SELECT artists.earned_token_balance, pending.tokens AS "pending!", pending.next,
                  (SELECT coalesce(sum(tokens), 0)::bigint
                     FROM withdrawals
                    WHERE artist_id = $1 AND status = 'requested') AS "withdrawing!"
             FROM artists,
                  LATERAL (SELECT coalesce(sum(tokens), 0)::bigint AS tokens, min(earned_at) + make_interval(days => $2) AS next
                             FROM earnings
                            WHERE artist_id = $1 AND settlement_id IS NULL) AS pending
            WHERE artists.user_id = $1"#,
        artist.get(),
        SETTLEMENT_DAYS,
    )
    .fetch_optional(&app.pool)
    .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(EarningsView {
        earned: column(row.earned_token_balance.try_into())?,
        pending: column(row.pending.try_into())?,
        next_settlement_at: row.next,
        withdrawing: column(row.withdrawing.try_into())?,
    }))
}
