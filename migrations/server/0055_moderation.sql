-- Pictures and styles that an operator took out of sight: only an operator lets them back, as with `suspensions`.
-- Previous server: works beside it, but lets an owner show such a thing again: it does not know these tables.
CREATE TABLE hidden_generations (
    generation_id BIGINT      NOT NULL
                  CONSTRAINT hidden_generations_once PRIMARY KEY REFERENCES generations(id) ON DELETE CASCADE,
    created_at    TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE suspended_styles (
    style_id   BIGINT      NOT NULL CONSTRAINT suspended_styles_once PRIMARY KEY REFERENCES styles(id) ON DELETE CASCADE,
    created_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP
);
