-- Accounts that an operator took out of use: who deactivated an account may reactivate it, and only they.
-- Previous server: works beside it, but lets such an account do no more than it could anyway: it knows is_active.
CREATE TABLE suspensions (
    user_id    BIGINT      NOT NULL CONSTRAINT suspensions_one_a_user PRIMARY KEY REFERENCES users(id) ON DELETE CASCADE,
    created_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP
);
