-- The product's plan, as its document gives it: what migrations/server is compared with. Never changed here.

CREATE TABLE users (
    id                  BIGSERIAL PRIMARY KEY,
    username            VARCHAR(50) UNIQUE NOT NULL,
    provider            VARCHAR(30) DEFAULT 'google' NOT NULL,
    provider_user_id    VARCHAR(255) NOT NULL,
    profile_image       TEXT,
    role                VARCHAR(20) DEFAULT 'user' NOT NULL,
    token_balance       BIGINT DEFAULT 0 NOT NULL CHECK (token_balance >= 0),
    bio                 TEXT,
    is_active           BOOLEAN DEFAULT TRUE NOT NULL,
    created_at          TIMESTAMPTZ DEFAULT CURRENT_TIMESTAMP NOT NULL,
    updated_at          TIMESTAMPTZ DEFAULT CURRENT_TIMESTAMP NOT NULL,

    CONSTRAINT unique_provider_user UNIQUE (provider, provider_user_id)
);
CREATE INDEX idx_users_provider_userid ON users(provider, provider_user_id);
CREATE INDEX idx_users_role ON users(role) WHERE role = 'artist';

CREATE TABLE tags (
    id              BIGSERIAL PRIMARY KEY,
    name            VARCHAR(100) UNIQUE NOT NULL,
    usage_count     INT DEFAULT 0 NOT NULL,
    is_active       BOOLEAN DEFAULT TRUE NOT NULL,
    created_at      TIMESTAMPTZ DEFAULT CURRENT_TIMESTAMP NOT NULL
);
CREATE INDEX idx_tags_name ON tags(name) WHERE is_active = true;
CREATE INDEX idx_tags_active ON tags(is_active, usage_count DESC);

CREATE TABLE artists (
    id                      BIGSERIAL PRIMARY KEY,
    user_id                 BIGINT NOT NULL UNIQUE
                            REFERENCES users(id) ON DELETE CASCADE,
    artist_name             VARCHAR(100),
    signature_image_url     TEXT,
    verified_email          VARCHAR(255),
    earned_token_balance    BIGINT DEFAULT 0 NOT NULL
                            CHECK (earned_token_balance >= 0),
    follower_count          INT DEFAULT 0 NOT NULL,
    created_at              TIMESTAMPTZ DEFAULT CURRENT_TIMESTAMP NOT NULL,
    updated_at              TIMESTAMPTZ DEFAULT CURRENT_TIMESTAMP NOT NULL
);
CREATE INDEX idx_artists_user_id ON artists(user_id);

CREATE TABLE styles (
    id                      BIGSERIAL PRIMARY KEY,
    artist_id               BIGINT NOT NULL
                            REFERENCES users(id) ON DELETE CASCADE,
    name                    VARCHAR(100) NOT NULL,
    description             TEXT,
    thumbnail_url           TEXT,
    model_path              TEXT,
    training_status         VARCHAR(20) DEFAULT 'pending' NOT NULL
                            CHECK (training_status IN ('pending','training','completed','failed')),
    training_log_path       TEXT,
    training_metric         JSONB,
    training_progress       JSONB,
    license_type            VARCHAR(30) DEFAULT 'personal' NOT NULL
                            CHECK (license_type IN ('personal','commercial','exclusive')),
    valid_from              DATE DEFAULT CURRENT_DATE NOT NULL,
    valid_to                DATE,
    generation_cost_tokens  BIGINT NOT NULL DEFAULT 0
                            CHECK (generation_cost_tokens >= 0),
    usage_count             INT DEFAULT 0 NOT NULL,
    is_flagged              BOOLEAN DEFAULT FALSE NOT NULL,
    is_active               BOOLEAN DEFAULT TRUE NOT NULL,
    created_at              TIMESTAMPTZ DEFAULT CURRENT_TIMESTAMP NOT NULL,
    updated_at              TIMESTAMPTZ DEFAULT CURRENT_TIMESTAMP NOT NULL,

    CONSTRAINT unique_artist_style_name UNIQUE (artist_id, name)
);
CREATE INDEX idx_styles_artist ON styles(artist_id, is_active);
CREATE INDEX idx_styles_status ON styles(training_status);
CREATE INDEX idx_styles_active ON styles(is_active, created_at DESC)
    WHERE is_active = true;
CREATE INDEX idx_styles_usage ON styles(usage_count DESC, created_at DESC);

