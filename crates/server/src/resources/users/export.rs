//! Everything that is kept about a person, as one JSON object: a list a table; what only belongs to a row of another table (its tags,
//! entries, attempts, versions, webhooks) is with that row. Written as it is read, page by page along an index, so that its length costs no
//! memory and what others have costs nothing.
//!
//! Secrets of the server (keys, hashes of tokens), the names of files in its store and of operators are left out; the files themselves are
//! at the addresses that the other routes give.

use atelier_contract::UserId;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderName;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::IntoResponse;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures_util::stream;
use uuid::Uuid;

use crate::app::App;
use crate::caller::Caller;
use crate::refused::Answer;

/// Rows read at a time.
const PAGE: i64 = 500;

/// A row as JSON, and where the page after it goes on.
struct Line {
    last: After,
    row: String,
}

/// Behind what a page begins, as far as the order of its table goes: each is read along an index of its own, whatever the table holds.
#[derive(Clone, Copy)]
struct After {
    key: i64,
    at: DateTime<Utc>,
    client: Uuid,
}

/// Before everything.
const FIRST: After = After {
    key: 0,
    at: DateTime::UNIX_EPOCH,
    client: Uuid::nil(),
};

/// The tables, what each is in order of, and how one page of each is read: `$1` the user, then the last of that, and rows. What is about
/// somebody else as well (who liked a picture of theirs) is that person's, not here.
macro_rules! tables {
    ($($name:literal by $($by:ident),+: $sql:literal),+ $(,)?) => {
        const TABLES: &[&str] = &[$($name),+];

        async fn page(app: &App, table: &str, user: UserId, after: After) -> sqlx::Result<Vec<Line>> {
            match table {
                $($name => {
                    let rows = sqlx::query!($sql, user.get(), $(after.$by,)+ PAGE).fetch_all(&app.pool).await?;
                    let lines = rows.into_iter().map(|row| Line {
                        last: After { $($by: row.$by,)+ ..FIRST },
                        row: row.row,
                    });
                    Ok(lines.collect())
                })+
                _ => Ok(Vec::new()),
            }
        }
    };
}

