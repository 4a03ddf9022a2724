//! What a page of every list costs, as Postgres counts it, at 10⁴, 10⁵ and 10⁶ generations: the first page, and one far behind it.
//!
//! Entries of indexes and rows of tables that Postgres read for a request, whoever's they are and however small the table: no plan is
//! read, so that none can be argued with. Once with plans for each request, once with plans for any.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use atelier_server::app;
use atelier_server::load::{Load, fill};
use serde_json::Value;

use crate::harness::{House, Person};

/// What one page may read of a million.
const READS_MAX: i64 = 2_000;
/// The same of a list that looks at 2,000 rows at most for each page, and may look twice, with all that is looked up for each; and of any
/// list while tables are so small that reading one of them costs less than looking for thirty rows. Where both come together a bound says
/// nothing: a small table is then read for each of the rows that are looked at.
const SIFTED_READS_MAX: i64 = 14_000;
/// Pages of a hundred that lie before the one far behind.
const PAGES_BEFORE: usize = 10;
/// What those have in them: whoever walked through them again would read more than that. A plan made for one request may find that little
/// is left of a list and fetch all of it, so this holds for plans for any.
const DEEPER_READS_MAX: i64 = 500;

/// All that somebody has, read page by page.
const EXPORT: &str = "/users/me/export";
/// What it may read for each row: the row, its place in a list or two, and what is with it.
const EXPORTED_READS_MAX: i64 = 20;

/// A list as the document names it, of the user, picture, comment or style that has most, and what is asked of it.
struct List {
    route: &'static str,
    asked: &'static [&'static str],
    /// What is looked for along the way.
    sifted: &'static [&'static str],
}

