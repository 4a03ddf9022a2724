//! Data to measure with: users, styles and generations in any number, made by the database itself. For development only.
//!
//! Skewed as the world is: few tags, styles and pictures get most of the use, and the first user has and does more than anybody. Triggers
//! and foreign keys are off while it writes, so that the lists they keep are written here as well.

mod acts;

use anyhow::ensure;
use sqlx::{PgPool, PgTransaction};

/// Tags that are in use. Ten times as many as there are styles were used once, long ago.
const TAGS: i64 = 2_000;
/// Generations that one transaction writes.
const BATCH: i64 = 50_000;
/// Tokens that everybody has.
const BALANCE: i64 = 100_000;

/// How much to make.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// People; the first of them are the artists.
    pub users: i64,
    /// Styles, one an artist.
    pub styles: i64,
    /// Pictures; half of them public.
    pub generations: i64,
}

/// Fills an empty database.
///
/// # Errors
/// When there are users already, or the role may not turn triggers off.
pub async fn fill(pool: &PgPool, load: Load) -> anyhow::Result<()> {
    ensure!(
        load.users >= load.styles,
        "there are as many artists as styles, and they are users"
    );
    let there = sqlx::query_scalar!(r#"SELECT EXISTS (SELECT FROM styles) AS "there!""#)
        .fetch_one(pool)
        .await?;
    ensure!(!there, "there are styles already; this fills an empty database only");
    let mut tx = begin(pool).await?;
    let first = people(&mut tx, load).await?;
    styles(&mut tx, load, first).await?;
    acts::between_people(&mut tx, load, first).await?;
    tx.commit().await?;
    let mut made = 0;
    while made < load.generations {
        let count = BATCH.min(load.generations - made);
        let mut tx = begin(pool).await?;
        generations(&mut tx, load, first, made, count).await?;
        tx.commit().await?;
        made += count;
        tracing::info!(made, "generations");
    }
    let mut tx = begin(pool).await?;
    acts::on_pictures(&mut tx, load, first).await?;
    acts::with_tokens(&mut tx, load, first).await?;
    tx.commit().await?;
    finish(pool, load.generations).await
}

/// A transaction in which no trigger fires and no foreign key is looked up.
async fn begin(pool: &PgPool) -> sqlx::Result<PgTransaction<'static>> {
    let mut tx = pool.begin().await?;
    sqlx::query!("SET LOCAL session_replication_role = replica")
        .execute(&mut *tx)
        .await?;
    Ok(tx)
}

