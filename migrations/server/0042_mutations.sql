-- What studios pushed, in the order in which each of them made it: how far it is applied, and what came of each.
-- Previous server: unaffected, it does not know these tables.
CREATE TABLE sync_clients (
    user_id          BIGINT      NOT NULL REFERENCES users(id) ON DELETE CASCADE,
    client_id        UUID        NOT NULL,
    -- Moves in the transaction of the mutation, also when that was rejected: a bad one holds nobody up.
    last_mutation_id BIGINT      NOT NULL DEFAULT 0 CONSTRAINT sync_clients_counted CHECK (last_mutation_id >= 0),
    pushed_at        TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT sync_clients_once PRIMARY KEY (user_id, client_id)
);

CREATE TABLE mutations (
    user_id     BIGINT      NOT NULL,
    client_id   UUID        NOT NULL,
    mutation_id BIGINT      NOT NULL,
    -- As it was answered, for a repeat whose first answer was lost.
    outcome     JSONB       NOT NULL,
    created_at  TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT mutations_once PRIMARY KEY (user_id, client_id, mutation_id),
    CONSTRAINT mutations_of_a_client FOREIGN KEY (user_id, client_id) REFERENCES sync_clients ON DELETE CASCADE
);

-- The sweep that forgets outcomes nobody asks for any more.
CREATE INDEX mutations_age ON mutations (created_at);
