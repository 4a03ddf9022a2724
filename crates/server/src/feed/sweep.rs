//! What happens to feeds by the clock: what was noted in `feed_changes` is appended, and what is long gone is dropped. All is safe on any
//! number of replicas; feeds are locked in the order of the users, as by every other who locks several.

use sqlx::PgTransaction;

use crate::app::App;

/// Days for which a feed tells that something is gone. Who comes after them with an older cursor begins anew.
const GONE_DAYS: i32 = 90;
/// Rows that one statement takes: so many feeds are locked at a time.
const BATCH_ROWS: i64 = 1_000;
/// Likes, and comments, of a picture that one transaction tells of.
const TOLD_ROWS: i64 = 10_000;

/// Notes for everybody who likes a picture or said something about it that it is shown or hidden since: they keep a copy of that, and may
/// see it no longer, or again. Returns how many likes and comments were gone through.
pub(crate) async fn shown(app: &App) -> sqlx::Result<u64> {
    // What is noted meanwhile is for the next run: whoever shows and hides all the time holds up nothing else.
    let newest = sqlx::query_scalar!("SELECT max(id) FROM shown_changes")
        .fetch_one(&app.pool)
        .await?;
    let Some(newest) = newest else { return Ok(0) };
    let mut all = 0;
    loop {
        let mut tx = app.pool.begin().await?;
        let Some(note) = next_shown(&mut tx, newest).await? else {
            return Ok(all);
        };
        all += tell_of_shown(&mut tx, &note, newest).await?;
        tx.commit().await?;
    }
}

/// A picture that was shown or hidden.
struct Shown {
    id: i64,
    generation: i64,
    like: i64,
    comment: i64,
    /// Whose it is; nobody's when it is gone.
    owner: Option<i64>,
}

/// The oldest up to `newest` that no other replica has, locked.
async fn next_shown(tx: &mut PgTransaction<'_>, newest: i64) -> sqlx::Result<Option<Shown>> {
    sqlx::query_as!(
        Shown,
        r#"SELECT id, generation_id AS generation, like_id AS like, comment_id AS comment,
                  (SELECT user_id FROM generations WHERE generations.id = generation_id) AS owner
             FROM shown_changes
            WHERE id <= $1
         ORDER BY id
            LIMIT 1
              FOR UPDATE SKIP LOCKED"#,
        newest,
    )
    .fetch_optional(&mut **tx)
    .await
}

/// Tells of the next likes and comments of a picture; the note is gone with the last of them. Returns how many there were.
async fn tell_of_shown(tx: &mut PgTransaction<'_>, note: &Shown, newest: i64) -> sqlx::Result<u64> {
    if (note.like, note.comment) == (0, 0) {
        // Whoever is told of the first reads how it is by then.
        sqlx::query!(
            "DELETE FROM shown_changes WHERE generation_id = $1 AND id > $2 AND id <= $3 AND like_id = 0 AND comment_id = 0",
            note.generation,
            note.id,
            newest,
        )
        .execute(&mut **tx)
        .await?;
    }
    let likes = sqlx::query!(
        r#"WITH liked AS MATERIALIZED (
               SELECT id, user_id FROM likes WHERE generation_id = $1 AND id > $2 ORDER BY id LIMIT $3
           ), told AS (
               INSERT INTO feed_changes (user_id, kind, target_id)
               SELECT user_id, 'like', $1 FROM liked WHERE user_id <> $4
           )
           SELECT count(*) AS "rows!", coalesce(max(id), $2) AS "last!" FROM liked"#,
        note.generation,
        note.like,
        TOLD_ROWS,
        note.owner,
    )
    .fetch_one(&mut **tx)
    .await?;
    let comments = sqlx::query!(
        r#"WITH said AS MATERIALIZED (
               SELECT id, user_id FROM comments WHERE generation_id = $1 AND id > $2 ORDER BY id LIMIT $3
           ), told AS (
               INSERT INTO feed_changes (user_id, kind, target_id)
               SELECT user_id, 'comment', id FROM said WHERE user_id <> $4
           )
           SELECT count(*) AS "rows!", coalesce(max(id), $2) AS "last!" FROM said"#,
        note.generation,
        note.comment,
        TOLD_ROWS,
        note.owner,
    )
    .fetch_one(&mut **tx)
    .await?;
    if likes.rows < TOLD_ROWS && comments.rows < TOLD_ROWS {
        sqlx::query!("DELETE FROM shown_changes WHERE id = $1", note.id)
            .execute(&mut **tx)
            .await?;
    } else {
        sqlx::query!(
            "UPDATE shown_changes SET like_id = $2, comment_id = $3 WHERE id = $1",
            note.id,
            likes.last,
            comments.last,
        )
        .execute(&mut **tx)
        .await?;
    }
    Ok((likes.rows + comments.rows).unsigned_abs())
}

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
