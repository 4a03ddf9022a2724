-- The gallery: ratings, pictures that were removed and may come back, and the words and styles that pictures are found by.
-- Previous studio: unaffected; what it writes is found too, since triggers keep the tables of words and styles.
ALTER TABLE generations ADD COLUMN rating INTEGER NOT NULL DEFAULT 0
    CONSTRAINT generations_rating CHECK (rating BETWEEN 0 AND 5);
-- Set when the person removed it; until the sweep it can be restored.
ALTER TABLE generations ADD COLUMN removed_at TEXT;
ALTER TABLE generations ADD COLUMN prompt TEXT GENERATED ALWAYS AS (json_extract(settings, '$.prompt')) VIRTUAL;

-- All that the gallery filters by, in its order, so that no filter reads the rows themselves: their JSON has kilobytes.
CREATE INDEX idx_generations_gallery ON generations(id, rating, created_at)
    WHERE status = 'completed' AND removed_at IS NULL;
CREATE INDEX idx_generations_removed ON generations(removed_at, id) WHERE removed_at IS NOT NULL;

-- From a tag to its generations without a look at the rows between.
DROP INDEX idx_generation_tags_tag;
CREATE INDEX idx_generation_tags_tag ON generation_tags(tag_id, generation_id);

-- All styles of a generation; `generations.style_id` is only the first.
CREATE TABLE generation_styles (
    style_id        INTEGER NOT NULL REFERENCES styles(id) ON DELETE CASCADE,
    generation_id   INTEGER NOT NULL REFERENCES generations(id) ON DELETE CASCADE,

    PRIMARY KEY (style_id, generation_id)
) WITHOUT ROWID;

CREATE INDEX idx_generation_styles_generation ON generation_styles(generation_id);

CREATE TRIGGER generation_styles_named AFTER INSERT ON generations
BEGIN
    INSERT OR IGNORE INTO generation_styles (style_id, generation_id)
    SELECT styles.id, NEW.id
      FROM json_each(NEW.settings, '$.styles') AS used
      JOIN styles ON styles.name = json_extract(used.value, '$.name');
END;

INSERT OR IGNORE INTO generation_styles (style_id, generation_id)
SELECT styles.id, generations.id
  FROM generations, json_each(generations.settings, '$.styles') AS used
  JOIN styles ON styles.name = json_extract(used.value, '$.name');

-- Words of prompts; their text stays in `generations`.
CREATE VIRTUAL TABLE generation_words USING fts5(prompt, content = 'generations', content_rowid = 'id', prefix = '1 2 3');

CREATE TRIGGER generation_words_written AFTER INSERT ON generations
BEGIN
    INSERT INTO generation_words (rowid, prompt) VALUES (NEW.id, NEW.prompt);
END;

CREATE TRIGGER generation_words_rewritten AFTER UPDATE OF settings ON generations WHEN OLD.prompt IS NOT NEW.prompt
BEGIN
    INSERT INTO generation_words (generation_words, rowid, prompt) VALUES ('delete', OLD.id, OLD.prompt);
    INSERT INTO generation_words (rowid, prompt) VALUES (NEW.id, NEW.prompt);
END;

CREATE TRIGGER generation_words_forgotten AFTER DELETE ON generations
BEGIN
    INSERT INTO generation_words (generation_words, rowid, prompt) VALUES ('delete', OLD.id, OLD.prompt);
END;

INSERT INTO generation_words (generation_words) VALUES ('rebuild');
