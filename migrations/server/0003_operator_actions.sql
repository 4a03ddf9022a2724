-- What operators did by hand, to whom and why: a row an act, in the transaction of the act, never changed afterwards.
-- Previous server: unaffected, it does not know this table.
CREATE TABLE operator_actions (
    id         BIGSERIAL   PRIMARY KEY,
    operator   TEXT        NOT NULL CONSTRAINT operator_actions_operator_named CHECK (operator <> ''),
    -- As the command says it: 'style flag'.
    action     TEXT        NOT NULL CONSTRAINT operator_actions_action_named CHECK (action <> ''),
    -- Of the noun that the action begins with. No foreign key: what was done stays known when the row is gone.
    target_id  BIGINT      NOT NULL,
    reason     TEXT        NOT NULL CONSTRAINT operator_actions_reason_given CHECK (reason <> ''),
    details    JSONB       NOT NULL DEFAULT '{}',
    created_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP
);

CREATE INDEX operator_actions_target ON operator_actions (action, target_id);

CREATE FUNCTION operator_actions_stay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'operator_actions is append-only' USING CONSTRAINT = 'operator_actions_stay';
END $$;

CREATE TRIGGER operator_actions_stay BEFORE UPDATE OR DELETE ON operator_actions
    FOR EACH ROW EXECUTE FUNCTION operator_actions_stay();
