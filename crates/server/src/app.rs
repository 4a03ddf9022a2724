//! What every handler has, and the routes put together.

use std::sync::Arc;

use anyhow::Context as _;
use axum::Router;
use secrecy::ExposeSecret as _;
use sqlx::PgPool;
use sqlx::migrate::Migrator;
use sqlx::postgres::PgPoolOptions;
use utoipa_axum::router::OpenApiRouter;

use crate::config::Config;
use crate::objects::Objects;
use crate::resources::{artworks, generations, styles, tags, uploads};
use crate::signer::Signer;

static MIGRATIONS: Migrator = sqlx::migrate!("../../migrations/server");

/// What every handler has. Cheap to clone.
#[derive(Debug, Clone)]
pub struct App {
    /// The database.
    pub pool: PgPool,
    /// A replica of it for public lists, or the same.
    pub reads: PgPool,
    /// What the operator set.
    pub config: Arc<Config>,
    /// The object store.
    pub objects: Objects,
    /// The server's key.
    pub signer: Arc<Signer>,
}

impl App {
    /// Connects to what `config` names.
    ///
    /// # Errors
    /// When something cannot be reached or is not what it should be; names it.
    pub async fn connect(config: Config) -> anyhow::Result<Self> {
        let pool = PgPoolOptions::new()
            .max_connections(config.connections_max)
            .connect(config.database_url.expose_secret())
            .await
            .context("the database")?;
        let reads = match &config.reads_url {
            Some(url) => PgPoolOptions::new()
                .max_connections(config.connections_max)
                .connect(url.expose_secret())
                .await
                .context("the read replica")?,
            None => pool.clone(),
        };
        let secret: String = config.signing_key.expose_secret().to_owned();
        let secret = atelier_contract::OpeningKey::try_from(secret).context("signing_key")?;
        Ok(Self {
            pool,
            reads,
            objects: Objects::in_folder(&config.objects_folder).context("objects_folder")?,
            signer: Arc::new(Signer::new(secret.as_bytes())),
            config: Arc::new(config),
        })
    }

    /// Brings the tables up to date.
    ///
    /// # Errors
    /// When a migration fails.
    pub async fn migrate(&self) -> anyhow::Result<()> {
        MIGRATIONS.run(&self.pool).await.context("a migration")
    }
}

fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .merge(tags::router())
        .merge(styles::router())
        .merge(artworks::router())
        .merge(uploads::router())
        .merge(generations::router())
}

/// All routes.
pub fn router(app: App) -> Router {
    let (router, _) = routes().split_for_parts();
    router.with_state(app)
}

/// The description of all routes.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    routes().split_for_parts().1
}
