-- Sign-ins under way: from the studio's opening the browser until it has its session. Minutes old, and gone afterwards.
-- Previous server: unaffected, it does not know this table.
CREATE TABLE sign_in_attempts (
    -- What the provider gives back to us; the word itself is in the browser only.
    state_sha256 BYTEA       NOT NULL CONSTRAINT sign_in_attempts_once PRIMARY KEY
                 CONSTRAINT sign_in_attempts_state_whole CHECK (octet_length(state_sha256) = 32),
    -- Between us and the provider.
    nonce        TEXT        NOT NULL,
    verifier     TEXT        NOT NULL,
    -- Between the studio and us.
    redirect     TEXT        NOT NULL CONSTRAINT sign_in_attempts_redirect_loopback CHECK (redirect LIKE 'http://127.0.0.1:%'),
    studio_state TEXT        NOT NULL,
    challenge    BYTEA       NOT NULL CONSTRAINT sign_in_attempts_challenge_whole CHECK (octet_length(challenge) = 32),
    expires_at   TIMESTAMPTZ NOT NULL,
    -- The provider answered; it does so once.
    answered_at  TIMESTAMPTZ,
    -- Who it is, and what the studio gets its session for.
    user_id      BIGINT      REFERENCES users(id) ON DELETE CASCADE,
    code_sha256  BYTEA       CONSTRAINT sign_in_attempts_code_once UNIQUE
                 CONSTRAINT sign_in_attempts_code_whole CHECK (octet_length(code_sha256) = 32),
    verified_email VARCHAR(255),

    CONSTRAINT sign_in_attempts_code_for_user CHECK ((user_id IS NULL) = (code_sha256 IS NULL))
);

CREATE INDEX sign_in_attempts_expiring ON sign_in_attempts (expires_at);
CREATE INDEX sign_in_attempts_user ON sign_in_attempts (user_id) WHERE user_id IS NOT NULL;
