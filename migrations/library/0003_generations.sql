-- Generations: pictures made here, one row each. Those of one order share a job.
-- Previous studio: unaffected, it does not know these tables.
CREATE TABLE jobs (
    id              INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    kind            TEXT    NOT NULL CONSTRAINT jobs_kind CHECK (kind IN ('train','generate')),
    status          TEXT    NOT NULL DEFAULT 'queued'
                    CONSTRAINT jobs_status CHECK (status IN ('queued','running','paused','completed','failed','cancelled')),
    -- The style in training; NULL for generations, which name theirs themselves.
    style_id        INTEGER REFERENCES styles(id) ON DELETE CASCADE,
    -- All that is needed to start it again.
    request         TEXT    NOT NULL CONSTRAINT jobs_request_json CHECK (json_valid(request)),
    -- A refusal as JSON: why it is `failed`.
    failure         TEXT    CONSTRAINT jobs_failure_json CHECK (json_valid(failure)),
    -- How often a worker was given it.
    attempts        INTEGER NOT NULL DEFAULT 0 CONSTRAINT jobs_attempts_not_negative CHECK (attempts >= 0),
    created_at      TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    started_at      TEXT,
    ended_at        TEXT,
    updated_at      TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),

    CONSTRAINT jobs_training_has_a_style CHECK (kind <> 'train' OR style_id IS NOT NULL),
    CONSTRAINT jobs_reason_when_failed CHECK (status <> 'failed' OR failure IS NOT NULL)
);

CREATE INDEX idx_jobs_status ON jobs(status, id);
CREATE INDEX idx_jobs_style ON jobs(style_id);
-- A style has one training at a time.
CREATE UNIQUE INDEX unique_job_training ON jobs(style_id) WHERE kind = 'train' AND status IN ('queued','running','paused');

CREATE TABLE generations (
    id                  INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    job_id              INTEGER REFERENCES jobs(id) ON DELETE SET NULL,
    -- The first style; `settings` has all of them with their strengths.
    style_id            INTEGER REFERENCES styles(id) ON DELETE RESTRICT,
    aspect_ratio        TEXT    NOT NULL DEFAULT '1:1'
                        CONSTRAINT generations_aspect_ratio CHECK (aspect_ratio IN ('1:1','2:2','1:2','16:9','9:16','4:3','3:4')),
    -- All 64 bits, so that seeds of 2^63 and above look negative here.
    seed                INTEGER,
    consumed_tokens     INTEGER NOT NULL DEFAULT 0,
    result_url          TEXT,
    status              TEXT    NOT NULL DEFAULT 'queued'
                        CONSTRAINT generations_status CHECK (status IN ('queued','processing','retrying','completed','failed')),
    generation_progress TEXT    CONSTRAINT generations_progress_json CHECK (json_valid(generation_progress)),
    description         TEXT,
    like_count          INTEGER NOT NULL DEFAULT 0,
    comment_count       INTEGER NOT NULL DEFAULT 0,
    is_public           BOOLEAN NOT NULL DEFAULT FALSE,
    created_at          TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    updated_at          TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    -- Base model, styles and strengths, sampler, steps, guidance, size, negative tags, receipts.
    settings            TEXT    NOT NULL DEFAULT '{}' CONSTRAINT generations_settings_json CHECK (json_valid(settings)),
    -- A refusal as JSON: why it is `failed`.
    failure             TEXT    CONSTRAINT generations_failure_json CHECK (json_valid(failure)),
    retry_count         INTEGER NOT NULL DEFAULT 0 CONSTRAINT generations_retries CHECK (retry_count BETWEEN 0 AND 3),

    CONSTRAINT generations_result_when_completed CHECK (status <> 'completed' OR result_url IS NOT NULL),
    CONSTRAINT generations_reason_when_failed CHECK (status <> 'failed' OR failure IS NOT NULL)
);

CREATE INDEX idx_generations_job ON generations(job_id);
CREATE INDEX idx_generations_style ON generations(style_id, status);
CREATE INDEX idx_generations_status ON generations(status);
CREATE INDEX idx_generations_result ON generations(result_url);