tables! {
    "users" by key: r#"SELECT id AS "key!", (to_jsonb(users) - 'profile_image')::text AS "row!"
        FROM users WHERE id = $1 AND id > $2 ORDER BY id LIMIT $3"#,
    "artists" by key: r#"SELECT id AS "key!", (to_jsonb(artists) - 'signature_image_url')::text AS "row!"
        FROM artists WHERE user_id = $1 AND id > $2 ORDER BY id LIMIT $3"#,
    "suspensions" by key: r#"SELECT user_id AS "key!", to_jsonb(suspensions)::text AS "row!"
        FROM suspensions WHERE user_id = $1 AND user_id > $2 ORDER BY user_id LIMIT $3"#,
    "operator_actions" by key: r#"SELECT id AS "key!", (to_jsonb(operator_actions) - 'operator')::text AS "row!"
        FROM operator_actions
       WHERE id > $2
         AND CASE WHEN action LIKE 'user %' OR action IN ('refund give', 'refund take') THEN target_id = $1
                  WHEN action LIKE 'refund %'
                  THEN EXISTS (SELECT FROM purchases WHERE id = target_id AND buyer_id = $1)
                  WHEN action LIKE 'style %'
                  THEN EXISTS (SELECT FROM styles WHERE id = target_id AND artist_id = $1)
                  WHEN action LIKE 'generation %'
                  THEN EXISTS (SELECT FROM generations WHERE id = target_id AND user_id = $1)
                  WHEN action LIKE 'withdrawal %'
                  THEN EXISTS (SELECT FROM withdrawals WHERE id = target_id AND artist_id = $1)
             END
    ORDER BY id LIMIT $3"#,
    "sessions" by key: r#"SELECT id AS "key!", to_jsonb(sessions)::text AS "row!"
        FROM sessions WHERE user_id = $1 AND id > $2 ORDER BY id LIMIT $3"#,
    "transactions" by at, key: r#"SELECT at AS "at!", id AS "key!", (whole
               || jsonb_build_object('entries', (SELECT jsonb_agg(jsonb_build_object('account', account, 'amount', entry.amount))
                                                   FROM ledger_entries AS entry
                                                  WHERE transaction_id = id AND user_id = $1)))::text AS "row!"
        FROM (SELECT at, id, whole
                FROM ((SELECT created_at AS at, id, to_jsonb(transactions) AS whole
                         FROM transactions
                        WHERE sender_id = $1 AND (created_at, id) > ($2, $3)
                     ORDER BY created_at FETCH FIRST $4 ROWS WITH TIES)
                   UNION ALL
                      (SELECT created_at AS at, id, to_jsonb(transactions) AS whole
                         FROM transactions
                        WHERE receiver_id = $1 AND sender_id <> $1 AND (created_at, id) > ($2, $3)
                     ORDER BY created_at FETCH FIRST $4 ROWS WITH TIES)) AS sides
            ORDER BY at, id LIMIT $4) AS page
    ORDER BY at, id"#,
    "purchases" by at, key: r#"SELECT at AS "at!", id AS "key!", (whole
               || jsonb_build_object('events', (SELECT jsonb_agg(to_jsonb(payment_events) ORDER BY received_at)
                                                  FROM payment_events
                                                 WHERE order_id = whole ->> 'provider_order_id')))::text AS "row!"
        FROM (SELECT at, id, whole
                FROM (SELECT created_at AS at, id, to_jsonb(purchases) AS whole
                        FROM purchases
                       WHERE buyer_id = $1 AND (created_at, id) > ($2, $3)
                    ORDER BY created_at FETCH FIRST $4 ROWS WITH TIES) AS oldest
            ORDER BY at, id LIMIT $4) AS page
    ORDER BY at, id"#,
    "debts" by key: r#"SELECT user_id AS "key!", to_jsonb(debts)::text AS "row!"
        FROM debts WHERE user_id = $1 AND user_id > $2 ORDER BY user_id LIMIT $3"#,
    "earnings" by key: r#"SELECT transaction_id AS "key!", to_jsonb(earnings)::text AS "row!"
        FROM earnings WHERE artist_id = $1 AND transaction_id > $2 ORDER BY transaction_id LIMIT $3"#,
    "withdrawals" by key: r#"SELECT id AS "key!", to_jsonb(withdrawals)::text AS "row!"
        FROM withdrawals WHERE artist_id = $1 AND id > $2 ORDER BY id LIMIT $3"#,
    "styles" by key: r#"SELECT id AS "key!", ((to_jsonb(styles) - '{thumbnail_url,model_path,training_log_path}'::text[])
               || jsonb_build_object('tags', (SELECT jsonb_agg(tags.name ORDER BY sequence)
                                                FROM style_tags JOIN tags ON tags.id = tag_id
                                               WHERE style_id = styles.id),
                                     'versions', (SELECT jsonb_agg(to_jsonb(style_versions) - '{object_key,content_key}'::text[]
                                                                   ORDER BY number)
                                                    FROM style_versions
                                                   WHERE style_id = styles.id),
                                     'suspended_at', (SELECT created_at FROM suspended_styles
                                                       WHERE style_id = styles.id)))::text AS "row!"
        FROM styles WHERE artist_id = $1 AND id > $2 ORDER BY id LIMIT $3"#,
    "artworks" by key: r#"SELECT artworks.id AS "key!",
               ((to_jsonb(artworks) - '{image_url,processed_image_url}'::text[])
               || jsonb_build_object('tags', (SELECT jsonb_agg(tags.name ORDER BY sequence)
                                                FROM artwork_tags JOIN tags ON tags.id = tag_id
                                               WHERE artwork_id = artworks.id)))::text AS "row!"
        FROM artworks JOIN styles ON styles.id = artworks.style_id
       WHERE styles.artist_id = $1 AND artworks.id > $2 ORDER BY artworks.id LIMIT $3"#,
    "generations" by at, key: r#"SELECT at AS "at!", id AS "key!", (whole
               || jsonb_build_object('tags', (SELECT jsonb_agg(tags.name ORDER BY sequence)
                                                FROM generation_tags JOIN tags ON tags.id = tag_id
                                               WHERE generation_id = page.id),
                                     'hidden_at', (SELECT created_at FROM hidden_generations
                                                    WHERE generation_id = page.id)))::text AS "row!"
        FROM (SELECT at, id, whole
                FROM (SELECT created_at AS at, id, to_jsonb(generations) - 'result_url' AS whole
                        FROM generations
                       WHERE user_id = $1 AND (created_at, id) > ($2, $3)
                    ORDER BY created_at FETCH FIRST $4 ROWS WITH TIES) AS oldest
            ORDER BY at, id LIMIT $4) AS page
    ORDER BY at, id"#,
    "tickets" by at, key: r#"SELECT at AS "at!", id AS "key!", (whole
               || jsonb_build_object('attempts', (SELECT jsonb_agg(to_jsonb(attempts) ORDER BY fence)
                                                    FROM attempts
                                                   WHERE generation_id = page.id)))::text AS "row!"
        FROM (SELECT at, id, whole
                FROM (SELECT created_at AS at, generation_id AS id,
                             to_jsonb(tickets) - '{seal_public,seal_secret}'::text[] AS whole
                        FROM tickets
                       WHERE user_id = $1 AND (created_at, generation_id) > ($2, $3)
                    ORDER BY created_at FETCH FIRST $4 ROWS WITH TIES) AS oldest
            ORDER BY at, id LIMIT $4) AS page
    ORDER BY at, id"#,
    "vouchers" by key: r#"SELECT id AS "key!", to_jsonb(vouchers)::text AS "row!"
        FROM vouchers WHERE user_id = $1 AND id > $2 ORDER BY id LIMIT $3"#,
    "journals" by key: r#"SELECT key AS "key!", row AS "row!"
        FROM (SELECT row_number() OVER (ORDER BY device_key) AS key, to_jsonb(journals)::text AS row
                FROM journals WHERE user_id = $1) AS numbered
       WHERE key > $2 ORDER BY key LIMIT $3"#,
    "sync_clients" by client, key: r#"SELECT client_id AS "client!", 1::bigint AS "key!", to_jsonb(sync_clients)::text AS "row!"
        FROM sync_clients
       WHERE user_id = $1 AND (client_id, 1::bigint) > ($2, $3) ORDER BY client_id LIMIT $4"#,
    "mutations" by client, key: r#"SELECT client_id AS "client!", mutation_id AS "key!", to_jsonb(mutations)::text AS "row!"
        FROM mutations
       WHERE user_id = $1 AND (client_id, mutation_id) > ($2, $3) ORDER BY client_id, mutation_id LIMIT $4"#,
    "uploads" by key: r#"SELECT id AS "key!", (to_jsonb(uploads) - '{object_key,content_key}'::text[])::text AS "row!"
        FROM uploads WHERE user_id = $1 AND id > $2 ORDER BY id LIMIT $3"#,
    "follows" by key: r#"SELECT id AS "key!", to_jsonb(follows)::text AS "row!"
        FROM follows WHERE follower_id = $1 AND id > $2 ORDER BY id LIMIT $3"#,
    "likes" by key: r#"SELECT id AS "key!", to_jsonb(likes)::text AS "row!"
        FROM likes WHERE user_id = $1 AND id > $2 ORDER BY id LIMIT $3"#,
    "comments" by key: r#"SELECT id AS "key!", to_jsonb(comments)::text AS "row!"
        FROM comments WHERE user_id = $1 AND id > $2 ORDER BY id LIMIT $3"#,
    "notifications" by key: r#"SELECT id AS "key!", to_jsonb(notifications)::text AS "row!"
        FROM notifications WHERE recipient_id = $1 AND id > $2 ORDER BY id LIMIT $3"#,
}

