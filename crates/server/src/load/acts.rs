//! What people did: followed, liked, said, bought, earned. Each draws from all there are by `power(random(), 6)`, so that the first of them
//! has a tenth or more, whatever the number.

use sqlx::PgTransaction;

use super::Load;

/// Follows, and sessions, half of which are over.
pub(super) async fn between_people(tx: &mut PgTransaction<'_>, load: Load, first: i64) -> sqlx::Result<()> {
    sqlx::query!(
        r#"INSERT INTO follows (follower_id, following_id)
           SELECT DISTINCT follower, following
             FROM (SELECT $1::bigint + 1 + floor($2::bigint * power(random(), 6))::bigint AS follower,
                          $1::bigint + 1 + floor($3::bigint * power(random(), 6))::bigint AS following
                     FROM generate_series(1, 2 * $2::bigint)) AS drawn
            WHERE follower <> following"#,
        first,
        load.users,
        load.styles,
    )
    .execute(&mut **tx)
    .await?;
    sqlx::query!(
        r#"UPDATE artists
              SET follower_count = counted.followers
             FROM (SELECT following_id, count(*) AS followers FROM follows GROUP BY following_id) AS counted
            WHERE artists.user_id = counted.following_id"#,
    )
    .execute(&mut **tx)
    .await?;
    sqlx::query!(
        r#"INSERT INTO sessions (user_id, ended_at, end_reason)
           SELECT $1::bigint + 1 + floor($2::bigint * power(random(), 6))::bigint,
                  CASE WHEN n % 2 = 0 THEN now() END,
                  CASE WHEN n % 2 = 0 THEN 'signed_out' END
             FROM generate_series(1, $2::bigint / 2) AS n"#,
        first,
        load.users,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Likes and comments of what is public, and the notifications.
pub(super) async fn on_pictures(tx: &mut PgTransaction<'_>, load: Load, first: i64) -> sqlx::Result<()> {
    sqlx::query!(
        r#"INSERT INTO likes (user_id, generation_id)
           SELECT DISTINCT who, picture
             FROM (SELECT $1::bigint + 1 + floor($2::bigint * random())::bigint AS who,
                          2 + 2 * floor($3::bigint / 2 * power(random(), 6))::bigint AS picture
                     FROM generate_series(1, $3::bigint / 8)) AS drawn"#,
        first,
        load.users,
        load.generations,
    )
    .execute(&mut **tx)
    .await?;
    let comments = load.generations / 10;
    // More than half are comments, and the rest reply to them.
    let said = comments * 6 / 10;
    sqlx::query!(
        r#"INSERT INTO comments (id, generation_id, user_id, content)
           SELECT n, 2 + 2 * floor($3::bigint / 2 * power(random(), 6))::bigint,
                  $1::bigint + 1 + floor($2::bigint * random())::bigint, 'As if it moved.'
             FROM generate_series(1, $4::bigint) AS n"#,
        first,
        load.users,
        load.generations,
        said,
    )
    .execute(&mut **tx)
    .await?;
    sqlx::query!(
        r#"INSERT INTO comments (id, generation_id, user_id, parent_id, content)
           SELECT drawn.id, comments.generation_id, drawn.who, comments.id, 'It does.'
             FROM (SELECT n AS id, $1::bigint + 1 + floor($2::bigint * random())::bigint AS who,
                          1 + floor($3::bigint * power(random(), 6))::bigint AS parent
                     FROM generate_series($3::bigint + 1, $4::bigint) AS n) AS drawn
             JOIN comments ON comments.id = drawn.parent"#,
        first,
        load.users,
        said,
        comments,
    )
    .execute(&mut **tx)
    .await?;
    sqlx::query!(
        r#"UPDATE comments
              SET reply_count = counted.replies
             FROM (SELECT parent_id, count(*) AS replies FROM comments GROUP BY parent_id) AS counted
            WHERE comments.id = counted.parent_id"#,
    )
    .execute(&mut **tx)
    .await?;
    sqlx::query!(
        "SELECT setval(pg_get_serial_sequence('comments', 'id'), greatest(1, $1::bigint))",
        comments
    )
    .fetch_one(&mut **tx)
    .await?;
    sqlx::query!(
        r#"INSERT INTO notifications (recipient_id, actor_id, type, target_type, target_id, is_read)
           SELECT $1::bigint + 1 + floor($2::bigint * power(random(), 6))::bigint, $1::bigint + 1 + floor($2::bigint * random())::bigint,
                  'like', 'generation', 2 * n, n % 3 > 0
             FROM generate_series(1, $3::bigint / 10) AS n"#,
        first,
        load.users,
        load.generations,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Payments for pictures, four in five, and transfers; purchases, vouchers that were given back, and withdrawals. No entries of the ledger:
/// balances are not what is measured.
pub(super) async fn with_tokens(tx: &mut PgTransaction<'_>, load: Load, first: i64) -> sqlx::Result<()> {
    sqlx::query!(
        r#"INSERT INTO transactions (id, sender_id, receiver_id, amount, kind, related_generation_id, created_at)
           SELECT n, $1::bigint + 1 + floor($2::bigint * power(random(), 6))::bigint,
                  $1::bigint + 1 + floor($3::bigint * power(random(), 6))::bigint, 1 + n % 20,
                  CASE WHEN n % 5 > 0 THEN 'generation' ELSE 'transfer' END, CASE WHEN n % 5 > 0 THEN n END,
                  now() - make_interval(secs => $4::float8 - n)
             FROM generate_series(1, $4::bigint / 10) AS n"#,
        first,
        load.users,
        load.styles,
        load.generations as f64,
    )
    .execute(&mut **tx)
    .await?;
    sqlx::query!(
        "SELECT setval(pg_get_serial_sequence('transactions', 'id'), greatest(1, $1::bigint / 10))",
        load.generations
    )
    .fetch_one(&mut **tx)
    .await?;
    sqlx::query!(
        r#"INSERT INTO purchases (buyer_id, amount_tokens, price_per_token, provider, provider_payment_key, provider_order_id,
                                  status, approved_at, ask_at, created_at)
           SELECT $1::bigint + 1 + floor($2::bigint * power(random(), 6))::bigint, 100, 100, 'load', 'load-' || n, 'load-' || n,
                  'paid', now(), 'infinity', now() - make_interval(secs => n)
             FROM generate_series(1, $2::bigint / 2) AS n"#,
        first,
        load.users,
    )
    .execute(&mut **tx)
    .await?;
    sqlx::query!(
        r#"INSERT INTO vouchers (user_id, style_version_id, device_key, cost_tokens, state, voucher, expires_at)
           SELECT $1::bigint + 1 + floor($2::bigint * power(random(), 6))::bigint, 1 + n % $3::bigint, decode(repeat('ab', 32), 'hex'), 5,
                  'returned', 'load', now()
             FROM generate_series(1, $2::bigint / 2) AS n"#,
        first,
        load.users,
        load.styles,
    )
    .execute(&mut **tx)
    .await?;
    // Each of a transaction of its own, as the table wants it.
    sqlx::query!(
        r#"INSERT INTO withdrawals (artist_id, tokens, status, transaction_id, decided_at)
           SELECT $1::bigint + 1 + floor($2::bigint * power(random(), 6))::bigint, 10, 'paid', 5 * n, now()
             FROM generate_series(1, least(2 * $2::bigint, $3::bigint / 50)) AS n"#,
        first,
        load.styles,
        load.generations,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}
