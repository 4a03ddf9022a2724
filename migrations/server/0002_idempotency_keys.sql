-- What a request that moves something answered the first time, so that a repeat gets the same.
-- Previous server: unaffected, it does not know this table.
CREATE TABLE idempotency_keys (
    user_id        BIGINT      NOT NULL REFERENCES users(id) ON DELETE CASCADE,
    key            TEXT        NOT NULL CONSTRAINT idempotency_keys_key_short CHECK (length(key) BETWEEN 1 AND 64),
    route          TEXT        NOT NULL,
    request_sha256 BYTEA       NOT NULL CONSTRAINT idempotency_keys_request_whole CHECK (octet_length(request_sha256) = 32),
    -- Absent only inside the transaction that took the key.
    answer         JSONB,
    created_at     TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT idempotency_keys_once PRIMARY KEY (user_id, key)
);

-- The sweep that forgets keys nobody repeats any more.
CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at);
