//! Vouchers: pictures paid ahead for a device that will be offline. Tokens are in escrow from the purchase on; the device's
//! [journal](super::journal) says what it spent, and the rest is paid back.

use atelier_contract::{
    GenerationId, NewVouchers, Page, Refusal, SealKey, StyleId, Tokens, UserId, VOUCHERS_PER_PURCHASE_MAX,
    VoucherClaims, VoucherId, VoucherState, VoucherView, VouchersBought,
};
use axum::Json;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use chrono::{DateTime, Duration, Utc};
use sqlx::PgTransaction;

use super::{claims, for_sale, void};
use crate::app::App;
use crate::caller::Caller;
use crate::columns::column;
use crate::feed::{Change, append_all};
use crate::idempotency::{self, IdempotencyKey};
use crate::ledger;
use crate::pages::{NEWEST, PageQuery};
use crate::refused::Answer;
use crate::resources::styles::{Version, device_of, package};

/// How long a voucher may be spent.
const VALID: Duration = Duration::days(7);
/// How long after that a device may still bring the journal that spent it.
pub(super) const GRACE: Duration = Duration::days(7);
/// Vouchers that a user holds at a time.
const HELD_MAX: i64 = 500;

/// One's own vouchers, newest first.
#[utoipa::path(get, path = "/vouchers", tag = "vouchers", params(PageQuery), responses((status = 200, body = Page<VoucherView>)))]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(page): Query<PageQuery>,
) -> Answer<Json<Page<VoucherView>>> {
    let ids = sqlx::query_scalar!(
        r#"SELECT id
             FROM vouchers
            WHERE user_id = $1 AND id < $2
         ORDER BY id DESC
            LIMIT $3"#,
        caller.user.get(),
        page.after(NEWEST)?,
        page.rows(),
    )
    .fetch_all(&app.pool)
    .await?;
    let (ids, next) = page.cut(ids, |id| *id)?;
    let items = views(&app.pool, caller.user, &ids).await?;
    Ok(Json(Page { items, next }))
}

/// Buys vouchers for the caller's device.
#[utoipa::path(post, path = "/vouchers", tag = "vouchers", request_body = NewVouchers,
    params(("Idempotency-Key" = String, Header)), responses((status = 201, body = VouchersBought)))]
pub(crate) async fn buy(
    State(app): State<App>,
    caller: Caller,
    key: IdempotencyKey,
    Json(request): Json<NewVouchers>,
) -> Answer<(StatusCode, Json<VouchersBought>)> {
    if !(1..=VOUCHERS_PER_PURCHASE_MAX).contains(&request.count) {
        return Err(Refusal::NumberOutOfRange {
            name: "count".to_owned(),
            value: request.count.to_string(),
            min: "1".to_owned(),
            max: VOUCHERS_PER_PURCHASE_MAX.to_string(),
        }
        .into());
    }
    let device = device_of(&caller)?;
    let bought = idempotency::once(&app, caller.user, &key, "POST /vouchers", &request, async |tx| {
        buy_in(&app, tx, caller.user, device, request).await
    })
    .await?;
    Ok((StatusCode::CREATED, Json(bought)))
}

async fn buy_in(
    app: &App,
    tx: &mut PgTransaction<'_>,
    user: UserId,
    device: SealKey,
    request: NewVouchers,
) -> Answer<VouchersBought> {
    let style = for_sale(tx, request.style, user, request.cost_tokens.get()).await?;
    let cost: Tokens = column(style.cost.try_into())?;
    require_room(tx, user, request.count).await?;
    require_use(tx, user, style.version).await?;
    let expires_at = Utc::now() + VALID;
    let ids = insert(
        app,
        tx,
        (user, device),
        &request,
        (style.version, style.version_number),
        expires_at,
    )
    .await?;
    for id in &ids {
        ledger::hold_voucher(
            tx,
            ledger::VoucherHold {
                voucher: *id,
                buyer: user,
                artist: style.artist,
                style: request.style,
                amount: cost,
            },
        )
        .await?;
    }
    let numbers: Vec<i64> = ids.iter().map(|id| id.get()).collect();
    let vouchers = views(&mut **tx, user, &numbers).await?;
    let version = sqlx::query_as!(
        Version,
        r#"SELECT style_id AS "style: StyleId", number, bytes, sha256, base_model, content_key
             FROM style_versions
            WHERE id = $1"#,
        style.version,
    )
    .fetch_one(&mut **tx)
    .await?;
    let changes: Vec<_> = ids.into_iter().map(Change::Voucher).chain([Change::Balance]).collect();
    append_all(tx, user, &changes).await?;
    Ok(VouchersBought {
        vouchers,
        package: package(version, &device)?,
    })
}

/// Locks the user, and refuses more vouchers than anybody holds at a time.
async fn require_room(tx: &mut PgTransaction<'_>, user: UserId, count: u32) -> Answer<()> {
    sqlx::query_scalar!("SELECT id FROM users WHERE id = $1 FOR NO KEY UPDATE", user.get())
        .fetch_one(&mut **tx)
        .await?;
    let held = sqlx::query_scalar!(
        r#"SELECT count(*) AS "held!" FROM vouchers WHERE user_id = $1 AND state = 'held'"#,
        user.get(),
    )
    .fetch_one(&mut **tx)
    .await?;
    let held = held + i64::from(count);
    if held > HELD_MAX {
        return Err(Refusal::NumberOutOfRange {
            name: "vouchers".to_owned(),
            value: held.to_string(),
            min: "0".to_owned(),
            max: HELD_MAX.to_string(),
        }
        .into());
    }
    Ok(())
}

