-- The public gallery as lists that are already in order, so that a page costs the same whatever the tables hold.
-- Previous server: works beside it; the triggers keep the lists for it as well.
CREATE TABLE publications (
    generation_id BIGINT      PRIMARY KEY REFERENCES generations(id) ON DELETE CASCADE,
    user_id       BIGINT      NOT NULL,
    style_id      BIGINT,
    -- Likes as of the last roll-up: an order that changed with every like would make pages overlap.
    likes         INT         NOT NULL DEFAULT 0,
    published_at  TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP
);

CREATE INDEX publications_popular ON publications (likes DESC, generation_id DESC);
CREATE INDEX publications_user ON publications (user_id, generation_id DESC);
CREATE INDEX publications_style ON publications (style_id, generation_id DESC);
CREATE INDEX publications_style_popular ON publications (style_id, likes DESC, generation_id DESC);

CREATE TABLE publication_tags (
    tag_id        BIGINT NOT NULL,
    generation_id BIGINT NOT NULL REFERENCES publications(generation_id) ON DELETE CASCADE,
    likes         INT    NOT NULL DEFAULT 0,

    CONSTRAINT publication_tags_once PRIMARY KEY (tag_id, generation_id)
);

CREATE INDEX publication_tags_popular ON publication_tags (tag_id, likes DESC, generation_id DESC);
CREATE INDEX publication_tags_generation ON publication_tags (generation_id);

CREATE FUNCTION publish_generation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.is_public THEN
        INSERT INTO publications (generation_id, user_id, style_id, likes)
        VALUES (NEW.id, NEW.user_id, NEW.style_id, NEW.like_count)
        ON CONFLICT DO NOTHING;
        INSERT INTO publication_tags (tag_id, generation_id, likes)
        SELECT tag_id, NEW.id, NEW.like_count FROM generation_tags WHERE generation_id = NEW.id
        ON CONFLICT DO NOTHING;
    ELSE
        DELETE FROM publications WHERE generation_id = NEW.id;
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER generations_published AFTER UPDATE OF is_public ON generations
    FOR EACH ROW WHEN (NEW.is_public <> OLD.is_public) EXECUTE FUNCTION publish_generation();
CREATE TRIGGER generations_made_public AFTER INSERT ON generations
    FOR EACH ROW WHEN (NEW.is_public) EXECUTE FUNCTION publish_generation();

-- Tags that come to a generation after it is public.
CREATE FUNCTION publish_tags() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO publication_tags (tag_id, generation_id, likes)
    SELECT added.tag_id, publications.generation_id, publications.likes
      FROM added
      JOIN publications USING (generation_id)
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;

CREATE TRIGGER generation_tags_published AFTER INSERT ON generation_tags
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION publish_tags();

CREATE TABLE like_changes (
    id            BIGSERIAL PRIMARY KEY,
    generation_id BIGINT    NOT NULL
);

CREATE FUNCTION note_like_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO like_changes (generation_id) VALUES (NEW.id);
    RETURN NULL;
END $$;

CREATE TRIGGER generations_liked AFTER UPDATE OF like_count ON generations
    FOR EACH ROW WHEN (NEW.like_count <> OLD.like_count AND NEW.is_public) EXECUTE FUNCTION note_like_change();