/// Users and artists. Returns the number before the first user's.
async fn people(tx: &mut PgTransaction<'_>, load: Load) -> sqlx::Result<i64> {
    let first = sqlx::query_scalar!(r#"SELECT coalesce(max(id), 0) AS "first!" FROM users"#)
        .fetch_one(&mut **tx)
        .await?;
    sqlx::query!(
        r#"INSERT INTO users (id, username, provider, provider_user_id, role, token_balance)
           SELECT $1 + n, 'load' || n, 'load', n::text, CASE WHEN n <= $3 THEN 'artist' ELSE 'user' END, $4
             FROM generate_series(1, $2::bigint) AS n"#,
        first,
        load.users,
        load.styles,
        BALANCE,
    )
    .execute(&mut **tx)
    .await?;
    sqlx::query!(
        r#"INSERT INTO artists (user_id, artist_name)
           SELECT $1 + n, 'Artist ' || n
             FROM generate_series(1, $2::bigint) AS n"#,
        first,
        load.styles,
    )
    .execute(&mut **tx)
    .await?;
    sqlx::query!(
        "SELECT setval(pg_get_serial_sequence('users', 'id'), $1)",
        first + load.users
    )
    .fetch_one(&mut **tx)
    .await?;
    Ok(first)
}

async fn styles(tx: &mut PgTransaction<'_>, load: Load, first: i64) -> sqlx::Result<()> {
    sqlx::query!(
        r#"INSERT INTO tags (id, name, usage_count)
           SELECT n, CASE WHEN n <= $1 THEN 'tag ' ELSE 'rare ' END || n, CASE WHEN n <= $1 THEN 1000000 / n ELSE 1 END
             FROM generate_series(1, $1::bigint + 10 * $2::bigint) AS n"#,
        TAGS,
        load.styles,
    )
    .execute(&mut **tx)
    .await?;
    sqlx::query!(
        r#"INSERT INTO styles (id, artist_id, name, description, training_status, generation_cost_tokens, usage_count,
                               model_path, valid_from, created_at, published_at)
           SELECT n, $1 + n, 'Style ' || n, 'Word' || (n % 997) || ' in ink and water', 'completed', 1 + n % 20,
                  ($2 * 10 / n)::int, 'loras/load', current_date - 1, at, at
             FROM generate_series(1, $2::bigint) AS n,
                  LATERAL (SELECT now() - make_interval(secs => $2 - n)) AS times(at)"#,
        first,
        load.styles,
    )
    .execute(&mut **tx)
    .await?;
    // The first artist began many more and never finished them.
    sqlx::query!(
        r#"INSERT INTO styles (id, artist_id, name)
           SELECT $2::bigint + n, $1::bigint + 1, 'Draft ' || n
             FROM generate_series(1, $2::bigint / 2) AS n"#,
        first,
        load.styles,
    )
    .execute(&mut **tx)
    .await?;
    sqlx::query!(
        r#"INSERT INTO style_words (style_id, word)
           SELECT id, unnest(tsvector_to_array(to_tsvector('simple', name || ' ' || coalesce(description, ''))))
             FROM styles"#,
    )
    .execute(&mut **tx)
    .await?;
    sqlx::query!(
        r#"INSERT INTO artworks (style_id, image_url)
           SELECT 1, 'artworks/load'
             FROM generate_series(1, 100)"#,
    )
    .execute(&mut **tx)
    .await?;
    sqlx::query!(
        r#"INSERT INTO style_versions (style_id, number, object_key, bytes, sha256, base_model, content_key)
           SELECT n, 1, 'loras/load', 1, decode(repeat('ab', 32), 'hex'), 'sd15', decode(repeat('cd', 32), 'hex')
             FROM generate_series(1, $1::bigint) AS n"#,
        load.styles,
    )
    .execute(&mut **tx)
    .await?;
    sqlx::query!(
        r#"INSERT INTO style_tags (style_id, tag_id, sequence)
           SELECT n, 1 + (drawn.tag + place * 7) % $2::bigint, place
             FROM generate_series(1, $1::bigint) AS n,
                  LATERAL (SELECT n AS same, floor($2::bigint * power(random(), 3))::bigint AS tag) AS drawn,
                  generate_series(1, 3) AS place
            WHERE drawn.same = n"#,
        load.styles,
        TAGS,
    )
    .execute(&mut **tx)
    .await?;
    sqlx::query!(
        r#"SELECT setval(pg_get_serial_sequence('styles', 'id'), $1) AS styles,
                  setval(pg_get_serial_sequence('tags', 'id'), $2) AS tags"#,
        load.styles + load.styles / 2,
        TAGS + 10 * load.styles,
    )
    .fetch_one(&mut **tx)
    .await?;
    Ok(())
}