CREATE TABLE generations (
    id                  BIGSERIAL PRIMARY KEY,
    user_id             BIGINT NOT NULL
                        REFERENCES users(id) ON DELETE CASCADE,
    style_id            BIGINT
                        REFERENCES styles(id) ON DELETE RESTRICT,
    aspect_ratio        VARCHAR(10) DEFAULT '1:1' NOT NULL,
    seed                BIGINT,
    consumed_tokens     BIGINT DEFAULT 0 NOT NULL,
    result_url          TEXT,
    status              VARCHAR(20) DEFAULT 'queued' NOT NULL
                        CHECK (status IN ('queued','processing','retrying','completed','failed')),
    generation_progress JSONB,
    description         TEXT,
    like_count          INT DEFAULT 0 NOT NULL,
    comment_count       INT DEFAULT 0 NOT NULL,
    is_public           BOOLEAN DEFAULT FALSE NOT NULL,
    created_at          TIMESTAMPTZ DEFAULT CURRENT_TIMESTAMP NOT NULL,
    updated_at          TIMESTAMPTZ DEFAULT CURRENT_TIMESTAMP NOT NULL
);
CREATE INDEX idx_generations_user ON generations(user_id, created_at DESC);
CREATE INDEX idx_generations_style ON generations(style_id, status);
CREATE INDEX idx_generations_status ON generations(status);
CREATE INDEX idx_generations_public ON generations(is_public, created_at DESC)
    WHERE is_public = true;

CREATE TABLE follows (
    id              BIGSERIAL PRIMARY KEY,
    follower_id     BIGINT NOT NULL
                    REFERENCES users(id) ON DELETE CASCADE,
    following_id    BIGINT NOT NULL
                    REFERENCES users(id) ON DELETE CASCADE,
    created_at      TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT no_self_follow CHECK (follower_id != following_id),
    CONSTRAINT unique_follow_pair UNIQUE (follower_id, following_id)
);
CREATE INDEX idx_follows_follower ON follows(follower_id);
CREATE INDEX idx_follows_following ON follows(following_id);

CREATE TABLE notifications (
    id              BIGSERIAL PRIMARY KEY,
    recipient_id    BIGINT NOT NULL
                    REFERENCES users(id) ON DELETE CASCADE,
    actor_id        BIGINT
                    REFERENCES users(id) ON DELETE CASCADE,
    type            VARCHAR(30) NOT NULL
                    CHECK (type IN ('follow','like','comment','generation_complete','generation_failed','style_training_complete','style_training_failed')),
    target_type     VARCHAR(30),
    target_id       BIGINT,
    is_read         BOOLEAN DEFAULT FALSE NOT NULL,
    metadata        JSONB,
    created_at      TIMESTAMPTZ DEFAULT CURRENT_TIMESTAMP NOT NULL
);
CREATE INDEX idx_notifications_recipient ON notifications(recipient_id, is_read, created_at DESC);
CREATE INDEX idx_notifications_actor ON notifications(actor_id);

CREATE TABLE artworks (
    id                      BIGSERIAL PRIMARY KEY,
    style_id                BIGINT NOT NULL
                            REFERENCES styles(id) ON DELETE CASCADE,
    image_url               TEXT NOT NULL,
    processed_image_url     TEXT,
    is_valid                BOOLEAN DEFAULT TRUE NOT NULL,
    validation_reason       TEXT,
    created_at              TIMESTAMPTZ DEFAULT CURRENT_TIMESTAMP NOT NULL
);
CREATE INDEX idx_artworks_style ON artworks(style_id);
CREATE INDEX idx_artworks_valid ON artworks(is_valid) WHERE is_valid = true;

CREATE TABLE transactions (
    id                      BIGSERIAL PRIMARY KEY,
    sender_id               BIGINT NOT NULL
                            REFERENCES users(id) ON DELETE CASCADE,
    receiver_id             BIGINT
                            REFERENCES users(id) ON DELETE CASCADE,
    amount                  BIGINT NOT NULL,
    price_per_token         DECIMAL(10,2),
    currency_code           CHAR(3) DEFAULT 'KRW',
    total_price             DECIMAL(18,2) GENERATED ALWAYS AS
                            (amount * price_per_token) STORED,
    status                  VARCHAR(20) DEFAULT 'completed' NOT NULL
                            CHECK (status IN ('pending','completed','failed')),
    memo                    TEXT,
    created_at              TIMESTAMPTZ DEFAULT CURRENT_TIMESTAMP NOT NULL,
    related_style_id        BIGINT REFERENCES styles(id) ON DELETE SET NULL,
    related_generation_id   BIGINT REFERENCES generations(id) ON DELETE SET NULL,
    payment_method          VARCHAR(30) DEFAULT 'token' NOT NULL,
    refunded                BOOLEAN DEFAULT FALSE NOT NULL
);
CREATE INDEX idx_transactions_sender ON transactions(sender_id, created_at DESC);
CREATE INDEX idx_transactions_receiver ON transactions(receiver_id, created_at DESC);
CREATE INDEX idx_transactions_style ON transactions(related_style_id);
CREATE INDEX idx_transactions_generation ON transactions(related_generation_id);
CREATE INDEX idx_transactions_status ON transactions(status, created_at DESC);

