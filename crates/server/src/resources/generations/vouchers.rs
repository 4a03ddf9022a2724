//! Vouchers: pictures paid ahead for a device that will be offline, and the journal in which it says what it spent.
//!
//! Tokens are in escrow from the purchase on. The journal is a chain of hashes, one for each user and device: an entry that the server
//! has is passed over, one that does not follow the newest is refused, and a voucher becomes a generation once.
//!
//! Locks: the journal, then vouchers, then the user, and feeds last of all, when no voucher is locked after them; the sweep that pays
//! vouchers back takes the same order.

use atelier_contract::{
    GenerationId, JOURNAL_PUSH_LEN_MAX, JournalEntry, JournalOutcome, JournalPush, JournalState, NewVouchers,
    NotificationType, Page, Refusal, SealKey, Sha256, StyleId, TargetType, Tokens, UserId, VOUCHERS_PER_PURCHASE_MAX,
    VoucherClaims, VoucherId, VoucherState, VoucherView, VouchersBought,
};
use axum::Json;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use chrono::{DateTime, Duration, Utc};
use sha2::Digest as _;
use sqlx::PgTransaction;

use super::{claims, for_sale};
use crate::app::App;
use crate::caller::Caller;
use crate::feed::{Change, Changes, append_all};
use crate::idempotency::{self, IdempotencyKey};
use crate::ledger;
use crate::notices::{self, NewNotice};
use crate::pages::{NEWEST, PageQuery};
use crate::refused::{Answer, Refused};
use crate::resources::styles::{Version, column, device_of, package};
use crate::resources::tags;

/// How long a voucher may be spent.
const VALID: Duration = Duration::days(7);
/// How long after that a device may still bring the journal that spent it.
pub(super) const GRACE: Duration = Duration::days(7);
/// How far a device's clock may be ahead.
const SKEW: Duration = Duration::hours(1);
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

/// Brings a device's journal. Each entry that follows the newest becomes a generation; those the server has are passed over.
#[utoipa::path(post, path = "/vouchers/journal", tag = "vouchers", request_body = JournalPush,
    responses((status = 200, body = JournalState)))]
pub(crate) async fn push(
    State(app): State<App>,
    caller: Caller,
    Json(request): Json<JournalPush>,
) -> Answer<Json<JournalState>> {
    let device = device_of(&caller)?;
    if request.entries.len() > JOURNAL_PUSH_LEN_MAX {
        return Err(Refusal::NumberOutOfRange {
            name: "entries".to_owned(),
            value: request.entries.len().to_string(),
            min: "0".to_owned(),
            max: JOURNAL_PUSH_LEN_MAX.to_string(),
        }
        .into());
    }
    let mut tx = app.pool.begin().await?;
    let mut journal = lock_journal(&mut tx, caller.user, &device).await?;
    let mut outcomes = Vec::with_capacity(request.entries.len());
    let mut changes = Changes::default();
    // Up to the newest that the server has: brought before, whether or not their vouchers could be spent.
    let brought = request.entries.iter().rposition(|entry| entry.hash == journal.head);
    for (place, entry) in request.entries.iter().enumerate() {
        if sha256(&entry.hashed_bytes()) != entry.hash {
            return Err(journal.broken(entry.voucher));
        }
        let known = known(&mut tx, caller.user, entry).await?;
        let generation = match known {
            Some(generation) => Some(generation),
            None if brought.is_some_and(|newest| place <= newest) => None,
            None if entry.previous != journal.head => return Err(journal.broken(entry.voucher)),
            None => {
                journal.entries += 1;
                journal.head = entry.hash;
                redeem(&mut tx, caller.user, &device, entry, &mut changes).await?
            }
        };
        outcomes.push(JournalOutcome {
            voucher: entry.voucher,
            generation,
        });
    }
    sqlx::query!(
        "UPDATE journals SET entries = $3, head = $4 WHERE user_id = $1 AND device_key = $2",
        caller.user.get(),
        device.as_bytes().as_slice(),
        journal.entries,
        journal.head.as_bytes().as_slice(),
    )
    .execute(&mut *tx)
    .await?;
    changes.append(&mut tx).await?;
    tx.commit().await?;
    Ok(Json(JournalState {
        entries: column(u64::try_from(journal.entries))?,
        head: journal.head,
        outcomes,
    }))
}

struct Journal {
    entries: i64,
    head: Sha256,
}

impl Journal {
    fn broken(&self, voucher: VoucherId) -> Refused {
        Refusal::JournalBroken {
            voucher: voucher.get(),
            head: self.head.to_string(),
        }
        .into()
    }
}

