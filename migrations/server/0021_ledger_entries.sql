-- Double entry beside the transactions: what left one account came to another, so that every balance is the sum of its entries.
-- Previous server: must not run beside it, it moves tokens without entries.
ALTER TABLE transactions
    ADD COLUMN kind TEXT NOT NULL DEFAULT 'transfer'
        CONSTRAINT transactions_kind_known CHECK (kind IN ('transfer','purchase','welcome','generation','refund','cancellation','debt',
                                                           'settlement','withdrawal','payout','correction')),
    ADD COLUMN purchase_id BIGINT REFERENCES purchases(id) ON DELETE RESTRICT,
    -- A row of vouchers, which come with a later file.
    ADD COLUMN voucher_id BIGINT,
    ADD COLUMN reverses_id BIGINT CONSTRAINT transactions_reversed_once UNIQUE REFERENCES transactions(id) ON DELETE RESTRICT,
    ADD CONSTRAINT transactions_amount_positive CHECK (amount > 0),
    ADD CONSTRAINT transactions_refund_reverses CHECK ((kind = 'refund') = (reverses_id IS NOT NULL));

-- What happens at most once.
CREATE UNIQUE INDEX transactions_welcome_once ON transactions (receiver_id) WHERE kind = 'welcome';
CREATE UNIQUE INDEX transactions_purchase_once ON transactions (purchase_id) WHERE kind = 'purchase';
CREATE UNIQUE INDEX transactions_generation_once ON transactions (related_generation_id) WHERE kind = 'generation';
CREATE UNIQUE INDEX transactions_voucher_once ON transactions (voucher_id) WHERE kind = 'generation' AND voucher_id IS NOT NULL;
-- What is in escrow of a user.
CREATE INDEX transactions_escrow ON transactions (sender_id) INCLUDE (amount) WHERE kind = 'generation' AND status = 'pending';
-- The foreign key, and the history of one kind; generations are most of the rest and found by the plan's own indexes.
CREATE INDEX transactions_purchase ON transactions (purchase_id) WHERE purchase_id IS NOT NULL;
CREATE INDEX transactions_sender_kind ON transactions (sender_id, kind, created_at DESC) WHERE kind <> 'generation';
CREATE INDEX transactions_receiver_kind ON transactions (receiver_id, kind, created_at DESC) WHERE kind <> 'generation';

-- Who, how much and why stays as it was written; a correction is another transaction.
CREATE FUNCTION money_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% keeps what was written', TG_TABLE_NAME USING CONSTRAINT = 'money_stays';
END $$;

CREATE TRIGGER transactions_stay BEFORE UPDATE OF id, sender_id, receiver_id, amount, kind, purchase_id, voucher_id, reverses_id
    ON transactions FOR EACH ROW EXECUTE FUNCTION money_stays();

CREATE TABLE ledger_entries (
    transaction_id BIGINT      NOT NULL REFERENCES transactions(id) ON DELETE RESTRICT,
    -- Party of the transaction or the platform. No foreign key: it would lock a popular artist's row a second time.
    user_id        BIGINT      NOT NULL,
    -- issued: below zero by what is out. balance, earned: kept as users.token_balance and artists.earned_token_balance. escrow: left a
    -- balance for a generation under way. pending: earned, but not yet settled. withdrawing: to be paid out. debt: below zero by what
    -- was spent of cancelled purchases.
    account        TEXT        NOT NULL CONSTRAINT ledger_entries_account_known
                   CHECK (account IN ('issued','balance','escrow','pending','earned','withdrawing','debt')),
    amount         BIGINT      NOT NULL CONSTRAINT ledger_entries_amount_moves CHECK (amount <> 0),
    created_at     TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,

    -- Nothing is put into an account or taken out of it twice by one transaction.
    CONSTRAINT ledger_entries_once PRIMARY KEY (transaction_id, user_id, account, amount)
);

CREATE FUNCTION ledger_entries_balance() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM added GROUP BY transaction_id HAVING sum(amount) <> 0) THEN
        RAISE EXCEPTION 'entries do not sum to zero' USING CONSTRAINT = 'ledger_entries_balance';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER ledger_entries_balance AFTER INSERT ON ledger_entries
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION ledger_entries_balance();
CREATE TRIGGER ledger_entries_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_entries
    FOR EACH STATEMENT EXECUTE FUNCTION money_stays();

-- What a user spent of purchases that were cancelled afterwards. No row: no debt; with one, the balance is zero.
CREATE TABLE debts (
    user_id BIGINT      PRIMARY KEY REFERENCES users(id) ON DELETE RESTRICT,
    tokens  BIGINT      NOT NULL CONSTRAINT debts_tokens_positive CHECK (tokens > 0),
    since   TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP
);
