//! The journal in which a device says which of its vouchers it spent while it was offline.
//!
//! It is a chain of hashes, one for each user and device: an entry that the server has is passed over, one that does not follow the newest
//! is refused, and a voucher becomes a generation once.
//!
//! Locks: the journal, then vouchers, then the user, and feeds last of all, when no voucher is locked after them; the sweep that pays
//! vouchers back takes the same order.

use atelier_contract::{
    GenerationId, JOURNAL_PUSH_LEN_MAX, JournalEntry, JournalOutcome, JournalPush, JournalState, NotificationType,
    Refusal, SealKey, Sha256, StyleId, TargetType, UserId, VoucherId,
};
use axum::Json;
use axum::extract::State;
use chrono::{Duration, Utc};
use sha2::Digest as _;
use sqlx::PgTransaction;

use crate::app::App;
use crate::caller::Caller;
use crate::columns::column;
use crate::feed::{Change, Changes};
use crate::ledger;
use crate::notices::{self, NewNotice};
use crate::refused::{Answer, Refused};
use crate::resources::styles::device_of;
use crate::resources::tags;

/// How far a device's clock may be ahead.
const SKEW: Duration = Duration::hours(1);

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
    // The entry is hashed into a chain and cannot be told otherwise: refused for a word, it would hold up all that come after it.
    let tags = tags::ids_in_use(tx, &entry.tags).await?;
    let tags: Vec<i64> = tags.into_iter().map(i64::from).collect();
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

fn sha256(bytes: &[u8]) -> Sha256 {
    Sha256::new(sha2::Sha256::digest(bytes).into())
}
