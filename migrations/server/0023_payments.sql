-- What payments need beside the plan's purchases: when to ask the provider, what was cancelled, and the hints that it sends.
-- Previous server: unaffected; new columns have defaults.
ALTER TABLE purchases
    ADD COLUMN cancelled_tokens BIGINT NOT NULL DEFAULT 0
        CONSTRAINT purchases_cancelled_within CHECK (cancelled_tokens BETWEEN 0 AND amount_tokens),
    -- The payments that the buyer came back with, the newest last; as they say, so they may be forged, and are not unique.
    ADD COLUMN agreed_keys TEXT[] NOT NULL DEFAULT '{}' CONSTRAINT purchases_agreed_few CHECK (cardinality(agreed_keys) <= 10),
    -- An abandoned window sends nothing: who does not come back within 40 minutes is asked about. What is paid is asked about less and
    -- less often, since word of a cancellation may be lost; `infinity` when no more.
    ADD COLUMN ask_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP + interval '40 minutes';

CREATE UNIQUE INDEX purchases_order_once ON purchases (provider_order_id);
CREATE INDEX purchases_to_ask ON purchases (ask_at) WHERE status IN ('pending', 'authorized', 'paid');

-- Webhooks as they came. They are not signed, so each is only a reason to ask the provider.
CREATE TABLE payment_events (
    transmission_id TEXT        PRIMARY KEY CONSTRAINT payment_events_transmission_short CHECK (length(transmission_id) BETWEEN 1 AND 200),
    order_id        TEXT        NOT NULL,
    -- JSON, as text: JSONB takes no escaped NUL, and anybody may send one.
    body            TEXT        NOT NULL CONSTRAINT payment_events_body_short CHECK (octet_length(body) <= 65536),
    received_at     TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    ask_at          TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    handled_at      TIMESTAMPTZ
);

CREATE INDEX payment_events_to_ask ON payment_events (ask_at) WHERE handled_at IS NULL;
CREATE INDEX payment_events_age ON payment_events (received_at);
