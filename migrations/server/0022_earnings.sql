-- What artists earned by each generation until it is settled, and what they asked to have paid out.
-- Previous server: must not run beside it, it pays artists without rows here.
CREATE TABLE earnings (
    transaction_id BIGINT      PRIMARY KEY REFERENCES transactions(id) ON DELETE RESTRICT,
    artist_id      BIGINT      NOT NULL,
    tokens         BIGINT      NOT NULL CONSTRAINT earnings_tokens_positive CHECK (tokens > 0),
    earned_at      TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    -- The transaction that moved it into the artist's balance; absent while pending.
    settlement_id  BIGINT      REFERENCES transactions(id) ON DELETE RESTRICT
);

CREATE INDEX earnings_due ON earnings (earned_at) WHERE settlement_id IS NULL;
CREATE INDEX earnings_pending ON earnings (artist_id, earned_at) INCLUDE (tokens) WHERE settlement_id IS NULL;
CREATE INDEX earnings_settlement ON earnings (settlement_id) WHERE settlement_id IS NOT NULL;

CREATE TABLE withdrawals (
    id             BIGSERIAL   PRIMARY KEY,
    artist_id      BIGINT      NOT NULL REFERENCES users(id) ON DELETE RESTRICT,
    tokens         BIGINT      NOT NULL CONSTRAINT withdrawals_tokens_positive CHECK (tokens > 0),
    status         TEXT        NOT NULL DEFAULT 'requested'
                   CONSTRAINT withdrawals_status_known CHECK (status IN ('requested','paid','rejected')),
    transaction_id BIGINT      NOT NULL CONSTRAINT withdrawals_transaction_once UNIQUE REFERENCES transactions(id) ON DELETE RESTRICT,
    note           TEXT,
    created_at     TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    decided_at     TIMESTAMPTZ,

    CONSTRAINT withdrawals_decided_has_time CHECK ((status = 'requested') = (decided_at IS NULL))
);

CREATE INDEX withdrawals_artist ON withdrawals (artist_id, id DESC);
CREATE INDEX withdrawals_requested ON withdrawals (id) WHERE status = 'requested';
