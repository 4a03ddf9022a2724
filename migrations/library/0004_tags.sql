-- Tags: ordered English words of styles, artworks and generations. `usage_count` is kept by triggers, so that it never drifts.
-- Previous studio: unaffected, it does not know these tables.
CREATE TABLE tags (
    id              INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    name            TEXT    NOT NULL
                    CONSTRAINT unique_tag_name UNIQUE
                    CONSTRAINT tags_name_english CHECK (length(name) BETWEEN 1 AND 100 AND name = lower(name) AND name NOT GLOB '*[^ -~]*'),
    usage_count     INTEGER NOT NULL DEFAULT 0,
    is_active       BOOLEAN NOT NULL DEFAULT TRUE,
    created_at      TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);

CREATE INDEX idx_tags_active ON tags(is_active, usage_count DESC);

CREATE TABLE style_tags (
    style_id    INTEGER NOT NULL REFERENCES styles(id) ON DELETE CASCADE,
    tag_id      INTEGER NOT NULL REFERENCES tags(id) ON DELETE CASCADE,
    sequence    INTEGER NOT NULL,
    created_at  TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),

    PRIMARY KEY (style_id, tag_id),
    CONSTRAINT unique_style_tag_sequence UNIQUE (style_id, sequence)
);

CREATE INDEX idx_style_tags_tag ON style_tags(tag_id);

CREATE TABLE artwork_tags (
    artwork_id  INTEGER NOT NULL REFERENCES artworks(id) ON DELETE CASCADE,
    tag_id      INTEGER NOT NULL REFERENCES tags(id) ON DELETE CASCADE,
    sequence    INTEGER NOT NULL,
    created_at  TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),

    PRIMARY KEY (artwork_id, tag_id),
    CONSTRAINT unique_artwork_tag_sequence UNIQUE (artwork_id, sequence)
);

CREATE INDEX idx_artwork_tags_tag ON artwork_tags(tag_id);

CREATE TABLE generation_tags (
    generation_id   INTEGER NOT NULL REFERENCES generations(id) ON DELETE CASCADE,
    tag_id          INTEGER NOT NULL REFERENCES tags(id) ON DELETE CASCADE,
    sequence        INTEGER NOT NULL,
    created_at      TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),

    PRIMARY KEY (generation_id, tag_id),
    CONSTRAINT unique_generation_tag_sequence UNIQUE (generation_id, sequence)
);

CREATE INDEX idx_generation_tags_tag ON generation_tags(tag_id);

CREATE TRIGGER style_tags_counted AFTER INSERT ON style_tags
BEGIN UPDATE tags SET usage_count = usage_count + 1 WHERE id = NEW.tag_id; END;

CREATE TRIGGER style_tags_uncounted AFTER DELETE ON style_tags
BEGIN UPDATE tags SET usage_count = usage_count - 1 WHERE id = OLD.tag_id; END;

CREATE TRIGGER artwork_tags_counted AFTER INSERT ON artwork_tags
BEGIN UPDATE tags SET usage_count = usage_count + 1 WHERE id = NEW.tag_id; END;

CREATE TRIGGER artwork_tags_uncounted AFTER DELETE ON artwork_tags
BEGIN UPDATE tags SET usage_count = usage_count - 1 WHERE id = OLD.tag_id; END;

CREATE TRIGGER generation_tags_counted AFTER INSERT ON generation_tags
BEGIN UPDATE tags SET usage_count = usage_count + 1 WHERE id = NEW.tag_id; END;

CREATE TRIGGER generation_tags_uncounted AFTER DELETE ON generation_tags
BEGIN UPDATE tags SET usage_count = usage_count - 1 WHERE id = OLD.tag_id; END;
