-- Sessions: who is signed in, on which device, and every refresh token that was ever given out in each, so that a stolen one is noticed.
-- Previous server: must not run beside it, its access tokens name no row here.
CREATE TABLE sessions (
    id             BIGSERIAL   PRIMARY KEY,
    user_id        BIGINT      NOT NULL REFERENCES users(id) ON DELETE CASCADE,
    -- X25519, so that keys can be sealed to the device.
    device         BYTEA       CONSTRAINT sessions_device_whole CHECK (octet_length(device) = 32),
    device_name    TEXT        CONSTRAINT sessions_device_name_short CHECK (length(device_name) <= 100),
    -- As the provider of the sign-in confirmed it.
    verified_email VARCHAR(255),
    created_at     TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    used_at        TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    ended_at       TIMESTAMPTZ,
    end_reason     TEXT        CONSTRAINT sessions_end_reason_known
                   CHECK (end_reason IN ('signed_out','reused','deactivated','operator','expired')),

    CONSTRAINT sessions_end_has_reason CHECK ((ended_at IS NULL) = (end_reason IS NULL))
);

-- Listed by their owner, and for the cascade; and for the sweep.
CREATE INDEX sessions_user ON sessions (user_id, id DESC);
CREATE INDEX sessions_open ON sessions (used_at) WHERE ended_at IS NULL;
CREATE INDEX sessions_ended ON sessions (ended_at) WHERE ended_at IS NOT NULL;

-- The family of a session's tokens. One that is replaced may come once more within 30 seconds and gets the same successor; later it is
-- a sign of theft. What the successor is, follows from the predecessor and the server's key, so that no token is stored.
CREATE TABLE refresh_tokens (
    sha256      BYTEA       NOT NULL CONSTRAINT refresh_tokens_once PRIMARY KEY
                CONSTRAINT refresh_tokens_sha256_whole CHECK (octet_length(sha256) = 32),
    session_id  BIGINT      NOT NULL REFERENCES sessions(id) ON DELETE CASCADE,
    -- NULL for the first.
    predecessor BYTEA       CONSTRAINT refresh_tokens_one_successor UNIQUE,
    made_at     TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    replaced_at TIMESTAMPTZ
);

CREATE UNIQUE INDEX refresh_tokens_one_current ON refresh_tokens (session_id) WHERE replaced_at IS NULL;
CREATE INDEX refresh_tokens_session ON refresh_tokens (session_id);
CREATE INDEX refresh_tokens_replaced ON refresh_tokens (replaced_at) WHERE replaced_at IS NOT NULL;
