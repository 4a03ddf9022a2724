//! The plan's tables run in one database and our migrations in another: all that the plan has, ours has, word for word as Postgres
//! itself tells it from its catalogue.

use std::collections::{BTreeMap, BTreeSet};

use atelier_contract::{
    GenerationStatus, LicenseType, NotificationType, PurchaseStatus, TicketState, TrainingStatus, TransactionKind,
    TransactionStatus, UploadPurpose, UploadStatus, VoucherState, WithdrawalStatus,
};
use sqlx::{Connection as _, Executor as _, PgConnection};

use crate::harness::{cluster, database};

const PLAN: &str = include_str!("catalogue/plan.sql");

/// Each of these gives one line of text a thing; what the plan says is a line here.
const QUESTIONS: [(&str, &str); 5] = [
    (
        "tables",
        "SELECT format('%s kind %s', relname, relkind)
           FROM pg_class
          WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'f')",
    ),
    (
        "columns",
        "SELECT format('%s.%s: place %s, %s, not null %s, default %s, generated %L, identity %L',
                       class.relname, attname, attnum, format_type(atttypid, atttypmod), attnotnull,
                       coalesce(pg_get_expr(adbin, adrelid), 'none'), attgenerated, attidentity)
           FROM pg_attribute
           JOIN pg_class class ON class.oid = attrelid AND class.relkind = 'r'
      LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
          WHERE class.relnamespace = 'public'::regnamespace AND attnum > 0 AND NOT attisdropped",
    ),
    (
        "constraints",
        "SELECT format('%s %s: %s, validated %s, deferrable %s',
                       conrelid::regclass, conname, pg_get_constraintdef(oid), convalidated, condeferrable)
           FROM pg_constraint
          WHERE connamespace = 'public'::regnamespace AND conrelid <> 0",
    ),
    (
        "indexes",
        "SELECT format('%s: valid %s, unique %s', pg_get_indexdef(indexrelid), indisvalid, indisunique)
           FROM pg_index
           JOIN pg_class class ON class.oid = indrelid
          WHERE class.relnamespace = 'public'::regnamespace",
    ),
    (
        "sequences",
        "SELECT format('%s: %s from %s by %s', sequencename, data_type, start_value, increment_by)
           FROM pg_sequences
          WHERE schemaname = 'public'",
    ),
];

async fn told(database: &mut PgConnection, question: &'static str) -> BTreeSet<String> {
    let lines: Vec<String> = sqlx::query_scalar(question)
        .fetch_all(database)
        .await
        .expect("the catalogue answers");
    lines.into_iter().collect()
}

async fn plan() -> PgConnection {
    let mut admin = PgConnection::connect(&cluster().url("postgres"))
        .await
        .expect("the cluster answers");
    admin.execute("CREATE DATABASE plan").await.expect("a database");
    let mut plan = PgConnection::connect(&cluster().url("plan"))
        .await
        .expect("it is there");
    plan.execute(PLAN).await.expect("the plan is SQL");
    plan
}

#[tokio::test]
async fn all_that_the_plan_has_is_in_the_migrations() {
    let url = database().await;
    let (mut plan, mut ours) = (plan().await, PgConnection::connect(&url).await.expect("it is there"));
    let mut counts = Vec::new();
    for (things, question) in QUESTIONS {
        let (theirs, ours) = (told(&mut plan, question).await, told(&mut ours, question).await);
        let missing: Vec<_> = theirs.difference(&ours).collect();
        assert!(
            missing.is_empty(),
            "{things} of the plan that are not in ours: {missing:#?}"
        );
        counts.push((things, theirs.len()));
    }
    // The questions see everything: a line of the plan that says REFERENCES, CHECK or UNIQUE is a constraint each, as is every primary
    // key; indexes are those of the plan and of what is unique; each table but the three that join tags to others has a sequence.
    let lines = |word: &str| PLAN.lines().filter(|line| line.contains(word)).count();
    let unique = lines("PRIMARY KEY") + lines("UNIQUE");
    let known = [
        ("tables", lines("CREATE TABLE")),
        ("columns", 135),
        ("constraints", unique + lines("REFERENCES") + lines("CHECK")),
        ("indexes", unique + lines("CREATE INDEX")),
        ("sequences", lines("BIGSERIAL")),
    ];
    assert_eq!(counts, known);
}

