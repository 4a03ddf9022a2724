-- The platform itself: every token comes from it and ends there. A transaction needs a sender, so it is a user whom nobody can sign in as.
-- Previous server: works beside it; it is one more user who never comes.
INSERT INTO users (username, provider, provider_user_id, bio)
VALUES ('atelier', 'platform', 'platform', 'The platform itself.');

CREATE FUNCTION platform_user() RETURNS BIGINT LANGUAGE sql STABLE AS $$
    SELECT id FROM users WHERE provider = 'platform' AND provider_user_id = 'platform'
$$;