async fn lock_journal(tx: &mut PgTransaction<'_>, user: UserId, device: &SealKey) -> Answer<Journal> {
    sqlx::query!(
        "INSERT INTO journals (user_id, device_key, head) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        user.get(),
        device.as_bytes().as_slice(),
        [0_u8; 32].as_slice(),
    )
    .execute(&mut **tx)
    .await?;
    let row = sqlx::query!(
        "SELECT entries, head FROM journals WHERE user_id = $1 AND device_key = $2 FOR UPDATE",
        user.get(),
        device.as_bytes().as_slice(),
    )
    .fetch_one(&mut **tx)
    .await?;
    Ok(Journal {
        entries: row.entries,
        head: column(Sha256::try_from(row.head.as_slice()))?,
    })
}

/// The generation that an entry became when it was brought before.
async fn known(tx: &mut PgTransaction<'_>, user: UserId, entry: &JournalEntry) -> Answer<Option<GenerationId>> {
    let generation = sqlx::query_scalar!(
        r#"SELECT generation_id AS "generation!: GenerationId"
             FROM vouchers
            WHERE id = $1 AND user_id = $2 AND state = 'redeemed' AND generation_id IS NOT NULL"#,
        entry.voucher.get(),
        user.get(),
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(generation)
}

/// Turns a voucher into a completed generation and pays the artist; nothing when the voucher cannot be spent so.
async fn redeem(
    tx: &mut PgTransaction<'_>,
    user: UserId,
    device: &SealKey,
    entry: &JournalEntry,
    changes: &mut Changes,
) -> Answer<Option<GenerationId>> {
    let voucher = sqlx::query!(
        r#"SELECT style_versions.style_id AS "style: StyleId", vouchers.cost_tokens
             FROM vouchers
             JOIN style_versions ON style_versions.id = vouchers.style_version_id
            WHERE vouchers.id = $1
              AND vouchers.user_id = $2
              AND vouchers.device_key = $3
              AND vouchers.state = 'held'
              AND $4 BETWEEN vouchers.created_at - interval '1 hour' AND vouchers.expires_at
              AND $4 < $5
              FOR UPDATE OF vouchers"#,
        entry.voucher.get(),
        user.get(),
        device.as_bytes().as_slice(),
        entry.made_at,
        Utc::now() + SKEW,
    )
    .fetch_optional(&mut **tx)
    .await?;
    let Some(voucher) = voucher else { return Ok(None) };
    let generation = made(tx, user, entry, (voucher.style, voucher.cost_tokens)).await?;
    sqlx::query!(
        "UPDATE vouchers SET state = 'redeemed', generation_id = $2 WHERE id = $1 AND state = 'held'",
        entry.voucher.get(),
        generation.get(),
    )
    .execute(&mut **tx)
    .await?;
    ledger::redeem_voucher(tx, entry.voucher, generation).await?;
    let notice = NewNotice {
        recipient: user,
        actor: None,
        kind: NotificationType::GenerationComplete,
        target: Some((TargetType::Generation, generation.get())),
        metadata: None,
    };
    notices::write(tx, notice, changes).await?;
    changes.note(user, Change::Generation(generation));
    changes.note(user, Change::Voucher(entry.voucher));
    changes.note(user, Change::Balance);
    Ok(Some(generation))
}

/// The generation that an entry tells of.
async fn made(
    tx: &mut PgTransaction<'_>,
    user: UserId,
    entry: &JournalEntry,
    (style, cost_tokens): (StyleId, i64),
) -> Answer<GenerationId> {
    let tags: Vec<i64> = tags::ids(tx, &entry.tags).await?.into_iter().map(i64::from).collect();
    sqlx::query_scalar!(
        r#"WITH made AS (
               INSERT INTO generations (user_id, style_id, aspect_ratio, seed, consumed_tokens, status)
               VALUES ($1, $2, $3, $4, $5, 'completed')
            RETURNING id
           ), tagged AS (
               INSERT INTO generation_tags (generation_id, tag_id, sequence)
               SELECT made.id, given.tag_id, given.place
                 FROM made, unnest($6::bigint[]) WITH ORDINALITY AS given(tag_id, place)
           )
           SELECT id AS "id!: GenerationId" FROM made"#,
        user.get(),
        style.get(),
        entry.aspect_ratio.as_str(),
        entry.seed.to_column(),
        cost_tokens,
        &tags,
    )
    .fetch_one(&mut **tx)
    .await
    .map_err(Refused::from)
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

fn sha256(bytes: &[u8]) -> Sha256 {
    Sha256::new(sha2::Sha256::digest(bytes).into())
}
