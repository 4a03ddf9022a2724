-- How many replies a comment has, counted as they come and go, so that a list of comments need not go through them.
-- Previous server: works beside it; the triggers count for it as well. Comments wait while those that are there are counted.
ALTER TABLE comments
    ADD COLUMN reply_count INT NOT NULL DEFAULT 0 CONSTRAINT comments_replies_not_negative CHECK (reply_count >= 0);

-- A comment that goes takes its replies along: then there is nothing left to count them in.
CREATE FUNCTION count_replies() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        UPDATE comments SET reply_count = reply_count + 1 WHERE id = NEW.parent_id;
    ELSE
        UPDATE comments SET reply_count = reply_count - 1 WHERE id = OLD.parent_id;
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER comments_replied AFTER INSERT ON comments
    FOR EACH ROW WHEN (NEW.parent_id IS NOT NULL) EXECUTE FUNCTION count_replies();
CREATE TRIGGER comments_reply_removed AFTER DELETE ON comments
    FOR EACH ROW WHEN (OLD.parent_id IS NOT NULL) EXECUTE FUNCTION count_replies();

UPDATE comments
   SET reply_count = counted.replies
  FROM (SELECT parent_id, count(*) AS replies FROM comments WHERE parent_id IS NOT NULL GROUP BY parent_id) AS counted
 WHERE comments.id = counted.parent_id;
