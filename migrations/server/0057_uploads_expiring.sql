-- Uploads that were taken are swept as well: the row that took one names its object, and nothing names the upload.
-- Previous server: works beside it; its sweep finds its rows by the new index.
DROP INDEX uploads_expiring;
CREATE INDEX uploads_expiring ON uploads (expires_at);
