//! What a page of a list costs, as Postgres counts it, at 10⁴, 10⁵ and 10⁶ generations.
//!
//! Rows that Postgres touched for a request, whole tables among them: no plan is read, so that none can be argued with.

use atelier_server::load::{Load, fill};

use crate::harness::House;
use crate::studio::Studio;

/// Rows that one page may touch, whatever the tables hold: what it looks at at most, twice, and what it shows.
const ROWS_MAX: i64 = 12_000;
/// How much more a page may touch when the tables are ten times as long.
const GROWTH_MAX: f64 = 1.5;

const LISTS: &[&str] = &[
    "/generations",
    "/generations?sort=popular",
    "/generations?tags=tag%201,tag%208",
    "/generations?tags=tag%2015&sort=popular",
    "/generations?tags=tag%201900,tag%203",
    "/generations?style=1",
    "/generations?style=1&sort=popular",
    "/generations?user=7",
    "/generations/mine",
    "/generations/mine?style=3",
    "/styles",
    "/styles?sort=popular",
    "/styles?tags=tag%208",
    "/styles?tags=tag%208,tag%2015&sort=popular",
    "/styles?tags=tag%201950",
    "/styles?artist=5",
    "/styles?words=word12",
    "/tags",
    "/tags?beginning=tag%2019",
];

/// Rows touched since the last look: by index, and by reading tables from end to end.
async fn touched(house: &House) -> (i64, i64) {
    sqlx::query("SELECT pg_stat_force_next_flush()")
        .execute(house.pool())
        .await
        .expect("the database answers");
    let counts: (i64, i64) = sqlx::query_as(
        "SELECT coalesce(sum(idx_tup_fetch), 0)::bigint, coalesce(sum(seq_tup_read) FILTER (WHERE n_live_tup > 5000), 0)::bigint
           FROM pg_stat_user_tables",
    )
    .fetch_one(house.pool())
    .await
    .expect("it is there");
    counts
}

async fn measure(generations: i64) -> Vec<(i64, i64)> {
    // One connection, so that it tells what every request before it did.
    let house = House::with(|config| {
        config.connections_max = 1;
        config.statement_ms_max = 600_000;
    })
    .await;
    let load = Load {
        users: generations / 10,
        styles: generations / 100,
        generations,
    };
    fill(house.pool(), load).await.expect("filled");
    let studio = Studio::new(&house, "me", "user", 0).await;
    sqlx::query("UPDATE generations SET user_id = $1 WHERE user_id = 3")
        .bind(studio.user)
        .execute(house.pool())
        .await
        .expect("the database answers");
    let mut costs = Vec::new();
    for path in LISTS {
        let before = touched(&house).await;
        let reply = studio.get(path).await;
        assert!(reply.status.is_success(), "{path}: {}", reply.body);
        let after = touched(&house).await;
        costs.push((after.0 - before.0, after.1 - before.1));
    }
    costs
}

#[tokio::test]
async fn a_page_costs_the_same_whatever_the_tables_hold() {
    let short = measure(10_000).await;
    let long = measure(100_000).await;
    for ((path, short), long) in LISTS.iter().zip(&short).zip(&long) {
        eprintln!("{path}: {short:?} {long:?}");
        assert_eq!(long.1, 0, "{path} reads a table from end to end");
        assert!(long.0 <= ROWS_MAX, "{path} touches {} rows", long.0);
        let growth = (long.0 as f64 + 500.0) / (short.0 as f64 + 500.0);
        assert!(
            growth <= GROWTH_MAX || long.0 < ROWS_MAX / 2,
            "{path}: {} rows, then {}",
            short.0,
            long.0
        );
    }
}

#[tokio::test]
#[ignore = "makes a million generations: some minutes"]
async fn a_page_of_a_million_costs_no_more() {
    let costs = measure(1_000_000).await;
    for (path, cost) in LISTS.iter().zip(&costs) {
        eprintln!("{path}: {cost:?}");
        assert_eq!(cost.1, 0, "{path} reads a table from end to end");
        assert!(cost.0 <= ROWS_MAX, "{path} touches {} rows", cost.0);
    }
}
