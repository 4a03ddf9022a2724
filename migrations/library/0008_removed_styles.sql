-- Removed styles: since when, so that they can be listed, brought back, and taken away for good as pictures are.
-- Previous studio: unaffected; what it removes is dated by the next start of this one.
ALTER TABLE styles ADD COLUMN removed_at TEXT;

CREATE INDEX idx_styles_removed ON styles(removed_at) WHERE is_active = FALSE;
