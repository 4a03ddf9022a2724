//! The `atelier-server` command.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use atelier_server::app::{self, App};
use atelier_server::config::Config;
use atelier_server::sweeps;
use clap::{Parser, Subcommand};

/// How often the sweeps run.
const SWEEP_EVERY: Duration = Duration::from_secs(30);

/// Atelier's sync server.
#[derive(Parser)]
struct Arguments {
    /// A TOML file of settings; the environment (`ATELIER_…`) goes over it.
    #[arg(long)]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve until asked to stop.
    Serve,
    /// Bring the tables up to date.
    Migrate,
    /// Write the description of all routes to a file.
    Openapi {
        /// Where to.
        file: PathBuf,
    },
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    if let Command::Openapi { file } = arguments.command {
        return std::fs::write(&file, app::openapi().to_pretty_json()?).context("the file");
    }
    let app = App::connect(Config::read(arguments.config.as_deref())?).await?;
    app.migrate().await?;
    if matches!(arguments.command, Command::Serve) {
        serve(app).await?;
    }
    Ok(())
}

async fn serve(app: App) -> anyhow::Result<()> {
    let listener = tokio::net::TcpListener::bind(app.config.listen).await.context("listen")?;
    tracing::info!(address = %listener.local_addr()?, "listening");
    tokio::spawn(sweep(app.clone()));
    axum::serve(listener, app::router(app))
        .with_graceful_shutdown(async {
            let _ = tokio::signal::ctrl_c().await;
        })
        .await
        .context("serving")
}

async fn sweep(app: App) {
    let mut clock = tokio::time::interval(SWEEP_EVERY);
    loop {
        clock.tick().await;
        if let Err(error) = sweeps::run_all(&app).await {
            tracing::error!(%error, "a sweep failed");
        }
    }
}
