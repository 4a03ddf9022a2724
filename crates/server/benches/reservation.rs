//! What a reservation over HTTP costs, beside the same SQL under pgbench: `cargo bench -p atelier-server --bench reservation`.
//!
//! The SQL is not written a second time: one reservation is made with Postgres logging its statements, and those become pgbench's script,
//! user, key and generation in the place of the values. Both then run in turn on one database, written to the disk before it is answered,
//! with as many clients. Fails when the median of the ratios is above what is allowed.

use std::fmt::Write as _;
use std::io::{Seek as _, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use atelier_contract::{AspectRatio, NewGeneration, SealKey, Sha256, Tag};
use atelier_server::app::{self, App};
use atelier_server::caller::AccessClaims;
use atelier_server::config::Config;
use atelier_server::connections;
use atelier_server::local::postgres::Cluster;
use chrono::{TimeDelta, Utc};
use rand::RngExt as _;
use sqlx::AssertSqlSafe;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const CLIENTS: [usize; 3] = [1, 8, 32];
const ROUNDS: usize = 7;
const ROUND: Duration = Duration::from_secs(5);
const RATIO_MAX: f64 = 1.5;
const DATABASE: &str = "atelier";

/// Numbers that stand for nothing else in any statement.
const FIRST_USER: i64 = 7_000_001;
const USERS: i64 = 2_000;
const ARTIST: i64 = 6_900_001;
const STYLE: i64 = 5_500_001;
const FIRST_GENERATION: i64 = 88_000_001;
const KEY: &str = "the-key-that-is-looked-for";

fn main() -> anyhow::Result<ExitCode> {
    let folder = TempDir::with_prefix("atelier-bench-")?;
    let settings = [
        "fsync=on",
        "synchronous_commit=on",
        "max_connections=200",
        "shared_buffers=256MB",
        "log_line_prefix='@ '",
    ];
    let cluster = Cluster::open(&folder.path().join("cluster"), &settings)?;
    cluster.make_database(DATABASE)?;
    let ratio = tokio::runtime::Runtime::new()?.block_on(measure(&cluster, folder.path()))?;
    Ok(if ratio <= RATIO_MAX {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

async fn measure(cluster: &Cluster, folder: &Path) -> anyhow::Result<f64> {
    let app = connect(cluster, folder, Some(1)).await?;
    app.migrate().await?;
    fill(&app).await?;
    let script = script(&captured(&app, cluster).await?)?;
    let served = Served::start(connect(cluster, folder, None).await?).await?;
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "{} statements a reservation",
        script.lines().filter(|line| !line.starts_with('\\')).count()
    )?;
    let mut worst: f64 = 0.0;
    for clients in CLIENTS {
        let mut ratios = Vec::new();
        for _ in 0..ROUNDS {
            let sql = pgbench(cluster, folder, &script, clients)?;
            let (http, slowest) = served.round(clients).await?;
            ratios.push(http / sql);
            writeln!(
                out,
                "{clients:3} clients: pgbench {sql:7.3} ms, HTTP {http:7.3} ms (99 of 100 within {slowest:.3} ms), ratio {:.2}",
                http / sql
            )?;
        }
        ratios.sort_by(f64::total_cmp);
        let median = ratios[ROUNDS / 2];
        writeln!(out, "{clients:3} clients: ratio {median:.2} of at most {RATIO_MAX}")?;
        worst = worst.max(median);
    }
    Ok(worst)
}

async fn connect(cluster: &Cluster, folder: &Path, connections: Option<u32>) -> anyhow::Result<App> {
    let mut config = Config {
        listen: "127.0.0.1:0".parse()?,
        data_folder: folder.join("data"),
        database_url: Some(cluster.url(DATABASE).into()),
        ..Config::default()
    };
    config.connections_max = connections.unwrap_or(config.connections_max);
    config.limits.per_address_min = 0;
    config.limits.per_user_min = 0;
    config.limits.per_device_min = 0;
    App::connect(config).await
}

/// People with tokens, and a style for sale.
async fn fill(app: &App) -> anyhow::Result<()> {
    let statements = format!(
        "INSERT INTO users (id, username, provider, provider_user_id, token_balance)
         SELECT id, 'user' || id, 'bench', id, 1000000000
           FROM generate_series({FIRST_USER}, {FIRST_USER} + {USERS} - 1) AS id;
         INSERT INTO users (id, username, provider, provider_user_id, role) VALUES ({ARTIST}, 'artist', 'bench', 'artist', 'artist');
         INSERT INTO artists (user_id) VALUES ({ARTIST});
         INSERT INTO sessions (id, user_id) SELECT id, id FROM users WHERE provider = 'bench';
         INSERT INTO styles (id, artist_id, name, training_status, generation_cost_tokens, published_at)
         VALUES ({STYLE}, {ARTIST}, 'Ink', 'completed', 5, now());
         INSERT INTO style_versions (style_id, number, object_key, bytes, sha256, base_model, content_key)
         VALUES ({STYLE}, 1, 'x', 1, decode(repeat('07', 32), 'hex'), 'sd15', decode(repeat('07', 32), 'hex'));
         SELECT setval(pg_get_serial_sequence('generations', 'id'), {FIRST_GENERATION}, FALSE);
         ALTER DATABASE {DATABASE} SET log_statement = 'all';"
    );
    sqlx::raw_sql(AssertSqlSafe(statements)).execute(&app.pool).await?;
    Ok(())
}

/// A server within this process, and who asks it.
struct Served {
    app: App,
    address: SocketAddr,
}

/// Somebody who reserves again and again.
struct Asker {
    stream: TcpStream,
    order: String,
    answer: Vec<u8>,
}

impl Asker {
    async fn reserve(&mut self, token: &str, key: &str) -> anyhow::Result<()> {
        let Self { stream, order, answer } = self;
        let request = format!(
            "POST /generations HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\nidempotency-key: {key}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{order}",
            order.len()
        );
        stream.write_all(request.as_bytes()).await?;
        answer.clear();
        loop {
            ensure!(stream.read_buf(answer).await? > 0, "the server hung up");
            let text = std::str::from_utf8(answer)?;
            let Some((head, body)) = text.split_once("\r\n\r\n") else {
                continue;
            };
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() == length.context("no length")?.parse::<usize>()? {
                ensure!(head.starts_with("HTTP/1.1 201 "), "{text}");
                return Ok(());
            }
        }
    }
}

impl Served {
    async fn start(app: App) -> anyhow::Result<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let serving = app.clone();
        tokio::spawn(async move {
            connections::serve(
                listener,
                app::router(serving.clone()),
                &serving.config.limits,
                serving.closing,
            )
            .await;
        });
        Ok(Self { app, address })
    }

    /// One connection, as lean as pgbench's: what the asker costs is not what a reservation costs.
    async fn asker(&self) -> anyhow::Result<Asker> {
        let order = NewGeneration {
            style: STYLE.try_into()?,
            tags: ["sea", "night sky"]
                .map(Tag::parse)
                .into_iter()
                .collect::<Result<_, _>>()?,
            aspect_ratio: AspectRatio::Square,
            seed: None,
            parameters_sha256: Sha256::new([7; 32]),
            cost_tokens: 5.try_into()?,
        };
        Ok(Asker {
            stream: TcpStream::connect(self.address).await?,
            order: serde_json::to_string(&order)?,
            answer: Vec::new(),
        })
    }

    fn token(&self, user: i64) -> anyhow::Result<String> {
        let claims = AccessClaims {
            user: user.try_into()?,
            session: user.try_into()?,
            device: Some(SealKey::new([9; 32])),
            expires_at: Utc::now() + TimeDelta::hours(1),
        };
        Ok(claims.sign(&self.app.signer)?)
    }

    /// Gives the mean time of a reservation, and how long the slowest of a hundred takes, in ms.
    async fn round(&self, clients: usize) -> anyhow::Result<(f64, f64)> {
        let mut tokens = Vec::new();
        for user in FIRST_USER..FIRST_USER + USERS {
            tokens.push(self.token(user)?);
        }
        let begun = Instant::now();
        let each = (0..clients).map(|client| {
            let tokens = &tokens;
            async move {
                let (mut took, mut asker) = (Vec::new(), self.asker().await?);
                while begun.elapsed() < ROUND {
                    let (token, key) = (rand::rng().random_range(0..tokens.len()), rand::random::<u64>());
                    let start = Instant::now();
                    asker.reserve(&tokens[token], &format!("bench-{client}-{key}")).await?;
                    took.push(start.elapsed().as_secs_f64() * 1e3);
                }
                anyhow::Ok(took)
            }
        });
        let mut took = futures_util::future::try_join_all(each).await?.concat();
        took.sort_by(f64::total_cmp);
        #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
        let mean = took.iter().sum::<f64>() / took.len() as f64;
        Ok((mean, took[took.len() * 99 / 100]))
    }
}

/// The log of one reservation, made when everything that is prepared once is prepared.
async fn captured(app: &App, cluster: &Cluster) -> anyhow::Result<String> {
    // The connection of before does not log yet.
    let logging = App::connect((*app.config).clone()).await?;
    let served = Served::start(logging).await?;
    let token = served.token(FIRST_USER)?;
    let mut asker = served.asker().await?;
    for key in ["warm-1", "warm-2", "warm-3"] {
        asker.reserve(&token, key).await?;
    }
    let path = cluster.data().with_file_name("postgres.log");
    let before = std::fs::metadata(&path)?.len();
    asker.reserve(&token, KEY).await?;
    served.app.pool.close().await;
    sqlx::raw_sql(AssertSqlSafe(format!("ALTER DATABASE {DATABASE} RESET log_statement")))
        .execute(&app.pool)
        .await?;
    app.pool.close().await;
    let mut log = std::fs::File::open(path)?;
    log.seek(std::io::SeekFrom::Start(before))?;
    Ok(std::io::read_to_string(log)?)
}

/// The statements of a log as a script of pgbench.
fn script(log: &str) -> anyhow::Result<String> {
    let mut script = format!(
        "\\set user random({FIRST_USER}, {})\n\\set n random(1, 1000000000000000)\n",
        FIRST_USER + USERS - 1
    );
    let log = log.replace("\n\t", " ");
    let mut lines = log.lines().peekable();
    while let Some(line) = lines.next() {
        if let Some((_, plain)) = line.split_once("LOG:  statement: ") {
            writeln!(script, "{plain};")?;
        } else if let Some((_, statement)) = line
            .split_once("LOG:  execute ")
            .and_then(|(_, rest)| rest.split_once(": "))
        {
            let values = lines.next_if(|line| line.contains("DETAIL:  parameters: "));
            let values = values
                .and_then(|line| line.split_once("parameters: "))
                .map_or("", |(_, values)| values);
            writeln!(script, "{}", with_values(statement, &parameters(values)))?;
        }
    }
    ensure!(
        script.contains("nextval") && script.contains("ledger_entries"),
        "not the log of a reservation: {log}"
    );
    Ok(script)
}

/// `$1 = 'a', $2 = NULL` taken apart; quotes within stay doubled.
fn parameters(text: &str) -> Vec<String> {
    let mut values = Vec::new();
    let mut rest = text;
    while let Some((_, value)) = rest.split_once(" = ") {
        let Some(quoted) = value.strip_prefix('\'') else {
            values.push("NULL".to_owned());
            rest = value;
            continue;
        };
        let mut end = 0;
        let bytes = quoted.as_bytes();
        while end < bytes.len() && (bytes[end] != b'\'' || bytes.get(end + 1) == Some(&b'\'')) {
            end += if bytes[end] == b'\'' { 2 } else { 1 };
        }
        values.push(quoted[..end].to_owned());
        rest = &quoted[end..];
    }
    values
}

/// A statement with its values, or with pgbench's variables for those that change.
fn with_values(statement: &str, values: &[String]) -> String {
    if statement.contains("nextval") {
        return "SELECT nextval(pg_get_serial_sequence('generations', 'id')) AS generation \\gset".to_owned();
    }
    let mut statement = statement.to_owned();
    for (place, value) in values.iter().enumerate().rev() {
        let literal = match value.as_str() {
            "NULL" => "NULL".to_owned(),
            KEY => "('k' || :n::text)".to_owned(),
            value if value == FIRST_USER.to_string() => ":user".to_owned(),
            value if value == (FIRST_GENERATION + 3).to_string() => ":generation".to_owned(),
            value if value == format!("{{{FIRST_USER},{FIRST_USER}}}") => "ARRAY[:user, :user]".to_owned(),
            // A colon would begin a variable.
            value => format!("U&'{}'", value.replace('\\', "\\\\").replace(':', "\\003A")),
        };
        statement = statement.replace(&format!("${}", place + 1), &literal);
    }
    format!("{statement};")
}

/// The mean time of a transaction, in ms.
fn pgbench(cluster: &Cluster, folder: &Path, script: &str, clients: usize) -> anyhow::Result<f64> {
    let path = folder.join("reservation.sql");
    std::fs::write(&path, script)?;
    let seconds = ROUND.as_secs().to_string();
    let clients = clients.to_string();
    let mut command = cluster.program("pgbench");
    command
        .args([
            "--no-vacuum",
            "--protocol=prepared",
            "--jobs=2",
            "--file=-",
            "--username=atelier",
        ])
        .args(["--client", &clients, "--time", &seconds, "--host"])
        .arg(cluster.sockets())
        .arg(DATABASE)
        .stdin(std::fs::File::open(path)?);
    let output = command.output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    let failed = || format!("{said}{}", String::from_utf8_lossy(&output.stderr));
    ensure!(
        output.status.success() && said.contains("failed transactions: 0"),
        "{}",
        failed()
    );
    let latency = said
        .lines()
        .find_map(|line| line.strip_prefix("latency average = ")?.strip_suffix(" ms"));
    Ok(latency.with_context(failed)?.parse()?)
}
