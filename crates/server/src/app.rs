//! What every handler has, and the routes put together.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use atelier_contract::OpeningKey;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection as _, Executor as _, PgConnection, PgPool};
use tokio_util::sync::CancellationToken;
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa_axum::router::OpenApiRouter;

use crate::config::{Config, Secret};
use crate::feed::Hub;
use crate::limits::{self, Gate};
use crate::objects::Objects;
use crate::payments::{self, Payments};
use crate::resources::purchases::following::Hints;
use crate::resources::{
    artworks, comments, earnings, feed, follows, generations, likes, mutations, notifications, purchases, sessions,
    styles, tags, transactions, uploads, users, withdrawals,
};
use crate::sign_in::SignIn;
use crate::signer::Signer;
use crate::{health, local, openapi, requests};

static MIGRATIONS: Migrator = sqlx::migrate!("../../migrations/server");

/// Key of the advisory lock of who migrates.
const MIGRATION_LOCK: i64 = 0x6d69_6772_6174_6573;
/// How often who waits to migrate looks whether the other is done.
const MIGRATION_LOOK: Duration = Duration::from_millis(100);
/// Longest wait for a connection of the pool.
const CONNECTION_WAIT: Duration = Duration::from_secs(5);
/// A connection that lay unused for longer is asked whether it still lives before it is used: a round trip that busy ones are spared.
const CONNECTION_TRUSTED: Duration = Duration::from_secs(1);

/// What every handler has. Cheap to clone.
#[derive(Debug, Clone)]
pub struct App {
    /// The database.
    pub pool: PgPool,
    /// A replica of it for public lists, or the same. It may be seconds behind.
    pub reads: PgPool,
    /// What the operator set.
    pub config: Arc<Config>,
    /// The object store.
    pub objects: Objects,
    /// The server's key.
    pub signer: Arc<Signer>,
    /// Who takes payments; nobody on a hosted server without one.
    pub payments: Option<Arc<dyn Payments>>,
    /// Follows up what webhooks hint at.
    pub(crate) hints: Hints,
    /// Who says who people are.
    pub sign_in: Arc<SignIn>,
    /// Who of this process waits for what changes.
    pub hub: Arc<Hub>,
    /// Who may come how often.
    pub gate: Arc<Gate>,
    /// Cancelled once the server was asked to stop: it says so to whoever sends it requests, and begins nothing by itself any more.
    pub stopping: CancellationToken,
    /// Cancelled when it stops to listen after that: what would go on for ever ends then.
    pub closing: CancellationToken,
}

impl App {
    /// Connects to what `config` names; the private database, if it is to be that, runs already and is named by then.
    ///
    /// # Errors
    /// When something cannot be reached or is not what it should be; names it.
    pub async fn connect(config: Config) -> anyhow::Result<Self> {
        let url = config.database_url.as_ref().context("database_url is missing")?;
        let pool = pool(&config, url).await.context("the database")?;
        let reads = match &config.reads_url {
            Some(url) => pool_of_replica(&config, url)?,
            None => pool.clone(),
        };
        let hub = Hub::new(pool.clone());
        let key = signing_key(&config).context("signing_key")?;
        Ok(Self {
            pool,
            reads,
            hub,
            objects: Objects::connect(&config).context("objects")?,
            payments: payments::provider(&config).context("payments")?,
            hints: Hints::default(),
            sign_in: Arc::new(SignIn::new().context("sign_in")?),
            signer: Arc::new(Signer::new(key.as_bytes())),
            gate: Arc::new(Gate::new(&config.limits)),
            stopping: CancellationToken::new(),
            closing: CancellationToken::new(),
            config: Arc::new(config),
        })
    }

    /// Brings the tables up to date. Safe while others do the same: they wait. Not through PgBouncer, since it holds a lock for its
    /// session.
    ///
    /// # Errors
    /// When a migration fails.
    pub async fn migrate(&self) -> anyhow::Result<()> {
        let url = self.config.database_url.as_ref().context("database_url is missing")?;
        // Not one of the pool's: an index of a large table takes longer than a request may, and so may the wait for another who migrates.
        let mut own = PgConnection::connect_with(&url.expose().parse()?)
            .await
            .context("the database")?;
        own.execute("SET statement_timeout = 0; SET lock_timeout = 0; SET idle_in_transaction_session_timeout = 0")
            .await?;
        turn_to_migrate(&mut own).await.context("the database")?;
        MIGRATIONS.run(&mut own).await.context("a migration")?;
        Ok(own.close().await?)
    }