/// Pictures, their tags, and the public lists of them.
async fn generations(tx: &mut PgTransaction<'_>, load: Load, first: i64, made: i64, count: i64) -> sqlx::Result<()> {
    sqlx::query!(
        r#"INSERT INTO generations (id, user_id, style_id, seed, consumed_tokens, result_url, status, like_count,
                                    is_public, created_at)
           SELECT n, $4::bigint + 1 + floor($5 * power(random(), 3))::bigint, 1 + floor($6 * power(random(), 2))::bigint, n, 1 + n % 20,
                  'pictures/load.png', 'completed', floor(1 / (random() + 0.001))::int, n % 2 = 0,
                  now() - make_interval(secs => $3::float8 - n)
             FROM generate_series($1::bigint + 1, $1::bigint + $2::bigint) AS n"#,
        made,
        count,
        load.generations as f64,
        first,
        load.users as f64,
        load.styles as f64,
    )
    .execute(&mut **tx)
    .await?;
    sqlx::query!(
        r#"INSERT INTO generation_tags (generation_id, tag_id, sequence)
           SELECT n, 1 + (drawn.tag + place * 7) % $3::bigint, place
             FROM generate_series($1::bigint + 1, $1::bigint + $2::bigint) AS n,
                  LATERAL (SELECT n AS same, floor($3::bigint * power(random(), 3))::bigint AS tag) AS drawn,
                  generate_series(1, 3) AS place
            WHERE drawn.same = n"#,
        made,
        count,
        TAGS,
    )
    .execute(&mut **tx)
    .await?;
    sqlx::query!(
        r#"INSERT INTO publications (generation_id, user_id, style_id, likes, published_at)
           SELECT id, user_id, style_id, like_count, created_at
             FROM generations
            WHERE id > $1 AND id <= $1 + $2::bigint AND is_public"#,
        made,
        count,
    )
    .execute(&mut **tx)
    .await?;
    sqlx::query!(
        r#"INSERT INTO publication_tags (tag_id, generation_id, likes)
           SELECT generation_tags.tag_id, publications.generation_id, publications.likes
             FROM publications
             JOIN generation_tags USING (generation_id)
            WHERE publications.generation_id > $1 AND publications.generation_id <= $1 + $2::bigint"#,
        made,
        count,
    )
    .execute(&mut **tx)
    .await?;
    sqlx::query!(
        r#"INSERT INTO publication_changes (generation_id, changed_xid)
           SELECT generation_id, pg_current_xact_id()
             FROM publications
            WHERE generation_id > $1 AND generation_id <= $1 + $2::bigint"#,
        made,
        count,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

async fn finish(pool: &PgPool, generations: i64) -> anyhow::Result<()> {
    let mut tx = begin(pool).await?;
    sqlx::query!(
        "SELECT setval(pg_get_serial_sequence('generations', 'id'), greatest(1, $1::bigint))",
        generations
    )
    .fetch_one(&mut *tx)
    .await?;
    sqlx::query!(
        r#"WITH counted AS (
               INSERT INTO user_feed (user_id, seq) SELECT user_id, count(*) FROM generations GROUP BY user_id
           )
           INSERT INTO feed_entries (user_id, seq, kind, target_id)
           SELECT user_id, row_number() OVER (PARTITION BY user_id ORDER BY id), 'generation', id
             FROM generations"#,
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    // Statistics, and the map of pages that everybody sees, which index-only scans need.
    for table in [
        "VACUUM ANALYZE users",
        "VACUUM ANALYZE artists",
        "VACUUM ANALYZE tags",
        "VACUUM ANALYZE styles",
        "VACUUM ANALYZE style_tags",
        "VACUUM ANALYZE style_versions",
        "VACUUM ANALYZE generations",
        "VACUUM ANALYZE generation_tags",
        "VACUUM ANALYZE publications",
        "VACUUM ANALYZE publication_tags",
        "VACUUM ANALYZE publication_changes",
        "VACUUM ANALYZE user_feed",
        "VACUUM ANALYZE feed_entries",
        "VACUUM ANALYZE style_words",
        "VACUUM ANALYZE artworks",
        "VACUUM ANALYZE follows",
        "VACUUM ANALYZE sessions",
        "VACUUM ANALYZE likes",
        "VACUUM ANALYZE comments",
        "VACUUM ANALYZE notifications",
        "VACUUM ANALYZE transactions",
        "VACUUM ANALYZE purchases",
        "VACUUM ANALYZE vouchers",
        "VACUUM ANALYZE withdrawals",
    ] {
        sqlx::query(table).execute(pool).await?;
    }
    Ok(())
}
