//! The private Postgres of this program: ended, and its folder removed, when this program ends in whatever way.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use atelier_server::local::postgres::Cluster;
use sqlx::migrate::Migrator;
use sqlx::{Connection as _, Executor as _, PgConnection};
use tempfile::TempDir;
use tokio::sync::OnceCell;

use super::pgbouncer;

static MIGRATIONS: Migrator = sqlx::migrate!("../../migrations/server");

/// Nothing is kept for longer than the test: the disk may be slow, and is not waited for. A killed Postgres loses nothing by that,
/// only a killed machine does.
pub(crate) const SETTINGS: &[&str] = &[
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "max_connections=400",
];

/// The cluster of this program.
pub(crate) fn cluster() -> &'static Cluster {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    CLUSTER.get_or_init(|| fresh_cluster(SETTINGS))
}

/// Another cluster, for a test that ends or copies it.
pub(crate) fn fresh_cluster(settings: &[&str]) -> Cluster {
    Cluster::open(&cluster_folder(), settings).expect("Postgres runs")
}

/// A folder for a cluster, which is ended and removed when this program ends.
pub(crate) fn cluster_folder() -> PathBuf {
    let folder = TempDir::with_prefix("atelier-it-").expect("a folder").keep();
    // The pipe closes when this program ends, even by a kill; statics are never dropped.
    let mut watcher = Command::new("sh");
    watcher.arg("-c").arg(
        "trap '' INT HUP TERM; read end; kill -QUIT $(head -n 1 \"$0/data/postmaster.pid\"); sleep 1; rm -rf \"$0\"",
    );
    watcher
        .arg(&folder)
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let watcher = watcher.spawn().expect("a shell");
    std::mem::forget(watcher);
    folder
}

/// The address of a new database with all tables.
pub(crate) async fn database() -> String {
    static TEMPLATE: OnceCell<()> = OnceCell::const_new();
    static MADE: AtomicU32 = AtomicU32::new(0);
    TEMPLATE.get_or_init(make_template).await;
    let name = format!("test_{}", MADE.fetch_add(1, Ordering::Relaxed));
    let mut admin = PgConnection::connect(&cluster().url("postgres"))
        .await
        .expect("the cluster answers");
    admin
        .execute(sqlx::AssertSqlSafe(format!(
            "CREATE DATABASE {name} TEMPLATE atelier_template"
        )))
        .await
        .expect("a database");
    if pgbouncer::is_between() {
        return pgbouncer::url(&name);
    }
    cluster().url(&name)
}

/// The migrations are run once; each test gets a copy.
async fn make_template() {
    // Starting it blocks; other tests of this runtime go on meanwhile.
    tokio::task::spawn_blocking(cluster).await.expect("it does not panic");
    let mut admin = PgConnection::connect(&cluster().url("postgres"))
        .await
        .expect("the cluster answers");
    admin
        .execute("CREATE DATABASE atelier_template")
        .await
        .expect("a database");
    let mut template = PgConnection::connect(&cluster().url("atelier_template"))
        .await
        .expect("it is there");
    MIGRATIONS.run(&mut template).await.expect("the migrations run");
    template.close().await.expect("closed, so that it can be copied");
}
