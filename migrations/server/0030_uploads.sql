-- Files on their way in: declared with size and hash, held in quarantine until checked, then owned by the row that uses them.
-- Previous server: unaffected, it does not know this table.
CREATE TABLE uploads (
    id          BIGSERIAL   PRIMARY KEY,
    user_id     BIGINT      NOT NULL REFERENCES users(id) ON DELETE CASCADE,
    purpose     TEXT        NOT NULL
                CONSTRAINT uploads_purpose_known CHECK (purpose IN ('artwork','lora','thumbnail','picture','signature','profile_image')),
    -- As the content says, once it is verified.
    media_type  TEXT,
    bytes       BIGINT      NOT NULL CONSTRAINT uploads_bytes_positive CHECK (bytes > 0),
    sha256      BYTEA       NOT NULL CONSTRAINT uploads_sha256_whole CHECK (octet_length(sha256) = 32),
    status      TEXT        NOT NULL DEFAULT 'declared'
                CONSTRAINT uploads_status_known CHECK (status IN ('declared','verified','used','refused')),
    object_key  TEXT,
    width_px    INT,
    height_px   INT,
    -- For a LoRA: the key its stored bytes are encrypted with. It leaves only inside a wrapping for one device.
    content_key BYTEA       CONSTRAINT uploads_content_key_whole CHECK (octet_length(content_key) = 32),
    reason      TEXT,
    created_at  TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    expires_at  TIMESTAMPTZ NOT NULL,

    CONSTRAINT uploads_verified_has_object CHECK (status NOT IN ('verified','used') OR object_key IS NOT NULL)
);

-- Searched by its owner and for the cascade; and by the sweep that clears what nobody used.
CREATE INDEX uploads_user ON uploads (user_id, id DESC);
CREATE INDEX uploads_expiring ON uploads (expires_at) WHERE status <> 'used';
