-- Artworks: pictures of a style, each a file named after its content. Crop and rotation are data; the file stays as it is.
-- Previous studio: unaffected, it does not know this table.
CREATE TABLE artworks (
    id                      INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    style_id                INTEGER NOT NULL REFERENCES styles(id) ON DELETE CASCADE,
    -- Upright, without metadata; relative to the library's folder.
    image_url               TEXT    NOT NULL,
    processed_image_url     TEXT,
    is_valid                BOOLEAN NOT NULL DEFAULT TRUE,
    -- A refusal as JSON, absent exactly when the artwork is valid.
    validation_reason       TEXT    CONSTRAINT artworks_validation_reason_json CHECK (json_valid(validation_reason)),
    created_at              TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    -- Name of the file it came from, without its folders.
    file_name               TEXT    NOT NULL,
    -- SHA-256 of the file it came from, in hexadecimal: the same file twice is the same artwork.
    source_sha256           TEXT    NOT NULL CONSTRAINT artworks_source_sha256_length CHECK (length(source_sha256) = 64),
    width_px                INTEGER NOT NULL,
    height_px               INTEGER NOT NULL,
    perceptual_hash         BLOB    NOT NULL CONSTRAINT artworks_perceptual_hash_length CHECK (length(perceptual_hash) = 8),
    -- Of the upright picture; all four or none.
    crop_left_px            INTEGER,
    crop_top_px             INTEGER,
    crop_width_px           INTEGER,
    crop_height_px          INTEGER,
    -- Quarter turns clockwise, after the crop.
    quarter_turns           INTEGER NOT NULL DEFAULT 0 CONSTRAINT artworks_quarter_turns CHECK (quarter_turns BETWEEN 0 AND 3),
    -- Set when the person removed it; it can be restored.
    removed_at              TEXT,

    CONSTRAINT unique_artwork_source UNIQUE (style_id, source_sha256),
    CONSTRAINT artworks_reason_unless_valid CHECK (is_valid = (validation_reason IS NULL)),
    CONSTRAINT artworks_size CHECK (width_px > 0 AND height_px > 0),
    CONSTRAINT artworks_crop_whole CHECK (
        (crop_left_px IS NULL AND crop_top_px IS NULL AND crop_width_px IS NULL AND crop_height_px IS NULL)
        OR (crop_left_px >= 0 AND crop_top_px >= 0 AND crop_width_px > 0 AND crop_height_px > 0
            AND crop_left_px + crop_width_px <= width_px AND crop_top_px + crop_height_px <= height_px)
    )
);

CREATE INDEX idx_artworks_style ON artworks(style_id, id);
CREATE INDEX idx_artworks_valid ON artworks(style_id) WHERE is_valid = TRUE AND removed_at IS NULL;
CREATE INDEX idx_artworks_image ON artworks(image_url);
