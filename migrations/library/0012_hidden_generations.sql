-- Words find pictures that are not in the gallery, too: those few are known from an index, so that each of the many is not looked up.
-- Previous studio: reads and writes as before.
CREATE INDEX idx_generations_hidden ON generations(id) WHERE status <> 'completed' OR removed_at IS NOT NULL;
