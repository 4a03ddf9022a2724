-- What of a user's things changed, for studios that keep a copy: one row a thing, which moves to the end when the thing changes again.
-- Previous server: unaffected, it does not know these tables; what it changes is not told to studios until it is replaced.
CREATE TABLE user_feed (
    user_id BIGINT NOT NULL CONSTRAINT user_feed_one_a_user PRIMARY KEY REFERENCES users(id) ON DELETE CASCADE,
    -- Taken by an UPDATE inside the transaction of the change: who holds the row commits first, so the order of numbers is the order of
    -- commits, and a reader that has seen one number has seen all before it. A sequence would not give that.
    seq     BIGINT NOT NULL CONSTRAINT user_feed_seq_counts CHECK (seq > 0)
) WITH (fillfactor = 50);

CREATE TABLE feed_entries (
    user_id   BIGINT NOT NULL REFERENCES user_feed(user_id) ON DELETE CASCADE,
    seq       BIGINT NOT NULL,
    kind      TEXT   NOT NULL CONSTRAINT feed_entries_kind_known CHECK (kind IN (
                  'profile','balance','generation','style','notification','purchase','withdrawal','follow','like','comment')),
    -- 0 for what a user has one of. No foreign key: a thing that is gone has to be told as well.
    target_id BIGINT NOT NULL DEFAULT 0,

    CONSTRAINT feed_entries_once PRIMARY KEY (user_id, kind, target_id)
);

CREATE UNIQUE INDEX feed_entries_in_order ON feed_entries (user_id, seq);
