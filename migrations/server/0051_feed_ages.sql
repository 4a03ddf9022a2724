-- How old the entries of feeds are, and whether what they name is gone: such entries are dropped in time, and who has not read them by
-- then begins anew.
-- Previous server: works beside it; the trigger dates entries for it as well.
ALTER TABLE user_feed
    -- The newest number that was dropped.
    ADD COLUMN dropped_seq BIGINT NOT NULL DEFAULT 0;
ALTER TABLE feed_entries
    ADD COLUMN changed_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    ADD COLUMN is_gone    BOOLEAN     NOT NULL DEFAULT FALSE;

CREATE FUNCTION feed_thing_is_gone(owner BIGINT, kind TEXT, target BIGINT) RETURNS BOOLEAN LANGUAGE sql STABLE
RETURN CASE kind
           WHEN 'style' THEN NOT EXISTS (SELECT FROM styles WHERE id = target)
           WHEN 'notification' THEN NOT EXISTS (SELECT FROM notifications WHERE id = target)
           WHEN 'comment' THEN NOT EXISTS (SELECT FROM comments WHERE id = target)
           WHEN 'follow' THEN NOT EXISTS (SELECT FROM follows WHERE follower_id = owner AND following_id = target)
           WHEN 'like' THEN NOT EXISTS (SELECT FROM likes WHERE user_id = owner AND generation_id = target)
           ELSE FALSE
       END;

CREATE FUNCTION date_feed_entry() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.changed_at := CURRENT_TIMESTAMP;
    NEW.is_gone := feed_thing_is_gone(NEW.user_id, NEW.kind, NEW.target_id);
    RETURN NEW;
END $$;

UPDATE feed_entries SET is_gone = TRUE WHERE feed_thing_is_gone(user_id, kind, target_id);

CREATE TRIGGER feed_entries_dated BEFORE INSERT OR UPDATE OF seq ON feed_entries
    FOR EACH ROW EXECUTE FUNCTION date_feed_entry();

-- The sweep that drops them. Few rows are in it: made at once, since no other way goes together with the lock of the migrations.
CREATE INDEX feed_entries_gone ON feed_entries (changed_at) WHERE is_gone;
