-- Objects that no row names any more, or not yet: a sweep deletes them once they are due. A row here comes in the transaction that lets go
-- of the object, or before the object is written, so that a kill in between leaves nothing behind.
-- Previous server: works beside it; what it lets go of is noted for it, and deleting an object twice is no harm.
CREATE TABLE discarded_objects (
    object_key TEXT        NOT NULL CONSTRAINT discarded_objects_once PRIMARY KEY,
    due_at     TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP
);

CREATE INDEX discarded_objects_due ON discarded_objects (due_at);

-- Whatever deletes a row or puts another object in the place of one, a cascade included.
CREATE FUNCTION discard_object() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    key TEXT := to_jsonb(OLD) ->> TG_ARGV[0];
BEGIN
    IF key IS NOT NULL THEN
        INSERT INTO discarded_objects (object_key) VALUES (key) ON CONFLICT DO NOTHING;
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER users_image_discarded AFTER DELETE ON users
    FOR EACH ROW EXECUTE FUNCTION discard_object('profile_image');
CREATE TRIGGER users_image_replaced AFTER UPDATE OF profile_image ON users
    FOR EACH ROW WHEN (OLD.profile_image IS DISTINCT FROM NEW.profile_image) EXECUTE FUNCTION discard_object('profile_image');
CREATE TRIGGER artists_signature_discarded AFTER DELETE ON artists
    FOR EACH ROW EXECUTE FUNCTION discard_object('signature_image_url');
CREATE TRIGGER artists_signature_replaced AFTER UPDATE OF signature_image_url ON artists
    FOR EACH ROW WHEN (OLD.signature_image_url IS DISTINCT FROM NEW.signature_image_url)
    EXECUTE FUNCTION discard_object('signature_image_url');
CREATE TRIGGER styles_thumbnail_discarded AFTER DELETE ON styles
    FOR EACH ROW EXECUTE FUNCTION discard_object('thumbnail_url');
CREATE TRIGGER styles_thumbnail_replaced AFTER UPDATE OF thumbnail_url ON styles
    FOR EACH ROW WHEN (OLD.thumbnail_url IS DISTINCT FROM NEW.thumbnail_url) EXECUTE FUNCTION discard_object('thumbnail_url');
-- `styles.model_path` names the object of the newest version as well.
CREATE TRIGGER style_versions_discarded AFTER DELETE ON style_versions
    FOR EACH ROW EXECUTE FUNCTION discard_object('object_key');
CREATE TRIGGER artworks_discarded AFTER DELETE ON artworks
    FOR EACH ROW EXECUTE FUNCTION discard_object('image_url');
CREATE TRIGGER generations_result_discarded AFTER DELETE ON generations
    FOR EACH ROW EXECUTE FUNCTION discard_object('result_url');

-- An upload that nobody took leaves what was brought and what was made of it.
CREATE FUNCTION discard_upload() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO discarded_objects (object_key)
    SELECT key FROM unnest(ARRAY[OLD.object_key, 'quarantine/' || OLD.id]) AS key WHERE key IS NOT NULL
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;

CREATE TRIGGER uploads_discarded AFTER DELETE ON uploads
    FOR EACH ROW WHEN (OLD.status <> 'used') EXECUTE FUNCTION discard_upload();
