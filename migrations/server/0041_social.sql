-- Orders in which people, comments and notifications are listed, and a count of followers that is right from an artist's first moment.
-- Previous server: works beside it.
CREATE INDEX follows_follower_newest ON follows (follower_id, id DESC);
CREATE INDEX follows_following_newest ON follows (following_id, id DESC);
CREATE INDEX likes_generation_newest ON likes (generation_id, id DESC);
CREATE INDEX likes_user_newest ON likes (user_id, id DESC);
CREATE INDEX comments_newest ON comments (generation_id, id DESC) WHERE parent_id IS NULL;
CREATE INDEX comments_replies ON comments (parent_id, id);
CREATE INDEX notifications_newest ON notifications (recipient_id, id DESC);
CREATE INDEX notifications_unread ON notifications (recipient_id, id DESC) WHERE NOT is_read;
-- Whether somebody was told of the same act before.
CREATE INDEX notifications_of_act ON notifications (actor_id, type, target_id) WHERE actor_id IS NOT NULL;
-- The sweep that removes read ones.
CREATE INDEX notifications_read_age ON notifications (created_at) WHERE is_read;

ALTER TABLE comments
    ADD CONSTRAINT comments_content_said CHECK (length(content) BETWEEN 1 AND 2000),
    ADD CONSTRAINT comments_not_to_itself CHECK (parent_id <> id);
ALTER TABLE artists
    ADD CONSTRAINT artists_followers_not_negative CHECK (follower_count >= 0);
ALTER TABLE generations
    ADD CONSTRAINT generations_likes_not_negative CHECK (like_count >= 0),
    ADD CONSTRAINT generations_comments_not_negative CHECK (comment_count >= 0);

-- People follow users, and a user may become an artist afterwards. The lock waits for those who are just following and keeps others from
-- it, so that none is missed and none counted twice.
CREATE FUNCTION count_followers() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM users WHERE id = NEW.user_id FOR UPDATE;
    NEW.follower_count := (SELECT count(*) FROM follows WHERE following_id = NEW.user_id);
    RETURN NEW;
END $$;

CREATE TRIGGER artists_followed BEFORE INSERT ON artists
    FOR EACH ROW EXECUTE FUNCTION count_followers();
