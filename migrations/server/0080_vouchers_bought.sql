-- no-transaction
-- What a user paid ahead of late, however much they ever did.
-- Previous server: works beside it.
CREATE INDEX CONCURRENTLY vouchers_bought ON vouchers (user_id, created_at DESC);
