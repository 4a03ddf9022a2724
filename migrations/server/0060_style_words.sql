-- Words of styles as a list in order, so that a search for a common one need not find all who have it.
-- Previous server: works beside it; the triggers keep the list for it as well, and its own index `styles_words` stays until it is gone.
CREATE TABLE style_words (
    style_id BIGINT           NOT NULL REFERENCES styles(id) ON DELETE CASCADE,
    -- As `to_tsvector('simple', …)` parts and writes them; ordered by their bytes, so that a beginning is a range.
    word     TEXT COLLATE "C" NOT NULL,

    CONSTRAINT style_words_once PRIMARY KEY (style_id, word)
);

CREATE INDEX style_words_beginnings ON style_words (word, style_id);

CREATE FUNCTION list_style_words() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM style_words WHERE style_id = NEW.id;
    INSERT INTO style_words (style_id, word)
    SELECT NEW.id, unnest(tsvector_to_array(to_tsvector('simple', NEW.name || ' ' || coalesce(NEW.description, ''))));
    RETURN NULL;
END $$;

CREATE TRIGGER styles_worded AFTER INSERT ON styles
    FOR EACH ROW EXECUTE FUNCTION list_style_words();
CREATE TRIGGER styles_reworded AFTER UPDATE OF name, description ON styles
    FOR EACH ROW WHEN (NEW.name <> OLD.name OR NEW.description IS DISTINCT FROM OLD.description)
    EXECUTE FUNCTION list_style_words();

-- Few enough for one statement: an artist has one style, or as many as the operator allows.
INSERT INTO style_words (style_id, word)
SELECT id, unnest(tsvector_to_array(to_tsvector('simple', name || ' ' || coalesce(description, ''))))
  FROM styles;

-- An artist's own, the newest first.
CREATE INDEX styles_artist_newest ON styles (artist_id, id DESC);
