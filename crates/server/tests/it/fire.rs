//! Money under fire: people who buy, make, fail, cancel, withdraw, like, follow and comment all at once, a provider that misbehaves, a clock that jumps, and a
//! server and a Postgres that are killed again and again. Afterwards the books are right, and whatever was answered with success is there.
//!
//! What everybody does is drawn from one number, which is printed; `FIRE_SEED` sets it. What the machine makes of it is not.

mod claims;
mod clients;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use atelier_contract::{GenerationId, GenerationView, StyleId, UserId};
use atelier_server::ledger;
use atelier_server::local::postgres::{Cluster, Stop};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::json;
use tempfile::TempDir;
use tokio::sync::RwLock;

use crate::harness::{House, Program, fresh_cluster};
use crate::money::welcome;
use crate::studio::Studio;
use crate::toss::{CLIENT_KEY, SECRET_KEY, Toss};

/// Requests that get an answer or are given up.
const OPERATIONS: usize = 10_000;
const ARTISTS: usize = 4;
const CLIENTS: usize = 28;
/// What has to have happened, and how often, for the books to say anything. About a tenth of what happens.
const AT_LEAST: [(&str, u32); 7] = [
    ("reserved", 100),
    ("committed", 50),
    ("voided", 10),
    ("redeemed", 10),
    ("purchase", 20),
    ("paid", 10),
    ("withdrawal", 5),
];
const SIGNING_KEY: &str = "0707070707070707070707070707070707070707070707070707070707070707";
/// Far more than it takes.
const DEADLINE: Duration = Duration::from_secs(240);

/// What all clients share.
struct Field {
    /// Where the server listens at the moment.
    base: RwLock<String>,
    toss: Toss,
    styles: Vec<(StyleId, i64)>,
    /// To like and to talk about.
    pictures: Vec<GenerationId>,
    /// To follow.
    artists: Vec<UserId>,
    operations: AtomicUsize,
    /// Answers that say that the server has a defect.
    defects: AtomicUsize,
    /// Nobody waits any longer for an answer.
    over: AtomicBool,
}

/// Ends everything when who holds it panics: nobody would start the server again, and who waits for an answer would wait for ever.
struct EndsAll(Arc<Field>);

impl Drop for EndsAll {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.over.store(true, Ordering::Relaxed);
        }
    }
}

impl Field {
    fn goes_on(&self) -> bool {
        self.operations.load(Ordering::Relaxed) < OPERATIONS && !self.over.load(Ordering::Relaxed)
    }
}

fn settings(toss: &Toss) -> Vec<(&'static str, String)> {
    vec![
        ("ATELIER_SIGNING_KEY", SIGNING_KEY.to_owned()),
        ("ATELIER_PAYMENTS__URL", toss.url()),
        ("ATELIER_PAYMENTS__CLIENT_KEY", CLIENT_KEY.to_owned()),
        ("ATELIER_PAYMENTS__SECRET_KEY", SECRET_KEY.to_owned()),
        ("ATELIER_LOG_FILTER", "off".to_owned()),
    ]
}

/// The program that is killed, and the cluster below it.
struct Machine {
    cluster: Arc<Cluster>,
    folder: TempDir,
    url: String,
    settings: Vec<(&'static str, String)>,
}

impl Machine {
    fn start(&self) -> Program {
        let settings: Vec<_> = self
            .settings
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        Program::start(self.folder.path(), Some(&self.url), &settings)
    }

    fn reconcile(&self) -> std::process::Output {
        let settings: Vec<_> = self
            .settings
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let mut command = Program::command(self.folder.path(), Some(&self.url), &settings);
        command.arg("reconcile").output().expect("the program")
    }
}

/// Kills and starts until it is over. Gives how often the server and Postgres were killed, and the server that runs: who still waits for
/// an answer gets it there.
async fn kill(machine: Arc<Machine>, field: Arc<Field>, mut rng: StdRng) -> (Program, u32, u32) {
    let _ends_all = EndsAll(field.clone());
    let mut program = machine.start();
    field.base.write().await.clone_from(&program.base);
    let (mut servers, mut databases) = (0, 0);
    // One, the other, both, in turn.
    for round in 0_u32.. {
        if !field.goes_on() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(rng.random_range(500..1_500))).await;
        let (kills_server, kills_database) = (round % 3 != 1, round % 3 != 0);
        let machine = machine.clone();
        let killed = tokio::task::spawn_blocking(move || {
            let mut kept = Some(program);
            if kills_server && let Some(program) = kept.take() {
                program.kill();
            }
            if kills_database {
                machine.cluster.stop(Stop::Immediate).expect("ends");
                machine.cluster.start().expect("recovers");
            }
            kept.unwrap_or_else(|| machine.start())
        });
        program = killed.await.expect("no panic");
        field.base.write().await.clone_from(&program.base);
        servers += u32::from(kills_server);
        databases += u32::from(kills_database);
    }
    (program, servers, databases)
}

