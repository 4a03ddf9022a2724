//! What a page of a list takes when 200 are asked for each second, a million generations being there:
//! `cargo bench -p atelier-server --bench lists`.
//!
//! The server is the program itself, whose memory is looked at afterwards; its database, `atelier-server load` and who asks are on the
//! same machine. A time counts from when its request was due, so that waiting behind a slow one counts too. Every list is measured in
//! several rounds, minutes apart: a pause of the machine makes forty of 2,000 requests late, which is more than one in a hundred, but
//! only in its round. Fails when the median of a list's 99th percentiles is above what is allowed, or the server's memory is.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use atelier_server::caller::AccessClaims;
use atelier_server::local::postgres::Cluster;
use atelier_server::signer::Signer;
use chrono::{TimeDelta, Utc};
use rand::RngExt as _;
use sqlx::{Connection as _, PgConnection};
use tempfile::TempDir;
use tokio::time::{Instant, sleep_until};

const RATE_PER_S: u32 = 200;
const CONNECTIONS: u32 = 8;
const ROUNDS: usize = 3;
const ROUND_S: u32 = 10;
/// Pages that somebody leafs through before they begin anew.
const PAGES: usize = 5;
const P99_MS_MAX: f64 = 20.0;
const MEMORY_MB_MAX: f64 = 200.0;
const DATABASE: &str = "atelier";
const SECRET: [u8; 32] = [7; 32];