/// Lists of the server alone, which no studio is told.
const OWN_LISTS: [&str; 4] = [
    "feed_changes_kind_known",
    "feed_entries_kind_known",
    "ledger_entries_account_known",
    "sessions_end_reason_known",
];

#[tokio::test]
async fn statuses_are_the_lists_of_their_columns() {
    macro_rules! words {
        ($name:ident) => {
            $name::ALL.iter().map(|word| word.as_str().to_owned()).collect()
        };
    }
    let known: BTreeMap<&str, Vec<String>> = BTreeMap::from([
        ("styles_training_status_check", words!(TrainingStatus)),
        ("styles_license_type_check", words!(LicenseType)),
        ("generations_status_check", words!(GenerationStatus)),
        ("notifications_type_check", words!(NotificationType)),
        ("transactions_status_check", words!(TransactionStatus)),
        ("transactions_kind_known", words!(TransactionKind)),
        ("purchases_status_check", words!(PurchaseStatus)),
        ("withdrawals_status_known", words!(WithdrawalStatus)),
        ("uploads_purpose_known", words!(UploadPurpose)),
        ("uploads_status_known", words!(UploadStatus)),
        ("tickets_state_known", words!(TicketState)),
        ("vouchers_state_known", words!(VoucherState)),
    ]);
    let mut ours = PgConnection::connect(&database().await).await.expect("it is there");
    // Every column that may hold one of a list, and nothing else.
    let lists: Vec<(String, String)> = sqlx::query_as(
        r"SELECT conname::text, pg_get_constraintdef(oid)
            FROM pg_constraint
           WHERE contype = 'c' AND connamespace = 'public'::regnamespace
             AND pg_get_constraintdef(oid) ~ '^CHECK \(\(+\w+\)?(::text)? = ANY \(+ARRAY\[[^]]*\](\)::text\[\])?\)+$'",
    )
    .fetch_all(&mut ours)
    .await
    .expect("the catalogue answers");
    let told: BTreeMap<&str, Vec<String>> = lists
        .iter()
        .filter(|(name, _)| !OWN_LISTS.contains(&name.as_str()))
        .map(|(name, list)| {
            let list = list.split('\'').skip(1).step_by(2).map(str::to_owned);
            (name.as_str(), list.collect())
        })
        .collect();
    assert_eq!(told.len() + OWN_LISTS.len(), lists.len(), "{lists:?}");
    assert_eq!(told, known);
}

#[tokio::test]
async fn every_foreign_key_that_is_searched_or_cascades_has_an_index() {
    let mut ours = PgConnection::connect(&database().await).await.expect("it is there");
    let without: Vec<String> = sqlx::query_scalar(
        "SELECT format('%s (%s)', conrelid::regclass, conname)
           FROM pg_constraint
          WHERE contype = 'f'
            AND NOT EXISTS (SELECT FROM pg_index
                             WHERE indrelid = conrelid AND indkey[0] = conkey[1])
       ORDER BY 1",
    )
    .fetch_all(&mut ours)
    .await
    .expect("the catalogue answers");
    assert!(without.is_empty(), "{without:#?}");
}

#[tokio::test]
async fn every_check_and_unique_that_we_added_was_named_by_us() {
    let url = database().await;
    let mut admin = PgConnection::connect(&cluster().url("postgres"))
        .await
        .expect("the cluster answers");
    admin.execute("CREATE DATABASE plan_names").await.expect("a database");
    let mut plan = PgConnection::connect(&cluster().url("plan_names"))
        .await
        .expect("it is there");
    plan.execute(PLAN).await.expect("the plan is SQL");
    let mut ours = PgConnection::connect(&url).await.expect("it is there");
    let question =
        "SELECT conname::text FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype IN ('c', 'u')";
    let names: Vec<_> = told(&mut ours, question)
        .await
        .difference(&told(&mut plan, question).await)
        .cloned()
        .collect();
    assert!(!names.is_empty());
    // As Postgres makes them up.
    let made_up: Vec<_> = names
        .iter()
        .filter(|name| name.ends_with("_check") || name.ends_with("_key"))
        .collect();
    assert!(made_up.is_empty(), "{made_up:?}");
}