const fn list(route: &'static str, asked: &'static [&'static str]) -> List {
    List {
        route,
        asked,
        sifted: &[],
    }
}

const LISTS: &[List] = &[
    List {
        route: "/generations",
        asked: &[
            "",
            "sort=popular",
            "tags=tag%2015",
            "tags=tag%2015&sort=popular",
            "style=1",
            "style=1&sort=popular",
            "user={me}",
            "user={me}&sort=popular",
            "style=1&user={me}",
        ],
        sifted: &[
            "tags=tag%201,tag%208",
            "tags=tag%201900,tag%203",
            "tags=tag%201&user={me}",
            "style=1&user={me}&sort=popular",
        ],
    },
    List {
        route: "/generations/mine",
        asked: &["", "style=3"],
        sifted: &["status=failed", "is_public=true", "status=queued&style=1"],
    },
    List {
        route: "/styles",
        asked: &["", "sort=popular", "artist={me}", "artist={me}&sort=popular"],
        sifted: &[
            "tags=tag%208",
            "tags=tag%208,tag%2015&sort=popular",
            "tags=tag%201950",
            "words=word12",
            "words=ink",
            "words=style%20wa&sort=popular",
            "words=i&tags=tag%202",
        ],
    },
    list("/styles/mine", &[""]),
    list("/styles/{id}/artworks", &[""]),
    list(
        "/tags",
        &["", "beginning=tag%2019", "beginning=r", "beginning=tag&limit=50"],
    ),
    list("/generations/{id}/likes", &[""]),
    list("/generations/{id}/comments", &[""]),
    list("/comments/{id}/replies", &[""]),
    list("/users/{id}/followers", &[""]),
    list("/users/{id}/following", &[""]),
    list("/notifications", &["", "is_read=true", "is_read=false"]),
    list("/transactions", &["", "kind=generation", "kind=transfer"]),
    list("/purchases", &[""]),
    list("/vouchers", &[""]),
    list("/withdrawals", &[""]),
    list("/sessions", &[""]),
    list("/feed", &[""]),
];

/// The first user of the load, who has most of everything, signed in.
async fn busiest(house: &House) -> Person {
    let id: i64 = sqlx::query_scalar("SELECT id FROM users WHERE username = 'load1'")
        .fetch_one(house.pool())
        .await
        .expect("loaded");
    Person::known(house, id).await
}

/// What is new, a list that begins where somebody ended reading.
const NEWS: &str = "/generations/news";

/// Where somebody reads on who has read all there is.
async fn news_after(house: &House) -> String {
    let page = house.nobody().get(NEWS).await.is(200);
    page["cursor"].as_str().expect("a cursor").to_owned()
}

/// Waits until the news after `cursor` begin to be told: a transaction of another test holds back what came after it.
async fn until_told(house: &House, cursor: &str) {
    let deadline = Instant::now() + Duration::from_secs(60);
    let told = async || house.nobody().get(&format!("{NEWS}?after={cursor}")).await.is(200)["more"] == true;
    while !told().await {
        assert!(Instant::now() < deadline, "nothing is told");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// All that is asked for: what is filled in, and whether it is sifted. News are asked for from `cursor` on.
fn paths(me: &Person, cursor: &str) -> Vec<(String, bool)> {
    let mut all = vec![(format!("{NEWS}?after={cursor}"), false)];
    for list in LISTS {
        let id = match list.route.split('/').nth(1) {
            Some("users") => me.id().get(),
            // The first public one.
            Some("generations") => 2,
            _ => 1,
        };
        let route = list.route.replace("{id}", &id.to_string());
        let asked = list.asked.iter().map(|query| (query, false));
        for (query, sifted) in asked.chain(list.sifted.iter().map(|query| (query, true))) {
            let query = query.replace("{me}", &me.id().to_string());
            all.push((format!("{route}?{query}"), sifted));
        }
    }
    all
}

/// Everything read so far.
async fn reads(house: &House) -> i64 {
    sqlx::query("SELECT pg_stat_force_next_flush()")
        .execute(house.pool())
        .await
        .expect("the database answers");
    sqlx::query_scalar(
        "SELECT (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes)::bigint
              + (SELECT sum(seq_tup_read) FROM pg_stat_user_tables)::bigint",
    )
    .fetch_one(house.pool())
    .await
    .expect("it is there")
}

/// A page, and what it read.
async fn page(house: &House, me: &Person, path: &str) -> (Value, i64) {
    let before = reads(house).await;
    let body = me.get(path).await.is(200);
    (body, reads(house).await - before)
}

/// The word for the next page.
fn next(body: &Value) -> Option<&str> {
    let next = if body["more"] == true {
        &body["cursor"]
    } else {
        &body["next"]
    };
    next.as_str()
}

/// What a page far behind reads: as far as there are pages.
async fn deep(house: &House, me: &Person, path: &str, first: &Value) -> i64 {
    let (path, _) = path.split_once("after=").unwrap_or((path, ""));
    let mut after = next(first).map(str::to_owned);
    let mut here = None;
    for _ in 0..PAGES_BEFORE {
        let Some(word) = after else { break };
        here = Some(format!("{path}&after={word}"));
        let body = me.get(&format!("{path}&limit=100&after={word}")).await.is(200);
        after = next(&body).map(str::to_owned);
    }
    match after.map(|word| format!("{path}&after={word}")).or(here) {
        Some(path) => page(house, me, &path).await.1,
        None => 0,
    }
}

async fn bounded(generations: i64) {
    // One connection, so that it tells what every request before it did, and has the plans that it is told to have.
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
    let cursor = news_after(&house).await;
    fill(house.pool(), load).await.expect("filled");
    until_told(&house, &cursor).await;
    let me = busiest(&house).await;
    let mut over = Vec::new();
    for plans in ["force_custom_plan", "force_generic_plan"] {
        let order = sqlx::AssertSqlSafe(format!("SET plan_cache_mode = {plans}"));
        sqlx::query(order).execute(house.pool()).await.expect("set");
        for (path, sifted) in paths(&me, &cursor) {
            let (body, first) = page(&house, &me, &path).await;
            let deep = deep(&house, &me, &path, &body).await;
            eprintln!("{generations} {plans} {path}: {first}, far behind {deep}");
            let most = match (sifted, generations < 1_000_000) {
                (false, false) => READS_MAX,
                (true, true) => i64::MAX,
                (true, false) | (false, true) => SIFTED_READS_MAX,
            };
            let walks_again = plans == "force_generic_plan" && !sifted && deep > first + DEEPER_READS_MAX;
            if first > most || deep > most || walks_again {
                over.push(format!("{path} reads {first}, far behind {deep} ({plans})"));
            }
            let some = body["items"].as_array().is_some_and(|items| !items.is_empty());
            assert!(some || sifted || path.contains("tags="), "{path} has nothing to show");
        }
    }
    over.extend(exports(&house, &me, generations).await);
    assert!(over.is_empty(), "{}", over.join("\n"));
}

/// What an export reads, where that is too much: of who has most, and of who has nothing.
async fn exports(house: &House, me: &Person, generations: i64) -> Vec<String> {
    let quiet = house.user("quiet").await;
    let mut over = Vec::new();
    for plans in ["force_custom_plan", "force_generic_plan"] {
        let order = sqlx::AssertSqlSafe(format!("SET plan_cache_mode = {plans}"));
        sqlx::query(order).execute(house.pool()).await.expect("set");
        for (who, person) in [("who has most", me), ("who has nothing", &quiet)] {
            let (body, reads) = page(house, person, EXPORT).await;
            let tables = body.as_object().expect("tables").values();
            let rows: usize = tables.map(|rows| rows.as_array().map_or(0, Vec::len)).sum();
            eprintln!("{generations} {plans} {EXPORT} of {who}: {rows} rows, {reads}");
            let rows_max = EXPORTED_READS_MAX * i64::try_from(rows).expect("not so many");
            // All of a small table is read for the last page of who has much of it.
            let is_small = generations < 1_000_000 && person.id() == me.id();
            if reads > READS_MAX + rows_max && !is_small {
                over.push(format!("{EXPORT} of {who} reads {reads} for {rows} rows ({plans})"));
            }
        }
    }
    over
}

#[tokio::test]
async fn a_page_costs_the_same_whatever_the_tables_hold() {
    bounded(10_000).await;
    bounded(100_000).await;
}

#[tokio::test]
async fn a_page_of_a_million_costs_no_more() {
    bounded(1_000_000).await;
}

#[test]
fn every_list_of_the_document_is_measured() {
    let document = serde_json::to_value(app::openapi()).expect("plain data");
    let is_list = |item: &Value| {
        let parameters = item["get"]["parameters"].as_array();
        parameters.is_some_and(|all| all.iter().any(|parameter| parameter["name"] == "limit"))
    };
    let paths = document["paths"].as_object().expect("paths");
    let named: BTreeSet<_> = paths
        .iter()
        .filter(|(_, item)| is_list(item))
        .map(|(path, _)| path.as_str())
        .collect();
    let measured: BTreeSet<_> = LISTS.iter().map(|list| list.route).chain([NEWS]).collect();
    assert_eq!(measured, named);
}
