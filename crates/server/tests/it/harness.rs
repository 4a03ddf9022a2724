//! One private Postgres for all tests of this program, a fresh database and a real server for each, and people who ask it.
//!
//! ```ignore
//! let house = House::new().await;
//! let ada = house.artist("ada").await;
//! let style: StyleView = ada.post("/styles", &json!({ "name": "ink" })).await.gives(201);
//! house.nobody().get("/users/me").await.refused(401, "not_signed_in");
//! ```

mod cluster;
mod line;
mod people;
mod pgbouncer;
mod program;
mod session;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use atelier_server::app::{self, App};
use atelier_server::config::Config;
use atelier_server::connections;
use sqlx::PgPool;
use tempfile::TempDir;
use tokio::net::TcpListener;

pub(crate) use cluster::{cluster, cluster_folder, database, fresh_cluster};
pub(crate) use line::Line;
pub(crate) use people::{Person, Reply, fresh_key, send};
pub(crate) use pgbouncer::VARIABLE as PGBOUNCER_VARIABLE;
pub(crate) use program::Program;

/// A server within this process, on a database of its own.
pub(crate) struct House {
    /// What its handlers have.
    pub(crate) app: App,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    http: reqwest::Client,
    _folder: TempDir,
}

impl House {
    /// With the settings of tests.
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// With settings that `set` changes.
    pub(crate) async fn with(set: impl FnOnce(&mut Config)) -> Self {
        let folder = TempDir::new().expect("a folder");
        let mut config = config(folder.path().to_owned(), database().await);
        set(&mut config);
        config.check().expect("settings that go together");
        let listener = TcpListener::bind(config.listen).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        config.listen = address;
        let app = App::connect(config).await.expect("the database is there");
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
        Self {
            app,
            address,
            http: reqwest::Client::new(),
            _folder: folder,
        }
    }

    /// Its database.
    pub(crate) fn pool(&self) -> &PgPool {
        &self.app.pool
    }

    /// Somebody new, signed in.
    pub(crate) async fn user(&self, name: &str) -> Person {
        Person::signed_in(self, name, "user").await
    }

    /// Somebody new who makes styles, signed in.
    pub(crate) async fn artist(&self, name: &str) -> Person {
        Person::signed_in(self, name, "artist").await
    }

    /// Nobody.
    pub(crate) fn nobody(&self) -> Person {
        Person::nobody(self)
    }

    /// Waits until somebody waits for a lock in its database.
    pub(crate) async fn somebody_waits(&self) {
        let waiting =
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        let deadline = Instant::now() + Duration::from_secs(20);
        while sqlx::query_scalar::<_, i64>(waiting)
            .fetch_one(self.pool())
            .await
            .expect("the database answers")
            == 0
        {
            assert!(Instant::now() < deadline, "nobody waits");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Runs every sweep, as the clock would.
    pub(crate) async fn sweep(&self) {
        atelier_server::sweeps::run_all(&self.app).await.expect("sweeps");
    }
}

/// The settings of tests: a free port, no limit on how often one may come, nor on how much one address may have under way.
pub(crate) fn config(folder: PathBuf, database_url: String) -> Config {
    let mut config = Config {
        listen: "127.0.0.1:0".parse().expect("an address"),
        data_folder: folder,
        database_url: Some(database_url.into()),
        connections_max: 8,
        pgbouncer: pgbouncer::is_between(),
        ..Config::default()
    };
    config.limits.per_address_min = 0;
    config.limits.per_user_min = 0;
    config.limits.per_device_min = 0;
    config.limits.requests_per_address_max = 100_000;
    config
}
