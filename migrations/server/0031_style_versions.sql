-- What a style was trained to, one row a training: the encrypted LoRA, its key, and when the style was put up for others.
-- Previous server: unaffected; the new column of styles may stay empty.
ALTER TABLE styles ADD COLUMN published_at TIMESTAMPTZ;

CREATE TABLE style_versions (
    id          BIGSERIAL   PRIMARY KEY,
    style_id    BIGINT      NOT NULL REFERENCES styles(id) ON DELETE CASCADE,
    number      INT         NOT NULL CONSTRAINT style_versions_number_positive CHECK (number > 0),
    object_key  TEXT        NOT NULL,
    -- Of the plain LoRA: the studio compares what it decrypted.
    bytes       BIGINT      NOT NULL CONSTRAINT style_versions_bytes_positive CHECK (bytes > 0),
    sha256      BYTEA       NOT NULL CONSTRAINT style_versions_sha256_whole CHECK (octet_length(sha256) = 32),
    base_model  TEXT        NOT NULL,
    content_key BYTEA       NOT NULL CONSTRAINT style_versions_content_key_whole CHECK (octet_length(content_key) = 32),
    created_at  TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT style_versions_number_once UNIQUE (style_id, number)
);
