//! Whether the books are right, looked at from outside: nothing here is shared with what writes them.
//!
//! Everything is read from one snapshot, so that it may run beside a server at work, or on a replica.

use sqlx::PgPool;

/// Differences of one kind that are named.
const NAMED_MAX: i64 = 100;

/// Each gives a line for every difference, and takes how many at most.
const QUESTIONS: [&str; 14] = [
    // All there is came from somewhere.
    "SELECT format('all entries together are %s, not 0', sum(amount))
       FROM ledger_entries
     HAVING sum(amount) <> 0
      LIMIT $1",
    "SELECT format('transaction %s: its entries sum to %s', transaction_id, sum(amount))
       FROM ledger_entries
   GROUP BY transaction_id
     HAVING sum(amount) <> 0
      LIMIT $1",
    "SELECT format('transaction %s of kind %s has no entries', id, kind)
       FROM transactions
      WHERE NOT EXISTS (SELECT FROM ledger_entries WHERE transaction_id = transactions.id)
      LIMIT $1",
    // Balances are the sums of their entries.
    "SELECT format('user %s: balance is %s, entries sum to %s', users.id, token_balance, coalesce(sum, 0))
       FROM users
  LEFT JOIN (SELECT user_id, sum(amount) FROM ledger_entries WHERE account = 'balance' GROUP BY user_id) AS entries
            ON user_id = users.id
      WHERE token_balance <> coalesce(sum, 0)
      LIMIT $1",
    "SELECT format('artist %s: earned balance is %s, entries sum to %s', artists.user_id, earned_token_balance, coalesce(sum, 0))
       FROM artists
  LEFT JOIN (SELECT user_id, sum(amount) FROM ledger_entries WHERE account = 'earned' GROUP BY user_id) AS entries
            USING (user_id)
      WHERE earned_token_balance <> coalesce(sum, 0)
      LIMIT $1",
    // What is set aside, is set aside for something.
    "SELECT format('user %s: %s is %s by entries, %s by what it is for', user_id, account, entries, owed)
       FROM (SELECT user_id, account, sum(entries) AS entries, sum(owed) AS owed
               FROM (SELECT user_id, account, amount AS entries, 0 AS owed
                       FROM ledger_entries
                      WHERE account IN ('escrow', 'pending', 'withdrawing', 'debt')
                  UNION ALL
                     SELECT sender_id, 'escrow', 0, amount FROM transactions WHERE kind = 'generation' AND status = 'pending'
                  UNION ALL
                     SELECT artist_id, 'pending', 0, tokens FROM earnings WHERE settlement_id IS NULL
                  UNION ALL
                     SELECT artist_id, 'withdrawing', 0, tokens FROM withdrawals WHERE status = 'requested'
                  UNION ALL
                     SELECT user_id, 'debt', 0, -tokens FROM debts) AS lines
           GROUP BY user_id, account) AS sums
      WHERE entries <> owed
      LIMIT $1",
    "SELECT format('user %s owes %s and has %s to spend', user_id, tokens, token_balance)
       FROM debts
       JOIN users ON users.id = user_id
      WHERE token_balance > 0
      LIMIT $1",
    // Who pays for what: once, and either for good or back.
    "SELECT format('transaction %s is refunded, but nothing reverses it', id)
       FROM transactions AS reversed
      WHERE refunded <> EXISTS (SELECT FROM transactions WHERE reverses_id = reversed.id AND amount = reversed.amount)
      LIMIT $1",
    "SELECT format('generation %s is completed, and paid back by transaction %s', generations.id, transactions.id)
       FROM transactions
       JOIN generations ON generations.id = related_generation_id
      WHERE kind = 'refund' AND generations.status = 'completed'
      LIMIT $1",
    "SELECT format('ticket of generation %s is %s, its transaction %s', generation_id, state, coalesce(transactions.status, 'missing'))
       FROM tickets
  LEFT JOIN transactions ON related_generation_id = generation_id AND kind = 'generation'
      WHERE coalesce(transactions.status, 'missing') <> CASE WHEN state IN ('committed', 'completed') THEN 'completed'
                                                             WHEN state = 'voided' THEN 'failed'
                                                             ELSE 'pending' END
      LIMIT $1",
    "SELECT format('voucher %s is %s, its transaction %s', vouchers.id, state, coalesce(transactions.status, 'missing'))
       FROM vouchers
  LEFT JOIN transactions ON voucher_id = vouchers.id AND kind = 'generation'
      WHERE coalesce(transactions.status, 'missing') <> CASE state WHEN 'held' THEN 'pending'
                                                                   WHEN 'redeemed' THEN 'completed'
                                                                   ELSE 'failed' END
      LIMIT $1",
    "SELECT format('transaction %s is completed, but earned %s of %s', id, coalesce(sum(tokens), 0), amount)
       FROM transactions
  LEFT JOIN earnings ON transaction_id = id AND artist_id = receiver_id
      WHERE kind = 'generation' AND status = 'completed'
   GROUP BY id
     HAVING coalesce(sum(tokens), 0) <> amount
      LIMIT $1",
    // The world's money.
    "SELECT format('purchase %s is %s with %s of %s tokens cancelled, credited are %s, taken back %s',
                   purchases.id, purchases.status, cancelled_tokens, amount_tokens, credited, taken)
       FROM purchases,
            LATERAL (SELECT coalesce(sum(amount) FILTER (WHERE kind = 'purchase'), 0) AS credited,
                            coalesce(sum(amount) FILTER (WHERE kind = 'cancellation'), 0) AS taken
                       FROM transactions
                      WHERE purchase_id = purchases.id) AS moved
      WHERE credited <> CASE WHEN purchases.status = 'paid' THEN amount_tokens ELSE 0 END OR taken <> cancelled_tokens
      LIMIT $1",
    "SELECT format('purchase %s is %s, but %s', id, status, memo)
       FROM purchases
      WHERE memo IS NOT NULL
      LIMIT $1",
];

/// Which database it is, so that whoever reads of no difference knows of which.
///
/// # Errors
/// The database's.
pub async fn named(pool: &PgPool) -> sqlx::Result<String> {
    let name = sqlx::query_scalar!(r#"SELECT current_database()::text AS "name!""#)
        .fetch_one(pool)
        .await?;
    let options = pool.connect_options();
    Ok(format!("database {name} of {}", options.get_host()))
}

/// A line for each difference; none when all is right.
///
/// # Errors
/// The database's.
pub async fn reconcile(pool: &PgPool) -> sqlx::Result<Vec<String>> {
    let mut differences = Vec::new();
    let mut tx = pool.begin().await?;
    sqlx::query!("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        .execute(&mut *tx)
        .await?;
    // Sums over whole tables take longer than any request may.
    sqlx::query!("SET LOCAL statement_timeout = 0")
        .execute(&mut *tx)
        .await?;
    for question in QUESTIONS {
        let lines: Vec<String> = sqlx::query_scalar(question).bind(NAMED_MAX).fetch_all(&mut *tx).await?;
        differences.extend(lines);
    }
    Ok(differences)
}