/// How far the writing is.
#[derive(Clone, Copy)]
enum Place {
    Table { index: usize, after: After, begun: bool },
    Done,
}

/// Everything that is kept about the caller, to be saved. A file that ends without its last brace was cut off. One at a time.
#[utoipa::path(get, path = "/users/me/export", tag = "users", responses((status = 200, body = Object)))]
pub(crate) async fn export(State(app): State<App>, caller: Caller) -> Answer<impl IntoResponse> {
    let user = caller.user;
    // Held until the last of it is written, or nobody reads it any more.
    let seat = app.gate.exports.take(user)?;
    let start = Place::Table {
        index: 0,
        after: FIRST,
        begun: false,
    };
    let parts = stream::try_unfold((app, seat, start), move |(app, seat, place)| async move {
        let Place::Table { index, after, begun } = place else {
            return Ok::<_, sqlx::Error>(None);
        };
        let (part, next) = part(&app, user, index, after, begun).await?;
        Ok(Some((Bytes::from(part), (app, seat, next))))
    });
    let headers: [(HeaderName, &str); 2] = [
        (CONTENT_TYPE, "application/json"),
        (CONTENT_DISPOSITION, "attachment; filename=\"atelier.json\""),
    ];
    Ok((headers, Body::from_stream(parts)))
}

/// One page of one table, with what JSON needs around it.
async fn part(app: &App, user: UserId, index: usize, after: After, begun: bool) -> sqlx::Result<(String, Place)> {
    let Some(table) = TABLES.get(index) else {
        return Ok(("\n}\n".to_owned(), Place::Done));
    };
    let lines = page(app, table, user, after).await?;
    let mut out = match (begun, index) {
        (true, _) => String::new(),
        (false, 0) => format!("{{\n\"{table}\": ["),
        (false, _) => format!(",\n\"{table}\": ["),
    };
    for (place, line) in lines.iter().enumerate() {
        out.push_str(if begun || place > 0 { ",\n" } else { "\n" });
        out.push_str(&line.row);
    }
    let whole = i64::try_from(lines.len()) == Ok(PAGE);
    match lines.last().filter(|_| whole) {
        Some(last) => Ok((
            out,
            Place::Table {
                index,
                after: last.last,
                begun: true,
            },
        )),
        None => {
            out.push(']');
            Ok((
                out,
                Place::Table {
                    index: index + 1,
                    after: FIRST,
                    begun: false,
                },
            ))
        }
    }
}
