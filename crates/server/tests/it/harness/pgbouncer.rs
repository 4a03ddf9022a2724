//! PgBouncer in transaction mode in front of the cluster of this program, when the environment says so.

use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Stdio;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use super::cluster::cluster;

/// Set for a run of the tests through it.
pub(crate) const VARIABLE: &str = "TEST_THROUGH_PGBOUNCER";

const PORT: u16 = 6432;

/// Whether this program's servers reach their databases through it.
pub(crate) fn is_between() -> bool {
    std::env::var_os(VARIABLE).is_some()
}

/// The address of a database through it.
pub(crate) fn url(database: &str) -> String {
    static STARTED: OnceLock<()> = OnceLock::new();
    STARTED.get_or_init(start);
    cluster()
        .url(database)
        .replacen("//localhost/", &format!("//localhost:{PORT}/"), 1)
}

/// Fewer connections than a server under test has, so that transactions of several share each.
fn start() {
    let (folder, sockets) = (
        cluster().data().with_file_name("pgbouncer.ini"),
        cluster().sockets().display(),
    );
    let settings = format!(
        "[databases]\n* = host={sockets} user=atelier\n\
         [pgbouncer]\nunix_socket_dir = {sockets}\nlisten_port = {PORT}\nauth_type = any\npool_mode = transaction\n\
         default_pool_size = 3\nmax_client_conn = 2000\nserver_idle_timeout = 5\nmax_prepared_statements = 100\n\
         ignore_startup_parameters = extra_float_digits\nlogfile = pgbouncer.log\n"
    );
    std::fs::write(&folder, settings).expect("written");
    // Ends with this program, as the cluster does.
    let mut bouncer = cluster().program("/bin/sh");
    bouncer
        .args([
            "-c",
            "\"$0\" --quiet pgbouncer.ini & bouncer=$!; trap '' INT HUP TERM; read end; kill -QUIT $bouncer",
        ])
        .arg(program())
        .stdin(Stdio::piped())
        .stdout(Stdio::null());
    std::mem::forget(bouncer.spawn().expect("a shell"));
    let socket = cluster().sockets().join(format!(".s.PGSQL.{PORT}"));
    let deadline = Instant::now() + Duration::from_secs(20);
    while UnixStream::connect(&socket).is_err() {
        assert!(
            Instant::now() < deadline,
            "PgBouncer does not start, see {}",
            folder.display()
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// What `scripts/prepare test` built, or else what is installed.
fn program() -> std::path::PathBuf {
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools/bin/pgbouncer");
    built.canonicalize().unwrap_or_else(|_| "pgbouncer".into())
}