/// Refuses to pay another style ahead while more were paid ahead and never used than anybody's bad luck explains: the style is in the
/// device's hands from the purchase on, and what is not used is paid back. As many as are paid back without a look; more of what one
/// has already is always to be had. The user's row is locked.
async fn require_use(tx: &mut PgTransaction<'_>, user: UserId, version: i64) -> Answer<()> {
    let unused = sqlx::query_scalar!(
        r#"SELECT count(*) AS "unused!"
             FROM (SELECT style_version_id
                     FROM vouchers
                    WHERE user_id = $1 AND created_at > now() - interval '30 days' AND style_version_id <> $2
                 GROUP BY style_version_id
                   HAVING NOT bool_or(state = 'redeemed')) AS styles"#,
        user.get(),
        version,
    )
    .fetch_one(&mut **tx)
    .await?;
    let budget = void::budget(tx, user).await?;
    if unused >= budget {
        return Err(Refusal::NumberOutOfRange {
            name: "styles paid ahead and not used".to_owned(),
            value: (unused + 1).to_string(),
            min: "0".to_owned(),
            max: budget.to_string(),
        }
        .into());
    }
    Ok(())
}

async fn insert(
    app: &App,
    tx: &mut PgTransaction<'_>,
    (user, device): (UserId, SealKey),
    request: &NewVouchers,
    (version, version_number): (i64, i32),
    expires_at: DateTime<Utc>,
) -> Answer<Vec<VoucherId>> {
    let ids = sqlx::query_scalar!(
        r#"SELECT nextval(pg_get_serial_sequence('vouchers', 'id')) AS "id!: VoucherId" FROM generate_series(1, $1::int)"#,
        i32::try_from(request.count).unwrap_or(0),
    )
    .fetch_all(&mut **tx)
    .await?;
    let mut texts = Vec::with_capacity(ids.len());
    for id in &ids {
        let claims = VoucherClaims {
            voucher: *id,
            user,
            device_key: device,
            style: request.style,
            style_version: column(u32::try_from(version_number))?,
            cost_tokens: request.cost_tokens,
            expires_at,
        };
        texts.push(claims::sign(app, claims::VOUCHER, &claims)?);
    }
    let numbers: Vec<i64> = ids.iter().map(|id| id.get()).collect();
    sqlx::query!(
        r#"INSERT INTO vouchers (id, user_id, style_version_id, device_key, cost_tokens, voucher, expires_at)
           SELECT made.id, $3, $4, $5, $6, made.voucher, $7
             FROM unnest($1::bigint[], $2::text[]) AS made(id, voucher)"#,
        &numbers,
        &texts,
        user.get(),
        version,
        device.as_bytes().as_slice(),
        request.cost_tokens.get(),
        expires_at,
    )
    .execute(&mut **tx)
    .await?;
    Ok(ids)
}

/// Those of `ids` that are vouchers of the user's, in that order.
///
/// # Errors
/// The database's.
pub(crate) async fn views(db: impl sqlx::PgExecutor<'_>, user: UserId, ids: &[i64]) -> Answer<Vec<VoucherView>> {
    let rows = sqlx::query!(
        r#"SELECT vouchers.id AS "id: VoucherId", style_versions.style_id AS "style: StyleId", vouchers.state,
                  vouchers.cost_tokens, vouchers.voucher, vouchers.generation_id AS "generation: GenerationId",
                  vouchers.expires_at
             FROM unnest($1::bigint[]) WITH ORDINALITY AS wanted(id, place)
             JOIN vouchers ON vouchers.id = wanted.id
             JOIN style_versions ON style_versions.id = vouchers.style_version_id
            WHERE vouchers.user_id IS NOT DISTINCT FROM $2
         ORDER BY wanted.place"#,
        ids,
        user.get(),
    )
    .fetch_all(db)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(VoucherView {
                id: row.id,
                style: row.style,
                state: column(row.state.parse::<VoucherState>())?,
                cost_tokens: column(row.cost_tokens.try_into())?,
                voucher: row.voucher,
                generation: row.generation,
                expires_at: row.expires_at,
            })
        })
        .collect()
}

/// Pays a voucher, whose row is locked, back in full.
pub(super) async fn return_in(tx: &mut PgTransaction<'_>, id: VoucherId) -> Answer<()> {
    let user = sqlx::query_scalar!(
        r#"UPDATE vouchers SET state = 'returned'
            WHERE id = $1 AND state = 'held'
        RETURNING user_id AS "user: UserId""#,
        id.get(),
    )
    .fetch_optional(&mut **tx)
    .await?;
    if let Some(user) = user {
        ledger::return_voucher(tx, id, "voucher was never spent").await?;
        append_all(tx, user, &[Change::Voucher(id), Change::Balance]).await?;
    }
    Ok(())
}
