-- Lists of styles and tags in the orders that people ask for, and their words.
-- Previous server: unaffected.
CREATE INDEX styles_listed_recent ON styles (published_at DESC, id DESC)
    WHERE published_at IS NOT NULL AND is_active AND NOT is_flagged;
CREATE INDEX styles_listed_popular ON styles (usage_count DESC, id DESC)
    WHERE published_at IS NOT NULL AND is_active AND NOT is_flagged;
CREATE INDEX styles_listed_artist ON styles (artist_id, published_at DESC, id DESC)
    WHERE published_at IS NOT NULL AND is_active AND NOT is_flagged;

-- Words as they are written, found by their beginnings: the same for Korean, whose particles stand at the end, and English.
CREATE INDEX styles_words ON styles USING gin (to_tsvector('simple', name || ' ' || coalesce(description, '')))
    WHERE published_at IS NOT NULL AND is_active AND NOT is_flagged;

-- Beginnings of tags, whatever the database's collation.
CREATE INDEX tags_beginnings ON tags (name text_pattern_ops) WHERE is_active;

-- A user's pictures by style, and those of a style for one user.
CREATE INDEX generations_user_style ON generations (user_id, style_id, created_at DESC);

-- Tag lists that are read from their newest end.
CREATE INDEX style_tags_newest ON style_tags (tag_id, style_id DESC);
