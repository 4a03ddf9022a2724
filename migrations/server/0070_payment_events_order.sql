-- Webhooks are counted by their order, so that nobody fills the table with them.
-- Previous server: unaffected.
CREATE INDEX payment_events_order ON payment_events (order_id);