/// Days that pass, sweeps of another replica, and operators, until it is over. The database is away at times: then the next round does it.
async fn office(house: &House, field: &Field, mut rng: StdRng) {
    const TIME_PASSES: [&str; 5] = [
        "UPDATE earnings SET earned_at = earned_at - interval '8 days' WHERE settlement_id IS NULL AND random() < 0.3",
        "UPDATE tickets SET expires_at = now() - interval '1 s' WHERE state = 'reserved' AND random() < 0.1",
        "UPDATE tickets SET lease_until = now() - interval '1 s', first_started_at = first_started_at - interval '25 h'
          WHERE state = 'released' AND random() < 0.05",
        "UPDATE vouchers SET expires_at = now() - interval '8 days' WHERE state = 'held' AND random() < 0.05",
        "UPDATE purchases SET ask_at = now() WHERE status IN ('pending', 'authorized', 'paid') AND random() < 0.3",
    ];
    while field.goes_on() {
        tokio::time::sleep(Duration::from_millis(700)).await;
        for statement in TIME_PASSES {
            let _ = sqlx::query(statement).execute(house.pool()).await;
        }
        let _ = atelier_server::sweeps::run_all(&house.app).await;
        let _ = decide(house, rng.random_bool(0.5)).await;
    }
}

async fn decide(house: &House, pay: bool) -> anyhow::Result<()> {
    let mut tx = house.pool().begin().await?;
    let id = sqlx::query_scalar("SELECT id FROM withdrawals WHERE status = 'requested' LIMIT 1")
        .fetch_optional(&mut *tx)
        .await?;
    let Some(id) = id else { return Ok(()) };
    if pay {
        ledger::pay_withdrawal(&mut tx, id, "paid").await?;
    } else {
        ledger::reject_withdrawal(&mut tx, id, "not now").await?;
    }
    tx.commit().await?;
    Ok(())
}

/// Everybody on a device, artists first, and what the artists sell.
async fn people(house: &House) -> (Vec<Studio>, Vec<(StyleId, i64)>) {
    let (mut people, mut styles) = (Vec::new(), Vec::new());
    for n in 0..CLIENTS {
        let role = if n < ARTISTS { "artist" } else { "user" };
        let person = Studio::new(house, &format!("person{n}"), role, 0).await;
        welcome(house, person.user).await;
        if n < ARTISTS {
            let cost = i64::try_from(n).expect("few") + 1;
            styles.push((person.style("Ink", &["ink"], cost).await, cost));
        }
        people.push(person);
    }
    (people, styles)
}

/// One picture of each artist's own, shown to everybody.
async fn pictures(people: &[Studio], styles: &[(StyleId, i64)]) -> Vec<GenerationId> {
    let mut pictures = Vec::new();
    for (artist, (style, _)) in people.iter().zip(styles) {
        let made = json!({ "style": style, "tags": ["sea"], "seed": "7" });
        let made: GenerationView = artist.post("/generations/made", &made).await.is();
        artist.publish(made.id).await;
        pictures.push(made.id);
    }
    pictures
}

fn seed() -> u64 {
    let set = std::env::var("FIRE_SEED").ok();
    set.map_or_else(rand::random, |seed| seed.parse().expect("a number"))
}

