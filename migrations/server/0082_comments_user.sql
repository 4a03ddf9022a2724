-- no-transaction
-- What somebody said, in order, however much others did.
-- Previous server: works beside it.
CREATE INDEX CONCURRENTLY comments_user_newest ON comments (user_id, id DESC);