CREATE TABLE likes (
    id              BIGSERIAL PRIMARY KEY,
    user_id         BIGINT NOT NULL
                    REFERENCES users(id) ON DELETE CASCADE,
    generation_id   BIGINT NOT NULL
                    REFERENCES generations(id) ON DELETE CASCADE,
    created_at      TIMESTAMPTZ DEFAULT CURRENT_TIMESTAMP NOT NULL,

    CONSTRAINT unique_like UNIQUE (user_id, generation_id)
);
CREATE INDEX idx_likes_generation ON likes(generation_id);
CREATE INDEX idx_likes_user ON likes(user_id, created_at DESC);

CREATE TABLE comments (
    id              BIGSERIAL PRIMARY KEY,
    generation_id   BIGINT NOT NULL
                    REFERENCES generations(id) ON DELETE CASCADE,
    user_id         BIGINT NOT NULL
                    REFERENCES users(id) ON DELETE CASCADE,
    parent_id       BIGINT
                    REFERENCES comments(id) ON DELETE CASCADE,
    content         TEXT NOT NULL,
    like_count      INT DEFAULT 0 NOT NULL,
    created_at      TIMESTAMPTZ DEFAULT CURRENT_TIMESTAMP NOT NULL,
    updated_at      TIMESTAMPTZ DEFAULT CURRENT_TIMESTAMP NOT NULL
);
CREATE INDEX idx_comments_generation ON comments(generation_id, created_at DESC);
CREATE INDEX idx_comments_user ON comments(user_id);
CREATE INDEX idx_comments_parent ON comments(parent_id);

CREATE TABLE style_tags (
    style_id    BIGINT NOT NULL REFERENCES styles(id) ON DELETE CASCADE,
    tag_id      BIGINT NOT NULL REFERENCES tags(id) ON DELETE CASCADE,
    sequence    INT NOT NULL,
    created_at  TIMESTAMPTZ DEFAULT CURRENT_TIMESTAMP NOT NULL,

    PRIMARY KEY (style_id, tag_id),
    UNIQUE (style_id, sequence)
);

CREATE INDEX idx_style_tags_tag ON style_tags(tag_id);

CREATE TABLE artwork_tags (
    artwork_id  BIGINT NOT NULL REFERENCES artworks(id) ON DELETE CASCADE,
    tag_id      BIGINT NOT NULL REFERENCES tags(id) ON DELETE CASCADE,
    sequence    INT NOT NULL,
    created_at  TIMESTAMPTZ DEFAULT CURRENT_TIMESTAMP NOT NULL,

    PRIMARY KEY (artwork_id, tag_id),
    UNIQUE (artwork_id, sequence)
);

CREATE INDEX idx_artwork_tags_tag ON artwork_tags(tag_id);

CREATE TABLE generation_tags (
    generation_id   BIGINT NOT NULL REFERENCES generations(id) ON DELETE CASCADE,
    tag_id          BIGINT NOT NULL REFERENCES tags(id) ON DELETE CASCADE,
    sequence        INT NOT NULL,
    created_at      TIMESTAMPTZ DEFAULT CURRENT_TIMESTAMP NOT NULL,

    PRIMARY KEY (generation_id, tag_id),
    UNIQUE (generation_id, sequence)
);

CREATE INDEX idx_generation_tags_tag ON generation_tags(tag_id);

CREATE TABLE purchases (
    id                          BIGSERIAL PRIMARY KEY,
    buyer_id                    BIGINT NOT NULL
                                REFERENCES users(id) ON DELETE CASCADE,
    amount_tokens               BIGINT NOT NULL CHECK (amount_tokens > 0),
    price_per_token             DECIMAL(18,4) NOT NULL,
    currency_code               CHAR(3) NOT NULL DEFAULT 'KRW',
    total_price                 DECIMAL(18,2) GENERATED ALWAYS AS
                                (amount_tokens * price_per_token) STORED,
    provider                    VARCHAR(30) NOT NULL DEFAULT 'toss',
    provider_payment_key        VARCHAR(120) UNIQUE NOT NULL,
    provider_order_id           VARCHAR(120) NOT NULL,
    status                      VARCHAR(20) NOT NULL DEFAULT 'pending'
                                CHECK (status IN ('pending','authorized','paid','failed')),
    approved_at                 TIMESTAMPTZ,
    created_at                  TIMESTAMPTZ DEFAULT CURRENT_TIMESTAMP NOT NULL,
    updated_at                  TIMESTAMPTZ DEFAULT CURRENT_TIMESTAMP NOT NULL,
    provider_total_amount       DECIMAL(18,2),
    receipt_url                 TEXT,
    card_detail                 JSONB,
    easy_pay_detail             JSONB,
    memo                        TEXT
);
CREATE INDEX idx_purchases_buyer ON purchases(buyer_id, created_at DESC);
CREATE INDEX idx_purchases_status ON purchases(status);
CREATE INDEX idx_purchases_order_id ON purchases(provider_order_id);
