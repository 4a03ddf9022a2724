//! Rolls up what was appended in place of hot rows: uses of styles and tags, likes of publications.
//!
//! Safe on any number of replicas: a batch is deleted and added in one statement, under a lock that one at a time gets.

use sqlx::PgTransaction;

use crate::app::App;

/// Appended rows that one statement takes.
const BATCH_ROWS: i64 = 20_000;
/// Key of the advisory lock that these sweeps share.
const LOCK: i64 = 0x636f_756e_7473;

/// What waits to be rolled up.
#[derive(Debug, Clone, Copy)]
enum Waiting {
    StyleUses,
    TagUses,
    Likes,
}

/// Adds appended uses of styles to `styles.usage_count`. Returns how many were taken.
pub(crate) async fn style_uses(app: &App) -> sqlx::Result<u64> {
    roll_up(app, Waiting::StyleUses).await
}

/// Adds appended uses of tags to `tags.usage_count`. Returns how many were taken.
pub(crate) async fn tag_uses(app: &App) -> sqlx::Result<u64> {
    roll_up(app, Waiting::TagUses).await
}

/// Brings the order of the popular lists up to the likes there are. Returns how many changes were taken.
pub(crate) async fn likes(app: &App) -> sqlx::Result<u64> {
    roll_up(app, Waiting::Likes).await
}

/// Takes batches until nothing is left, each in a transaction of its own; does nothing while another replica is at it.
async fn roll_up(app: &App, waiting: Waiting) -> sqlx::Result<u64> {
    let mut all = 0;
    loop {
        let mut tx = app.pool.begin().await?;
        let mine = sqlx::query_scalar!(r#"SELECT pg_try_advisory_xact_lock($1) AS "mine!""#, LOCK)
            .fetch_one(&mut *tx)
            .await?;
        if !mine {
            return Ok(all);
        }
        let taken = match waiting {
            Waiting::StyleUses => take_style_uses(&mut tx).await?,
            Waiting::TagUses => take_tag_uses(&mut tx).await?,
            Waiting::Likes => take_likes(&mut tx).await?,
        };
        tx.commit().await?;
        all += u64::try_from(taken).unwrap_or(0);
        if taken < BATCH_ROWS {
            return Ok(all);
        }
    }
}

async fn take_style_uses(tx: &mut PgTransaction<'_>) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        r#"WITH taken AS (
               DELETE FROM style_uses
                WHERE id IN (SELECT id FROM style_uses ORDER BY id LIMIT $1)
            RETURNING style_id, uses
           ), sums AS (
               SELECT style_id, sum(uses) AS uses FROM taken GROUP BY style_id
           ), added AS (
               UPDATE styles
                  SET usage_count = greatest(0, usage_count + sums.uses)
                 FROM sums
                WHERE styles.id = sums.style_id
            RETURNING styles.artist_id, styles.id
           ), changed AS (
               INSERT INTO feed_changes (user_id, kind, target_id)
               SELECT artist_id, 'style', id FROM added
           )
           SELECT count(*) AS "taken!" FROM taken"#,
        BATCH_ROWS,
    )
    .fetch_one(&mut **tx)
    .await
}

async fn take_tag_uses(tx: &mut PgTransaction<'_>) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        r#"WITH taken AS (
               DELETE FROM tag_uses
                WHERE id IN (SELECT id FROM tag_uses ORDER BY id LIMIT $1)
            RETURNING tag_id, uses
           ), sums AS (
               SELECT tag_id, sum(uses) AS uses FROM taken GROUP BY tag_id
           ), added AS (
               UPDATE tags
                  SET usage_count = greatest(0, usage_count + sums.uses)
                 FROM sums
                WHERE tags.id = sums.tag_id
           )
           SELECT count(*) AS "taken!" FROM taken"#,
        BATCH_ROWS,
    )
    .fetch_one(&mut **tx)
    .await
}

async fn take_likes(tx: &mut PgTransaction<'_>) -> sqlx::Result<i64> {
    let batch = sqlx::query!(
        r#"WITH taken AS (
               DELETE FROM like_changes
                WHERE id IN (SELECT id FROM like_changes ORDER BY id LIMIT $1)
            RETURNING generation_id
           ), present AS (
               SELECT generations.id, generations.like_count
                 FROM (SELECT DISTINCT generation_id FROM taken) AS changed
                 JOIN generations ON generations.id = changed.generation_id
           ), listed AS (
               UPDATE publications
                  SET likes = present.like_count
                 FROM present
                WHERE publications.generation_id = present.id
            RETURNING generation_id
           )
           SELECT (SELECT count(*) FROM taken) AS "taken!", ARRAY(SELECT generation_id FROM listed) AS "listed!""#,
        BATCH_ROWS,
    )
    .fetch_one(&mut **tx)
    .await?;
    // A publication first and its tags after, as when one is taken back: parts of one statement would lock them in any order.
    sqlx::query!(
        r#"UPDATE publication_tags
              SET likes = publications.likes
             FROM publications
            WHERE publications.generation_id = ANY($1)
              AND publication_tags.generation_id = publications.generation_id"#,
        &batch.listed,
    )
    .execute(&mut **tx)
    .await?;
    Ok(batch.taken)
}
