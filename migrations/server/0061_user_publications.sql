-- no-transaction
-- A user's public pictures, the best liked first.
-- Previous server: works beside it.
CREATE INDEX CONCURRENTLY publications_user_popular ON publications (user_id, likes DESC, generation_id DESC);
