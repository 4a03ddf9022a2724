-- no-transaction
-- All that an artist ever earned, in order: what there was of it is settled.
-- Previous server: works beside it.
CREATE INDEX CONCURRENTLY earnings_artist ON earnings (artist_id, transaction_id);
