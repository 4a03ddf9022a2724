-- What changed for a user whose feed many change at once, or who is not in the transaction: appended here, put into feeds by the clock.
-- Previous server: works beside it, and passes over the kinds of things that it does not know.
CREATE TABLE feed_changes (
    id        BIGSERIAL PRIMARY KEY,
    -- No foreign key: it would lock a popular artist's row with every sale.
    user_id   BIGINT    NOT NULL,
    kind      TEXT      NOT NULL CONSTRAINT feed_changes_kind_known CHECK (kind IN (
                  'profile','balance','earnings','generation','style','notification','purchase','withdrawal','voucher','follow','like',
                  'comment')),
    target_id BIGINT    NOT NULL DEFAULT 0
);

ALTER TABLE feed_entries DROP CONSTRAINT feed_entries_kind_known;
ALTER TABLE feed_entries ADD CONSTRAINT feed_entries_kind_known CHECK (kind IN (
    'profile','balance','earnings','generation','style','notification','purchase','withdrawal','voucher','follow','like','comment')) NOT VALID;
ALTER TABLE feed_entries VALIDATE CONSTRAINT feed_entries_kind_known;

-- Who likes a picture or said something about it keeps a copy of that, and may see it no longer, or again.
CREATE FUNCTION tell_who_likes_or_said() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO feed_changes (user_id, kind, target_id)
    SELECT user_id, 'like', NEW.id FROM likes WHERE generation_id = NEW.id AND user_id <> NEW.user_id
     UNION ALL
    SELECT user_id, 'comment', id FROM comments WHERE generation_id = NEW.id AND user_id <> NEW.user_id;
    RETURN NULL;
END $$;

CREATE TRIGGER generations_shown_or_hidden AFTER UPDATE OF is_public ON generations
    FOR EACH ROW WHEN (NEW.is_public <> OLD.is_public) EXECUTE FUNCTION tell_who_likes_or_said();

-- What was not told until now.
INSERT INTO feed_changes (user_id, kind) SELECT id, 'balance' FROM users WHERE provider <> 'platform';
INSERT INTO feed_changes (user_id, kind) SELECT user_id, 'earnings' FROM artists;
INSERT INTO feed_changes (user_id, kind, target_id) SELECT user_id, 'voucher', id FROM vouchers;
