//! Several processes on one database, one of them killed while requests are under way.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::Value;
use sqlx::PgTransaction;

use crate::harness::{House, Program};
use crate::studio::Studio;

const BUYERS: usize = 12;
const PICTURES: usize = 20;
const COST: i64 = 5;

/// Which process is killed.
const KILLED: usize = 0;

/// What those who ask see of the process that is killed.
#[derive(Default)]
struct Seen {
    /// Requests that any answered.
    answered: AtomicUsize,
    /// Requests that it has begun and not answered.
    under_way: AtomicUsize,
    killed: AtomicBool,
    /// Requests that it had begun when it was killed, and did not answer.
    cut: AtomicUsize,
}

/// Holds every buyer's row, as who moves tokens does, so that requests stay in the middle of their transactions; gives it once some of
/// those of the process to be killed do.
async fn held_up(house: &House, seen: &Seen) -> PgTransaction<'static> {
    let deadline = Instant::now() + Duration::from_secs(20);
    while seen.answered.load(SeqCst) < 2 * BUYERS {
        assert!(Instant::now() < deadline, "nobody is answered");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let mut tx = house.pool().begin().await.expect("begins");
    sqlx::query("SELECT FROM users FOR NO KEY UPDATE")
        .execute(&mut *tx)
        .await
        .expect("locked");
    loop {
        let waiting: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
        )
        .fetch_one(&mut *tx)
        .await
        .expect("the database answers");
        if waiting > 1 && seen.under_way.load(SeqCst) > 1 {
            return tx;
        }
        assert!(Instant::now() < deadline, "nobody asks the one to be killed");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Sends a reservation to one process after the other until one answers, under one key, as a studio behind a balancer does.
async fn reserve(
    client: &reqwest::Client,
    bases: &[String],
    first: usize,
    token: &str,
    key: &str,
    order: &Value,
    seen: &Seen,
) -> i64 {
    for (nth, base) in bases.iter().enumerate().cycle().skip(first).take(100) {
        let request = client
            .post(format!("{base}/generations"))
            .bearer_auth(token)
            .header("idempotency-key", key)
            .json(order);
        let watched = nth == KILLED && !seen.killed.load(SeqCst);
        seen.under_way.fetch_add(usize::from(watched), SeqCst);
        let answer = request.send().await;
        seen.under_way.fetch_sub(usize::from(watched), SeqCst);
        match answer {
            Ok(answer) if answer.status() == 201 => match answer.json::<Value>().await {
                Ok(ticket) => {
                    seen.answered.fetch_add(1, SeqCst);
                    return ticket["generation"].as_i64().expect("a generation");
                }
                // It ended in the middle of its answer.
                Err(_) => continue,
            },
            Ok(answer) => assert_eq!(answer.status(), 503, "{}", answer.text().await.unwrap_or_default()),
            Err(_) => {
                seen.cut.fetch_add(usize::from(watched), SeqCst);
            }
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("nobody answers");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_three_processes_is_killed_and_nothing_is_lost_or_done_twice() {
    let house = House::new().await;
    let artist = Studio::new(&house, "ines", "artist", 0).await;
    let style = artist.style("Harbour ink", &["ink"], COST).await;
    let mut buyers = Vec::new();
    for i in 0..BUYERS {
        buyers.push(Studio::new(&house, &format!("buyer{i}"), "user", 1_000).await);
    }
    let config = &house.app.config;
    let url = config.database_url.as_ref().expect("it has one").expose();
    let pgbouncer = if config.pgbouncer { "true" } else { "false" };
    let mut programs: Vec<_> = (0..3)
        .map(|_| Program::start(&config.data_folder, Some(url), &[("ATELIER_PGBOUNCER", pgbouncer)]))
        .collect();
    let bases: Vec<_> = programs.iter().map(|program| program.base.clone()).collect();
    let order = serde_json::to_value(Studio::order(style, COST, &["sea"])).expect("plain data");
    let client = reqwest::Client::new();
    let seen = Seen::default();
    let ask = |first: usize| {
        let (client, bases, order, seen) = (&client, &bases, &order, &seen);
        join_all(buyers.iter().enumerate().map(move |(i, buyer)| async move {
            let mut made = Vec::new();
            for n in 0..PICTURES {
                made.push(
                    reserve(
                        client,
                        bases,
                        first + i + n,
                        buyer.token(),
                        &format!("picture-{n}"),
                        order,
                        seen,
                    )
                    .await,
                );
            }
            made
        }))
    };
    let killing = async {
        let held = held_up(&house, &seen).await;
        seen.killed.store(true, SeqCst);
        programs.remove(KILLED).kill();
        held.rollback().await.expect("let go");
    };
    let (answered, ()) = tokio::join!(ask(0), killing);
    assert!(seen.cut.load(SeqCst) > 0, "the kill hit requests under way");
    let distinct: BTreeSet<_> = answered.iter().flatten().copied().collect();
    assert_eq!(distinct.len(), BUYERS * PICTURES);
    let kept: Vec<i64> = sqlx::query_scalar("SELECT id FROM generations ORDER BY id")
        .fetch_all(house.pool())
        .await
        .expect("the database answers");
    assert_eq!(
        kept,
        distinct.into_iter().collect::<Vec<_>>(),
        "what was answered is there, and nothing else"
    );
    for buyer in &buyers {
        assert_eq!(
            buyer.balance(&house).await,
            1_000 - COST * i64::try_from(PICTURES).expect("few")
        );
    }
    assert_eq!(
        ask(1).await,
        answered,
        "whoever asks again gets the same from whichever is left"
    );
}
