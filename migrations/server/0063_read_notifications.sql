-- no-transaction
-- What a user has read, the newest first, however much they have not.
-- Previous server: works beside it.
CREATE INDEX CONCURRENTLY notifications_read ON notifications (recipient_id, id DESC) WHERE is_read;
