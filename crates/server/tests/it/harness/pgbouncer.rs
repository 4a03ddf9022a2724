//! PgBouncer in transaction mode in front of the cluster of this program, when the environment says so.

use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
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
    static STARTED: OnceLock<bool> = OnceLock::new();
    assert!(
        *STARTED.get_or_init(start),
        "PgBouncer does not start: scripts/prepare test builds it"
    );
    cluster()
        .url(database)
        .replacen("//localhost/", &format!("//localhost:{PORT}/"), 1)
}

/// Fewer connections than a server under test has, so that transactions of several share each. Gives whether it runs.
fn start() -> bool {
    let (folder, sockets) = (cluster().data(), cluster().sockets().display());
    let folder = folder.parent().expect("a folder");
    let settings = format!(
        "[databases]\n* = host={sockets} user=atelier\n\
         [pgbouncer]\nunix_socket_dir = {sockets}\nlisten_port = {PORT}\nauth_type = any\npool_mode = transaction\n\
         default_pool_size = 3\nmax_client_conn = 2000\nserver_idle_timeout = 5\nmax_prepared_statements = 100\n\
         ignore_startup_parameters = extra_float_digits\nlogfile = pgbouncer.log\n"
    );
    std::fs::write(folder.join("pgbouncer.ini"), settings).expect("written");
    // Ends with this program, as the cluster does.
    let mut bouncer = cluster().program("/bin/sh");
    bouncer
        .args([
            "-c",
            "\"$0\" --quiet pgbouncer.ini & bouncer=$!; trap '' INT HUP TERM; read end; kill -QUIT $bouncer",
        ])
        .arg(program(folder))
        .stdin(Stdio::piped())
        .stdout(Stdio::null());
    std::mem::forget(bouncer.spawn().expect("a shell"));
    let socket = cluster().sockets().join(format!(".s.PGSQL.{PORT}"));
    let deadline = Instant::now() + Duration::from_secs(20);
    while Instant::now() < deadline {
        if UnixStream::connect(&socket).is_ok() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    false
}

/// What `scripts/prepare test` built, or else what is installed. A copy in `folder`: whoever runs the cluster may not see where it lies.
fn program(folder: &Path) -> PathBuf {
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools/bin/pgbouncer");
    let copy = folder.join("pgbouncer");
    match std::fs::copy(built, &copy) {
        Ok(_) => copy,
        Err(_) => "pgbouncer".into(),
    }
}
