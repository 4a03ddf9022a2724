//! Reserving a paid picture: tokens leave the balance into escrow at once; the answer is a ticket.

use atelier_contract::{
    GenerationId, NewGeneration, OpeningKey, SealKey, Seed, TicketClaims, TicketState, TicketView, Tokens, UserId,
};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Duration, Utc};
use rand::RngExt as _;
use sqlx::PgTransaction;

use super::{ForSale, claims, for_sale};
use crate::app::App;
use crate::caller::Caller;
use crate::columns::column;
use crate::feed::{Change, append_all};
use crate::idempotency::{self, IdempotencyKey};
use crate::ledger::{self, Hold};
use crate::refused::Answer;
use crate::resources::styles::device_of;
use crate::resources::tags;
use crate::sealing;

/// How long a reservation waits to be begun; then it voids itself in full. A queue of pictures on a slow machine needs hours.
const RESERVATION: Duration = Duration::hours(24);

/// Pays for a picture and gives the ticket to make it with.
#[utoipa::path(post, path = "/generations", tag = "generations", request_body = NewGeneration,
    params(("Idempotency-Key" = String, Header)), responses((status = 201, body = TicketView)))]
pub(crate) async fn reserve(
    State(app): State<App>,
    caller: Caller,
    key: IdempotencyKey,
    Json(request): Json<NewGeneration>,
) -> Answer<(StatusCode, Json<TicketView>)> {
    let device = device_of(&caller)?;
    // Drawn and made before the transaction: nothing in it waits for a curve.
    let order = Order {
        user: caller.user,
        device,
        seed: request.seed.unwrap_or_else(|| Seed::from(rand::rng().random::<u64>())),
        pair: sealing::pair(),
        expires_at: Utc::now() + RESERVATION,
    };
    let view = idempotency::once(&app, caller.user, &key, "POST /generations", &request, async |tx| {
        reserve_in(&app, tx, &order, &request).await
    })
    .await?;
    Ok((StatusCode::CREATED, Json(view)))
}

struct Order {
    user: UserId,
    device: SealKey,
    seed: Seed,
    pair: (OpeningKey, SealKey),
    expires_at: DateTime<Utc>,
}

async fn reserve_in(
    app: &App,
    tx: &mut PgTransaction<'_>,
    order: &Order,
    request: &NewGeneration,
) -> Answer<TicketView> {
    let style = for_sale(tx, request.style, order.user, request.cost_tokens.get()).await?;
    let tags: Vec<i64> = tags::ids(tx, &request.tags).await?.into_iter().map(i64::from).collect();
    let cost: Tokens = column(style.cost.try_into())?;
    let (generation, ticket) = insert(app, tx, order, request, &style, cost, &tags).await?;
    let hold = Hold {
        buyer: order.user,
        artist: style.artist,
        style: request.style,
        generation,
        amount: cost,
    };
    ledger::hold(tx, hold).await?;
    append_all(tx, order.user, &[Change::Generation(generation), Change::Balance]).await?;
    Ok(TicketView {
        generation,
        state: TicketState::Reserved,
        attempt: 0,
        fence: 0,
        lease_until: None,
        cost_tokens: cost,
        ticket,
        receipt: None,
        opening_key: None,
        expires_at: order.expires_at,
    })
}

/// Generation, tags and ticket, in one statement after the number that the ticket has to name.
async fn insert(
    app: &App,
    tx: &mut PgTransaction<'_>,
    order: &Order,
    request: &NewGeneration,
    style: &ForSale,
    cost: Tokens,
    tags: &[i64],
) -> Answer<(GenerationId, String)> {
    let generation =
        sqlx::query_scalar!(r#"SELECT nextval(pg_get_serial_sequence('generations', 'id')) AS "id!: GenerationId""#)
            .fetch_one(&mut **tx)
            .await?;
    let (opening_key, seal_to) = &order.pair;
    let claims = TicketClaims {
        generation,
        user: order.user,
        device_key: order.device,
        style: request.style,
        style_version: column(u32::try_from(style.version_number))?,
        parameters_sha256: request.parameters_sha256,
        seed: order.seed,
        cost_tokens: cost,
        seal_to: *seal_to,
        expires_at: order.expires_at,
    };
    let ticket = claims::sign(app, claims::TICKET, &claims)?;
    sqlx::query!(
        r#"WITH made AS (
               INSERT INTO generations (id, user_id, style_id, aspect_ratio, seed, consumed_tokens)
               VALUES ($1, $2, $3, $4, $5, $6)
           ), tagged AS (
               INSERT INTO generation_tags (generation_id, tag_id, sequence)
               SELECT $1, given.tag_id, given.place
                 FROM unnest($7::bigint[]) WITH ORDINALITY AS given(tag_id, place)
           )
           INSERT INTO tickets (generation_id, user_id, style_version_id, device_key, cost_tokens,
                                seal_public, seal_secret, ticket, expires_at)
           VALUES ($1, $2, $8, $9, $6, $10, $11, $12, $13)"#,
        generation.get(),
        order.user.get(),
        request.style.get(),
        request.aspect_ratio.as_str(),
        order.seed.to_column(),
        cost.get(),
        tags,
        style.version,
        order.device.as_bytes().as_slice(),
        seal_to.as_bytes().as_slice(),
        opening_key.as_bytes().as_slice(),
        ticket,
        order.expires_at,
    )
    .execute(&mut **tx)
    .await?;
    Ok((generation, ticket))
}
