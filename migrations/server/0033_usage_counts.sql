-- Usage counts without hot rows: every use is appended here and rolled up into styles, tags and publications by the clock.
-- Previous server: works beside it; the triggers count for it as well.
CREATE TABLE style_uses (
    id       BIGSERIAL PRIMARY KEY,
    style_id BIGINT    NOT NULL,
    uses     INT       NOT NULL
);

CREATE TABLE tag_uses (
    id     BIGSERIAL PRIMARY KEY,
    tag_id BIGINT    NOT NULL,
    uses   INT       NOT NULL
);

CREATE FUNCTION count_style_use() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO style_uses (style_id, uses) VALUES (NEW.style_id, 1);
    RETURN NULL;
END $$;

CREATE TRIGGER generations_completed_counts
    AFTER UPDATE OF status ON generations
    FOR EACH ROW
    WHEN (NEW.status = 'completed' AND OLD.status <> 'completed' AND NEW.style_id IS NOT NULL)
    EXECUTE FUNCTION count_style_use();

CREATE TRIGGER generations_made_completed_counts
    AFTER INSERT ON generations
    FOR EACH ROW
    WHEN (NEW.status = 'completed' AND NEW.style_id IS NOT NULL)
    EXECUTE FUNCTION count_style_use();

CREATE FUNCTION count_tags_added() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO tag_uses (tag_id, uses) SELECT tag_id, count(*) FROM added GROUP BY tag_id;
    RETURN NULL;
END $$;

CREATE FUNCTION count_tags_removed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO tag_uses (tag_id, uses) SELECT tag_id, -count(*) FROM removed GROUP BY tag_id;
    RETURN NULL;
END $$;

CREATE TRIGGER style_tags_added AFTER INSERT ON style_tags
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION count_tags_added();
CREATE TRIGGER style_tags_removed AFTER DELETE ON style_tags
    REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION count_tags_removed();
CREATE TRIGGER artwork_tags_added AFTER INSERT ON artwork_tags
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION count_tags_added();
CREATE TRIGGER artwork_tags_removed AFTER DELETE ON artwork_tags
    REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION count_tags_removed();
CREATE TRIGGER generation_tags_added AFTER INSERT ON generation_tags
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION count_tags_added();
CREATE TRIGGER generation_tags_removed AFTER DELETE ON generation_tags
    REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION count_tags_removed();
