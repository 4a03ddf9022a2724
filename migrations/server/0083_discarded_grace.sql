-- What a row let go of stays for a week: a backup of the rows and one of the objects are never of the same moment, and whoever goes back to
-- an earlier one wants what its rows name. Longer than the time between two backups.
-- Previous server: works beside it; what its rows let go of stays as long.
ALTER TABLE discarded_objects ALTER COLUMN due_at SET DEFAULT CURRENT_TIMESTAMP + interval '7 days';

-- Not what nobody took in time: a backup in which it could still be taken has run out as well, and there may be much of it.
CREATE OR REPLACE FUNCTION discard_upload() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO discarded_objects (object_key, due_at)
    SELECT key, CURRENT_TIMESTAMP FROM unnest(ARRAY[OLD.object_key, 'quarantine/' || OLD.id]) AS key WHERE key IS NOT NULL
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
