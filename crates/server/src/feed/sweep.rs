//! What happens to feeds by the clock: what was noted in `feed_changes` is appended, and what is long gone is dropped. Both are safe on any
//! number of replicas; both lock feeds in the order of the users, as every other who locks several does.

use crate::app::App;

/// Days for which a feed tells that something is gone. Who comes after them with an older cursor begins anew.
const GONE_DAYS: i32 = 90;
/// Rows that one statement takes: so many feeds are locked at a time.
const BATCH_ROWS: i64 = 1_000;

/// Appends what was noted for later, each thing once however often it changed. Returns how many notes were taken.
pub(crate) async fn changes(app: &App) -> sqlx::Result<u64> {
    let mut all = 0;
    loop {
        let taken = sqlx::query_scalar!(
            r#"WITH taken AS (
                   DELETE FROM feed_changes
                    WHERE id IN (SELECT id FROM feed_changes ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED)
                RETURNING user_id, kind, target_id
               ), things AS (
                   SELECT user_id, kind, target_id, row_number() OVER of_user AS place, count(*) OVER of_user AS things
                     FROM (SELECT DISTINCT user_id, kind, target_id FROM taken) AS changed
                   WINDOW of_user AS (PARTITION BY user_id ORDER BY kind, target_id
                                      ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
               ), next AS (
                   INSERT INTO user_feed (user_id, seq)
                   SELECT user_id, max(things) FROM things GROUP BY user_id ORDER BY user_id
                       ON CONFLICT (user_id) DO UPDATE SET seq = user_feed.seq + excluded.seq
                RETURNING user_id, seq
               ), appended AS (
                   INSERT INTO feed_entries (user_id, seq, kind, target_id)
                   SELECT user_id, next.seq - things + place, kind, target_id
                     FROM next
                     JOIN things USING (user_id)
                       ON CONFLICT (user_id, kind, target_id) DO UPDATE SET seq = excluded.seq
               )
               SELECT count(*) AS "taken!" FROM taken"#,
            BATCH_ROWS,
        )
        .fetch_one(&app.pool)
        .await?;
        all += taken.unsigned_abs();
        if taken < BATCH_ROWS {
            return Ok(all);
        }
    }
}

/// Drops entries that have told for [`GONE_DAYS`] that something is gone. A feed that somebody appends to just now is passed over. Returns how
/// many were dropped.
pub(crate) async fn gone(app: &App) -> sqlx::Result<u64> {
    let mut all = 0;
    loop {
        // Feeds are locked before their entries, as by who appends. What came back in the meantime is found changed, and stays.
        let dropped = sqlx::query_scalar!(
            r#"WITH old AS MATERIALIZED (
                   SELECT user_id, kind, target_id
                     FROM feed_entries
                    WHERE is_gone
                      AND changed_at < now() - make_interval(days => $1)
                      AND feed_thing_is_gone(user_id, kind, target_id)
                 ORDER BY changed_at
                    LIMIT $2
               ), feeds AS MATERIALIZED (
                   SELECT user_id
                     FROM user_feed
                    WHERE user_id IN (SELECT user_id FROM old)
                 ORDER BY user_id
                      FOR NO KEY UPDATE SKIP LOCKED
               ), dropped AS (
                   DELETE FROM feed_entries
                    USING old
                     JOIN feeds USING (user_id)
                    WHERE (feed_entries.user_id, feed_entries.kind, feed_entries.target_id)
                          = (old.user_id, old.kind, old.target_id)
                      AND feed_entries.is_gone
                      AND feed_entries.changed_at < now() - make_interval(days => $1)
                RETURNING feed_entries.user_id, feed_entries.seq
               ), marked AS (
                   UPDATE user_feed
                      SET dropped_seq = greatest(dropped_seq, newest.seq)
                     FROM (SELECT user_id, max(seq) AS seq FROM dropped GROUP BY user_id) AS newest
                    WHERE user_feed.user_id = newest.user_id
               )
               SELECT count(*) AS "dropped!" FROM dropped"#,
            GONE_DAYS,
            BATCH_ROWS,
        )
        .fetch_one(&app.pool)
        .await?;
        all += dropped.unsigned_abs();
        if dropped < BATCH_ROWS {
            return Ok(all);
        }
    }
}
