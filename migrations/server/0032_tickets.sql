-- Paid generations on machines that nobody can trust: tickets, attempts with leases, and vouchers bought ahead.
-- Previous server: unaffected, it does not know these tables.
CREATE TABLE tickets (
    generation_id     BIGINT      PRIMARY KEY REFERENCES generations(id) ON DELETE CASCADE,
    user_id           BIGINT      NOT NULL REFERENCES users(id) ON DELETE CASCADE,
    style_version_id  BIGINT      NOT NULL REFERENCES style_versions(id) ON DELETE RESTRICT,
    device_key        BYTEA       NOT NULL CONSTRAINT tickets_device_key_whole CHECK (octet_length(device_key) = 32),
    cost_tokens       BIGINT      NOT NULL CONSTRAINT tickets_cost_not_negative CHECK (cost_tokens >= 0),
    state             TEXT        NOT NULL DEFAULT 'reserved'
                      CONSTRAINT tickets_state_known CHECK (state IN ('reserved','released','committed','completed','voided','review')),
    -- Rises with every attempt; what an older attempt says is refused.
    fence             INT         NOT NULL DEFAULT 0,
    attempt           INT         NOT NULL DEFAULT 0,
    reruns            INT         NOT NULL DEFAULT 0,
    lease_until       TIMESTAMPTZ,
    first_started_at  TIMESTAMPTZ,
    -- Results are sealed to the public half; the secret half is given at commit.
    seal_public       BYTEA       NOT NULL CONSTRAINT tickets_seal_public_whole CHECK (octet_length(seal_public) = 32),
    seal_secret       BYTEA       NOT NULL CONSTRAINT tickets_seal_secret_whole CHECK (octet_length(seal_secret) = 32),
    ticket            TEXT        NOT NULL,
    ciphertext_sha256 BYTEA       CONSTRAINT tickets_ciphertext_whole CHECK (octet_length(ciphertext_sha256) = 32),
    receipt           TEXT,
    expires_at        TIMESTAMPTZ NOT NULL,
    committed_at      TIMESTAMPTZ,
    voided_at         TIMESTAMPTZ,
    -- Refunded by itself, after work had begun: counted against the budget of such refunds.
    void_counts       BOOLEAN     NOT NULL DEFAULT FALSE,
    created_at        TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT tickets_committed_has_receipt
        CHECK ((state IN ('committed','completed')) = (receipt IS NOT NULL)),
    CONSTRAINT tickets_voided_has_time
        CHECK ((state = 'voided') = (voided_at IS NOT NULL))
);

-- The sweeps: reservations that ran out, leases that lapsed, commits that nobody acknowledged.
CREATE INDEX tickets_reserved ON tickets (expires_at) WHERE state = 'reserved';
CREATE INDEX tickets_released ON tickets (first_started_at) WHERE state = 'released';
CREATE INDEX tickets_committed ON tickets (committed_at) WHERE state = 'committed';
CREATE INDEX tickets_review ON tickets (generation_id) WHERE state = 'review';
-- The refund budget of a user, and the cascade.
CREATE INDEX tickets_user ON tickets (user_id, created_at DESC);
CREATE INDEX tickets_voided ON tickets (user_id, voided_at DESC) WHERE void_counts;
CREATE INDEX tickets_version ON tickets (style_version_id);

CREATE TABLE attempts (
    generation_id BIGINT      NOT NULL REFERENCES tickets(generation_id) ON DELETE CASCADE,
    fence         INT         NOT NULL,
    attempt       INT         NOT NULL,
    started_at    TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    ended_at      TIMESTAMPTZ,
    failure       TEXT,

    CONSTRAINT attempts_fence_once PRIMARY KEY (generation_id, fence)
);

CREATE TABLE vouchers (
    id               BIGSERIAL   PRIMARY KEY,
    user_id          BIGINT      NOT NULL REFERENCES users(id) ON DELETE CASCADE,
    style_version_id BIGINT      NOT NULL REFERENCES style_versions(id) ON DELETE RESTRICT,
    device_key       BYTEA       NOT NULL CONSTRAINT vouchers_device_key_whole CHECK (octet_length(device_key) = 32),
    cost_tokens      BIGINT      NOT NULL CONSTRAINT vouchers_cost_positive CHECK (cost_tokens > 0),
    state            TEXT        NOT NULL DEFAULT 'held'
                     CONSTRAINT vouchers_state_known CHECK (state IN ('held','redeemed','returned')),
    voucher          TEXT        NOT NULL,
    generation_id    BIGINT      CONSTRAINT vouchers_generation_once UNIQUE REFERENCES generations(id) ON DELETE SET NULL,
    expires_at       TIMESTAMPTZ NOT NULL,
    created_at       TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP
);

CREATE INDEX vouchers_user ON vouchers (user_id, id DESC);
CREATE INDEX vouchers_held ON vouchers (expires_at) WHERE state = 'held';
CREATE INDEX vouchers_version ON vouchers (style_version_id);

-- One chain of spent vouchers per user and device; the head is the hash of its newest entry.
CREATE TABLE journals (
    user_id    BIGINT NOT NULL REFERENCES users(id) ON DELETE CASCADE,
    device_key BYTEA  NOT NULL CONSTRAINT journals_device_key_whole CHECK (octet_length(device_key) = 32),
    entries    BIGINT NOT NULL DEFAULT 0,
    head       BYTEA  NOT NULL CONSTRAINT journals_head_whole CHECK (octet_length(head) = 32),

    CONSTRAINT journals_once PRIMARY KEY (user_id, device_key)
);