    /// Whether every migration of this program was run. Others beside them are right: that is how servers are replaced one by one.
    ///
    /// # Errors
    /// The database's.
    pub async fn is_migrated(&self) -> sqlx::Result<bool> {
        // Not a checked query: the migrator makes this table, no migration does.
        let needed: Vec<i64> = MIGRATIONS.iter().map(|migration| migration.version).collect();
        let missing: Result<bool, _> = sqlx::query_scalar(
            "SELECT EXISTS (SELECT unnest($1) EXCEPT SELECT version FROM _sqlx_migrations WHERE success)",
        )
        .bind(needed)
        .fetch_one(&self.pool)
        .await;
        match missing {
            Ok(missing) => Ok(!missing),
            Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some(UNDEFINED_TABLE) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// One at a time, for as long as the connection is there. It asks again and again: who waits in the migrator's own lock holds a
/// snapshot, for which an index that is built concurrently waits in turn.
async fn turn_to_migrate(own: &mut PgConnection) -> sqlx::Result<()> {
    while !sqlx::query_scalar!(r#"SELECT pg_try_advisory_lock($1) AS "mine!""#, MIGRATION_LOCK)
        .fetch_one(&mut *own)
        .await?
    {
        tokio::time::sleep(MIGRATION_LOOK).await;
    }
    Ok(())
}

const UNDEFINED_TABLE: &str = "42P01";

fn options(config: &Config, url: &Secret) -> sqlx::Result<PgConnectOptions> {
    let options: PgConnectOptions = url.expose().parse()?;
    let options = options.application_name("atelier-server");
    if config.pgbouncer {
        return Ok(options);
    }
    let statement = config.statement_ms_max.to_string();
    // Lists walk an index in their order, and a bitmap gives none. For an owner with few rows, as most are, Postgres finds it cheaper by a
    // hair to fetch all of them and sort; a plan made for any owner would do that for one with many as well.
    Ok(options.options([
        ("enable_bitmapscan", "off"),
        ("statement_timeout", statement.as_str()),
        ("lock_timeout", statement.as_str()),
        ("idle_in_transaction_session_timeout", statement.as_str()),
    ]))
}

fn pool_options(config: &Config) -> PgPoolOptions {
    PgPoolOptions::new()
        .max_connections(config.connections_max)
        .acquire_timeout(CONNECTION_WAIT)
        .test_before_acquire(false)
        .before_acquire(|connection, metadata| {
            Box::pin(async move {
                if metadata.idle_for > CONNECTION_TRUSTED {
                    sqlx::Connection::ping(connection).await?;
                }
                Ok(true)
            })
        })
}

async fn pool(config: &Config, url: &Secret) -> sqlx::Result<PgPool> {
    pool_options(config).connect_with(options(config, url)?).await
}

/// A replica that is away when the server starts keeps nothing from starting.
fn pool_of_replica(config: &Config, url: &Secret) -> anyhow::Result<PgPool> {
    Ok(pool_options(config).connect_lazy_with(options(config, url).context("reads_url")?))
}

/// The key that was set, or one that is made once and kept in the data folder.
fn signing_key(config: &Config) -> anyhow::Result<OpeningKey> {
    if let Some(key) = &config.signing_key {
        return Ok(OpeningKey::try_from(key.expose().to_owned())?);
    }
    let path = config.data_folder.join("signing.key");
    if let Ok(key) = std::fs::read_to_string(&path) {
        return Ok(OpeningKey::try_from(key.trim().to_owned())?);
    }
    std::fs::create_dir_all(&config.data_folder)?;
    let key: [u8; 32] = rand::random();
    let key: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    // A file for its owner only, whole under its name or not there; whoever made one first is right.
    let file = tempfile::NamedTempFile::new_in(&config.data_folder)?;
    std::fs::write(file.path(), &key)?;
    match file.persist_noclobber(&path) {
        Ok(_) => Ok(OpeningKey::try_from(key)?),
        Err(_) => Ok(OpeningKey::try_from(std::fs::read_to_string(&path)?.trim().to_owned())?),
    }
}

/// Every resource brings its own.
fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .merge(sessions::router())
        .merge(users::router())
        .merge(tags::router())
        .merge(styles::router())
        .merge(artworks::router())
        .merge(uploads::router())
        .merge(generations::router())
        .merge(transactions::router())
        .merge(purchases::router())
        .merge(earnings::router())
        .merge(withdrawals::router())
        .merge(follows::router())
        .merge(likes::router())
        .merge(comments::router())
        .merge(notifications::router())
        .merge(feed::router())
        .merge(mutations::router())
}

/// All routes, and what every request goes through, the first line first.
pub fn router(app: App) -> Router {
    let (router, _) = routes().split_for_parts();
    let through = ServiceBuilder::new()
        .layer(from_fn(requests::follow))
        .layer(from_fn(requests::protect))
        .layer(from_fn(requests::one_form))
        .layer(CatchPanicLayer::custom(requests::after_panic))
        .layer(from_fn_with_state(app.clone(), limits::admit))
        .layer(from_fn_with_state(app.clone(), limits::in_time))
        .layer(DefaultBodyLimit::max(app.config.limits.body_bytes_max))
        .layer(from_fn_with_state(app.clone(), requests::objects_only));
    let router = if app.config.is_hosted() {
        router
    } else {
        router.merge(local::sign_in::router())
    };
    router
        .merge(openapi::router())
        .fallback(async || axum::http::StatusCode::NOT_FOUND)
        .layer(through)
        // Whoever looks after the process is never turned away.
        .merge(health::router())
        .with_state(app)
}

/// The description of all routes.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    openapi::complete(routes().split_for_parts().1)
}
