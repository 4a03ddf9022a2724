-- Which pictures came to the gallery, changed there or left it, in an order in which a reader skips none: by the transaction. Numbers of
-- generations are no such order, a picture is shown long after it is reserved; nor is time, which is taken before the commit.
-- Previous server: works beside it; the triggers note changes for it as well.
CREATE TABLE publication_changes (
    -- No foreign key: what is gone has to be told as well.
    generation_id BIGINT PRIMARY KEY,
    -- A reader looks only at those of which none before is still under way: below `pg_snapshot_xmin`.
    changed_xid   xid8   NOT NULL
);

CREATE INDEX publication_changes_in_order ON publication_changes (changed_xid, generation_id);

CREATE FUNCTION note_publication_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO publication_changes (generation_id, changed_xid)
    VALUES (NEW.id, pg_current_xact_id())
        ON CONFLICT (generation_id) DO UPDATE SET changed_xid = excluded.changed_xid;
    RETURN NULL;
END $$;

CREATE TRIGGER generations_came_to_gallery AFTER INSERT ON generations
    FOR EACH ROW WHEN (NEW.is_public) EXECUTE FUNCTION note_publication_change();
-- Likes and comments are not among these: with them, a popular picture would be news all the time.
CREATE TRIGGER generations_changed_in_gallery AFTER UPDATE OF is_public, description, result_url ON generations
    FOR EACH ROW WHEN ((NEW.is_public OR OLD.is_public)
                       AND (NEW.is_public, NEW.description, NEW.result_url) IS DISTINCT FROM (OLD.is_public, OLD.description, OLD.result_url))
    EXECUTE FUNCTION note_publication_change();

-- Whoever leaves takes their pictures out of sight, and brings them back.
CREATE FUNCTION note_publications_of_user() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO publication_changes (generation_id, changed_xid)
    SELECT generation_id, pg_current_xact_id() FROM publications WHERE user_id = NEW.id ORDER BY generation_id
        ON CONFLICT (generation_id) DO UPDATE SET changed_xid = excluded.changed_xid;
    RETURN NULL;
END $$;

CREATE TRIGGER users_left_or_back AFTER UPDATE OF is_active ON users
    FOR EACH ROW WHEN (NEW.is_active <> OLD.is_active) EXECUTE FUNCTION note_publications_of_user();