/// Settles what is still open, as the clock would in time.
async fn come_to_rest(house: &House, toss: &Toss) {
    toss.behaves();
    // Connections from before the last kill break when they are used, and are replaced.
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let all = (0..8).map(|_| sqlx::query("SELECT pg_sleep(0.1)").execute(house.pool()));
        let answers = futures_util::future::join_all(all).await;
        if answers.iter().all(Result::is_ok) {
            break;
        }
        assert!(Instant::now() < deadline, "the database does not come back");
    }
    for _ in 0..3 {
        for statement in [
            "UPDATE purchases SET ask_at = now() - interval '1 s' WHERE status IN ('pending', 'authorized')",
            "UPDATE payment_events SET ask_at = now() - interval '1 s' WHERE handled_at IS NULL",
        ] {
            sqlx::query(statement)
                .execute(house.pool())
                .await
                .expect("the database is back");
        }
        // A run asks about a hundred.
        for _ in 0..10 {
            house.sweep().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn money_under_fire() {
    let seed = seed();
    eprintln!("FIRE_SEED={seed}");
    // Written to the disk before it is answered, as where people's money is.
    let cluster = tokio::task::spawn_blocking(|| fresh_cluster(&["fsync=on", "synchronous_commit=on"]));
    let cluster = Arc::new(cluster.await.expect("no panic"));
    cluster.make_database("fire").expect("made");
    let (toss, url) = (Toss::new().await, cluster.url("fire"));
    migrate(&url).await;
    let house = House::with(|config| {
        config.database_url = Some(url.clone().into());
        config.signing_key = Some(SIGNING_KEY.to_owned().into());
        toss.configure(config);
    })
    .await;
    let (people, styles) = people(&house).await;
    let pictures = pictures(&people, &styles).await;
    let machine = Arc::new(Machine {
        settings: settings(&toss),
        folder: TempDir::new().expect("a folder"),
        cluster,
        url,
    });
    let field = Arc::new(Field {
        base: RwLock::new(format!("http://{}", house.address)),
        toss,
        styles,
        pictures,
        artists: people[..ARTISTS].iter().map(|artist| artist.user).collect(),
        operations: AtomicUsize::new(0),
        defects: AtomicUsize::new(0),
        over: AtomicBool::new(false),
    });

    let begun = Instant::now();
    let killer = tokio::spawn(kill(machine.clone(), field.clone(), StdRng::seed_from_u64(seed)));
    let clients = (0_u64..).zip(&people).map(|(n, person)| {
        let rng = StdRng::seed_from_u64(seed.wrapping_add(n + 1));
        tokio::spawn(clients::Client::new(field.clone(), person.clone(), rng).run())
    });
    let clients: Vec<_> = clients.collect();
    let watched = field.clone();
    let watch = tokio::spawn(async move {
        tokio::time::sleep(DEADLINE).await;
        watched.over.store(true, Ordering::Relaxed);
    });
    office(&house, &field, StdRng::seed_from_u64(!seed)).await;
    let (program, servers, databases) = killer.await.expect("no panic");
    let mut said = Vec::new();
    for client in clients {
        said.push(client.await.expect("no panic"));
    }
    watch.abort();
    program.kill();
    assert!(!field.over.load(Ordering::Relaxed), "not done within {DEADLINE:?}");
    let done = field.operations.load(Ordering::Relaxed);
    let took = begun.elapsed().as_secs();
    come_to_rest(&house, &field.toss).await;
    let kinds = claims::kinds(&said);
    eprintln!(
        "{done} operations in {took} s; the server was killed {servers} times, Postgres {databases} times; {kinds:?}"
    );

    assert!(done >= OPERATIONS && servers > 2 && databases > 2, "that is no fire");
    for (kind, least) in AT_LEAST {
        assert!(
            kinds.get(kind).is_some_and(|count| *count >= least),
            "fewer than {least} {kind}"
        );
    }
    assert_eq!(field.defects.load(Ordering::Relaxed), 0, "answers with status 500");
    claims::hold(&house, &said).await;
    claims::money_is_what_was_paid(&house, &field.toss).await;
    claims::social_life_holds(&house, &said).await;
    claims::counters_are_exact(&house).await;
    let reconciled = machine.reconcile();
    assert!(
        reconciled.status.success(),
        "{}{}",
        String::from_utf8_lossy(&reconciled.stdout),
        String::from_utf8_lossy(&reconciled.stderr)
    );
}

async fn migrate(url: &str) {
    let folder = TempDir::new().expect("a folder");
    let config = crate::harness::config(folder.path().to_owned(), url.to_owned());
    let app = atelier_server::app::App::connect(config).await.expect("it answers");
    app.migrate().await.expect("migrates");
}
