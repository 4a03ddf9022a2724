-- Who shows or hides a picture notes that once, and those who like it or said something are told by the clock: there may be very many.
-- Previous server: works beside it; what its triggers note here is told once a new one runs.
CREATE TABLE shown_changes (
    id            BIGSERIAL PRIMARY KEY,
    generation_id BIGINT    NOT NULL,
    -- How far it is told: the newest like and comment of which the owner was.
    like_id       BIGINT    NOT NULL DEFAULT 0,
    comment_id    BIGINT    NOT NULL DEFAULT 0
);

CREATE OR REPLACE FUNCTION tell_who_likes_or_said() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO shown_changes (generation_id) VALUES (NEW.id);
    RETURN NULL;
END $$;
