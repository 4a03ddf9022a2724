//! What a page of a list costs, as Postgres counts it, at 10⁴, 10⁵ and 10⁶ generations.
//!
//! Rows that Postgres touched for a request, whole tables among them: no plan is read, so that none can be argued with.

use atelier_server::load::{Load, fill};

use crate::harness::House;
use crate::studio::Studio;

/// Rows that one page may touch, whatever the tables hold: four that are looked at for each that is shown, and what belongs to them.
const ROWS_MAX: i64 = 2_000;
/// The same of several tags: all that such a page looks at at most, twice, and what it shows.
const ROWS_OF_TAGS_MAX: i64 = 12_000;

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
    let (short, long) = (measure(10_000).await, measure(100_000).await);
    bounded(&short);
    bounded(&long);
}

#[tokio::test]
async fn a_page_of_a_million_costs_no_more() {
    bounded(&measure(1_000_000).await);
}

fn bounded(costs: &[(i64, i64)]) {
    for (path, (rows, read)) in LISTS.iter().zip(costs) {
        eprintln!("{path}: {rows}");
        assert_eq!(*read, 0, "{path} reads a table from end to end");
        let most = if path.contains(',') { ROWS_OF_TAGS_MAX } else { ROWS_MAX };
        assert!(*rows <= most, "{path} touches {rows} rows");
    }
}
