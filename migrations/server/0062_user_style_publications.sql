-- no-transaction
-- A user's public pictures in one style, the newest first.
-- Previous server: works beside it.
CREATE INDEX CONCURRENTLY publications_user_style ON publications (user_id, style_id, generation_id DESC);
