-- An artist's drafts say nothing of what they put up: without this, Postgres takes one with many drafts for one whose styles are everywhere in
-- the list of all, and walks through that list to find them.
-- Previous server: unaffected.
CREATE STATISTICS styles_listed_by_artist (mcv) ON artist_id, (published_at IS NOT NULL) FROM styles;
