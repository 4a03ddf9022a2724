-- Base models that the person imported or downloaded; the starter model is part of the program and has no row.
-- Previous studio: unaffected, it does not know this table.
CREATE TABLE models (
    id              TEXT    PRIMARY KEY NOT NULL CONSTRAINT models_id_length CHECK (length(id) BETWEEN 1 AND 100),
    -- A diffusers folder or a single-file checkpoint; relative to the library's folder when it is a copy of ours.
    path            TEXT    NOT NULL CONSTRAINT unique_model_path UNIQUE,
    architecture    TEXT    NOT NULL,
    native_size_px  INTEGER NOT NULL CONSTRAINT models_native_size_positive CHECK (native_size_px > 0),
    bytes           INTEGER NOT NULL CONSTRAINT models_bytes_not_negative CHECK (bytes >= 0),
    -- Of every file, by its path inside the model: {"unet/config.json": "…"}.
    sha256          TEXT    NOT NULL CONSTRAINT models_sha256_json CHECK (json_valid(sha256)),
    license         TEXT,
    -- Id of the manifest it was downloaded by; NULL when it was imported.
    manifest        TEXT,
    created_at      TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);
