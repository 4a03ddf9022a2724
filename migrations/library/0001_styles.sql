-- Styles: what an artist trains from artworks. Columns of the server's table, but for `artist_id`: a library has one artist.
-- Previous studio: unaffected, this is the first migration.
CREATE TABLE styles (
    id                      INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    name                    TEXT    NOT NULL
                            CONSTRAINT unique_style_name UNIQUE
                            CONSTRAINT styles_name_length CHECK (length(name) BETWEEN 1 AND 100),
    description             TEXT,
    thumbnail_url           TEXT,
    -- The LoRA, relative to the library's folder; kept when a later training fails.
    model_path              TEXT,
    training_status         TEXT    NOT NULL DEFAULT 'pending'
                            CONSTRAINT styles_training_status CHECK (training_status IN ('pending','training','completed','failed')),
    training_log_path       TEXT,
    training_metric         TEXT    CONSTRAINT styles_training_metric_json CHECK (json_valid(training_metric)),
    training_progress       TEXT    CONSTRAINT styles_training_progress_json CHECK (json_valid(training_progress)),
    -- A refusal as JSON: why the last training is `failed`.
    training_failure        TEXT    CONSTRAINT styles_training_failure_json CHECK (json_valid(training_failure)),
    -- Id of the base model it is for; decides how small an artwork may be.
    base_model              TEXT    NOT NULL DEFAULT 'starter',
    license_type            TEXT    NOT NULL DEFAULT 'personal'
                            CONSTRAINT styles_license_type CHECK (license_type IN ('personal','commercial','exclusive')),
    valid_from              TEXT    NOT NULL DEFAULT (date('now')),
    valid_to                TEXT,
    generation_cost_tokens  INTEGER NOT NULL DEFAULT 0
                            CONSTRAINT styles_cost_not_negative CHECK (generation_cost_tokens >= 0),
    usage_count             INTEGER NOT NULL DEFAULT 0,
    is_flagged              BOOLEAN NOT NULL DEFAULT FALSE,
    is_active               BOOLEAN NOT NULL DEFAULT TRUE,
    created_at              TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    updated_at              TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);

CREATE INDEX idx_styles_status ON styles(training_status);
CREATE INDEX idx_styles_active ON styles(is_active, created_at DESC) WHERE is_active = TRUE;