/// Address, and whether the request is a user's own.
type List = (&'static str, fn() -> String, bool);

const LISTS: [List; 13] = [
    ("newest public", || "/generations?".to_owned(), false),
    ("best liked", || "/generations?sort=popular".to_owned(), false),
    ("of one tag", || format!("/generations?tags=tag%20{}", tag()), false),
    (
        "of two tags",
        || format!("/generations?tags=tag%20{},tag%20{}", tag(), tag()),
        false,
    ),
    (
        "of one style",
        || format!("/generations?style={}", below(10_000)),
        false,
    ),
    ("one's own", || "/generations/mine?".to_owned(), true),
    ("feed of a studio", || "/feed?".to_owned(), true),
    ("most used styles", || "/styles?sort=popular".to_owned(), false),
    (
        "styles by a word",
        || format!("/styles?words=word{}", below(997)),
        false,
    ),
    ("who likes it", || "/generations/2/likes?".to_owned(), false),
    ("comments", || "/generations/2/comments?".to_owned(), false),
    ("notifications", || "/notifications?".to_owned(), true),
    ("history of tokens", || "/transactions?".to_owned(), true),
];

/// From 1 up to `end`.
fn below(end: u32) -> u32 {
    rand::rng().random_range(1..end)
}

/// As `load` gives them: few tags are most of them.
fn tag() -> u32 {
    let drawn = rand::rng().random::<f64>().powi(3) * 2_000.0;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 2,000")]
    let drawn = drawn as u32;
    1 + drawn
}

fn main() -> anyhow::Result<ExitCode> {
    let folder = TempDir::with_prefix("atelier-bench-")?;
    let cluster = Cluster::open(
        &folder.path().join("cluster"),
        &["max_connections=100", "shared_buffers=256MB"],
    )?;
    cluster.make_database(DATABASE)?;
    for order in ["migrate", "load"] {
        let status = program(&cluster, folder.path()).arg(order).status()?;
        ensure!(status.success(), "{order}: {status}");
    }
    let server = Served::start(&mut program(&cluster, folder.path()))?;
    let slowest = tokio::runtime::Runtime::new()?.block_on(measure(&cluster, &server.base))?;
    let memory = server.memory_mb()?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "memory of the server: {memory:.0} MB of at most {MEMORY_MB_MAX}")?;
    Ok(if slowest <= P99_MS_MAX && memory <= MEMORY_MB_MAX {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn program(cluster: &Cluster, folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_atelier-server"));
    let secret: String = SECRET.iter().map(|byte| format!("{byte:02x}")).collect();
    command
        .arg("--data")
        .arg(folder.join("data"))
        .env("ATELIER_DATABASE_URL", cluster.url(DATABASE))
        .env("ATELIER_SIGNING_KEY", secret)
        .env("ATELIER_STATEMENT_MS_MAX", "600000")
        .env("ATELIER_LIMITS__PER_ADDRESS_MIN", "0")
        .env("ATELIER_LIMITS__PER_USER_MIN", "0")
        .stdin(Stdio::null());
    command
}

/// The program, ended when dropped.
struct Served {
    child: Child,
    base: String,
}

impl Served {
    fn start(command: &mut Command) -> anyhow::Result<Self> {
        let mut child = command
            .args(["serve", "--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let mut said = String::new();
        BufReader::new(child.stdout.take().context("piped")?).read_line(&mut said)?;
        let base = said
            .trim()
            .strip_prefix("listening on ")
            .context(said.clone())?
            .to_owned();
        Ok(Self { child, base })
    }

    /// The most that it had, as Linux tells.
    fn memory_mb(&self) -> anyhow::Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
        Ok(kib.context("no VmHWM")?.parse::<f64>()? * 1024.0 / 1e6)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Access tokens of some of those who have pictures.
async fn tokens(cluster: &Cluster) -> anyhow::Result<Vec<String>> {
    let mut connection = PgConnection::connect(&cluster.url(DATABASE)).await?;
    let sessions: Vec<(i64, i64)> = sqlx::query_as(
        "INSERT INTO sessions (user_id) SELECT id FROM users WHERE provider = 'load' ORDER BY random() LIMIT 5000 RETURNING user_id, id",
    )
    .fetch_all(&mut connection)
    .await?;
    let signer = Signer::new(&SECRET);
    let token = |(user, session): (i64, i64)| {
        let claims = AccessClaims {
            user: user.try_into()?,
            session: session.try_into()?,
            device: None,
            expires_at: Utc::now() + TimeDelta::hours(1),
        };
        Ok(claims.sign(&signer)?)
    };
    sessions.into_iter().map(token).collect()
}

/// Gives the 99th percentile of the slowest list, in ms.
async fn measure(cluster: &Cluster, base: &str) -> anyhow::Result<f64> {
    let tokens = tokens(cluster).await?;
    // What the load left to be written is written now: with lists it has nothing to do.
    sqlx::query("CHECKPOINT")
        .execute(&mut PgConnection::connect(&cluster.url(DATABASE)).await?)
        .await?;
    let client = reqwest::Client::new();
    let mut rounds = vec![Vec::new(); LISTS.len()];
    for _ in 0..ROUNDS {
        for ((name, path, own), rounds) in LISTS.iter().zip(&mut rounds) {
            let tokens: &[String] = if *own { &tokens } else { &[] };
            let round = round(&client, base, *path, tokens).await?;
            writeln!(
                std::io::stdout().lock(),
                "{name:18} p50 {:5.1} ms, p99 {:5.1} ms, all within {:.1} ms",
                round.p50_ms,
                round.p99_ms,
                round.slowest_ms,
            )?;
            rounds.push(round);
        }
    }
    let mut slowest: f64 = 0.0;
    for ((name, ..), rounds) in LISTS.iter().zip(&mut rounds) {
        rounds.sort_by(|a, b| a.p99_ms.total_cmp(&b.p99_ms));
        let p99 = rounds[ROUNDS / 2].p99_ms;
        writeln!(
            std::io::stdout().lock(),
            "{name:18} p99, the median of {ROUNDS} rounds: {p99:5.1} ms of at most {P99_MS_MAX}"
        )?;
        slowest = slowest.max(p99);
    }
    Ok(slowest)
}

#[derive(Clone)]
struct Round {
    p50_ms: f64,
    p99_ms: f64,
    slowest_ms: f64,
}

async fn round(client: &reqwest::Client, base: &str, path: fn() -> String, tokens: &[String]) -> anyhow::Result<Round> {
    let begun = Instant::now() + Duration::from_millis(10);
    let each = (0..CONNECTIONS).map(|asker| leaf(client, base, path, tokens, begun, asker));
    let mut took = futures_util::future::try_join_all(each).await?.concat();
    took.sort_by(f64::total_cmp);
    let of_hundred = |n: usize| took[(took.len() * n / 100).min(took.len() - 1)];
    Ok(Round {
        p50_ms: of_hundred(50),
        p99_ms: of_hundred(99),
        slowest_ms: of_hundred(100),
    })
}

/// One of those who ask: page after page, each when it is due. Gives the times in ms.
async fn leaf(
    client: &reqwest::Client,
    base: &str,
    path: fn() -> String,
    tokens: &[String],
    begun: Instant,
    asker: u32,
) -> anyhow::Result<Vec<f64>> {
    let (mut took, mut next) = (Vec::new(), None);
    let (mut address, mut token) = (String::new(), None);
    for nth in 0..RATE_PER_S * ROUND_S / CONNECTIONS {
        let page = next.take().filter(|_| !(nth as usize).is_multiple_of(PAGES));
        if page.is_none() {
            address = format!("{base}{}", path());
            token = (!tokens.is_empty()).then(|| &tokens[rand::rng().random_range(0..tokens.len())]);
        }
        let after = page.map_or_else(String::new, |cursor: String| format!("&after={cursor}"));
        let mut request = client.get(format!("{address}{after}"));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let due = begun + Duration::from_secs(1) * (asker + nth * CONNECTIONS) / RATE_PER_S;
        sleep_until(due).await;
        let answer = request.send().await?.error_for_status()?.bytes().await?;
        took.push(due.elapsed().as_secs_f64() * 1e3);
        let answer: serde_json::Value = serde_json::from_slice(&answer)?;
        let cursor = if answer["more"] == true {
            &answer["cursor"]
        } else {
            &answer["next"]
        };
        next = cursor.as_str().map(str::to_owned);
    }
    Ok(took)
}
