//! The `atelier-server` command.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, bail, ensure};
use atelier_server::app::{self, App};
use atelier_server::config::{Config, LogFormat};
use atelier_server::load::{self, Load};
use atelier_server::local::postgres::Cluster;
use atelier_server::operators::{generation, refund, style, tag, user, withdrawal};
use atelier_server::{connections, metrics, reconcile, sweeps};
use clap::{Args, Parser, Subcommand};
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

/// Atelier's sync server.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// A TOML file of settings; the environment (`ATELIER_…`) goes over it.
    #[arg(long, global = true)]
    config: Option<PathBuf>,
    /// Use the private database in the data folder, even if `DATABASE_URL` names another.
    #[arg(long, global = true)]
    embedded: bool,
    /// The data folder, in place of that of the settings.
    #[arg(long, global = true)]
    data: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve until asked to stop.
    Serve {
        /// Where to listen, in place of that of the settings. Port 0 takes a free one; the first line of the output says which.
        #[arg(long)]
        listen: Option<SocketAddr>,
    },
    /// Bring the tables up to date.
    Migrate,
    /// Say which database it is, compare every balance with its entries, and name each difference; fails when there is one.
    Reconcile,
    /// Write the description of all routes.
    Openapi {
        /// Where to; the standard output when absent.
        file: Option<PathBuf>,
    },
    /// Fill an empty development database with data to measure with.
    Load(Amounts),
    /// Show, suspend and rename users.
    #[command(subcommand)]
    User(user::UserCommand),
    /// Flag styles and take them out of use.
    #[command(subcommand)]
    Style(style::StyleCommand),
    /// Take tags out of use.
    #[command(subcommand)]
    Tag(tag::TagCommand),
    /// Decide reviews and hide pictures.
    #[command(subcommand)]
    Generation(generation::GenerationCommand),
    /// Give money for tokens back, and correct balances.
    #[command(subcommand)]
    Refund(refund::RefundCommand),
    /// Decide withdrawals.
    #[command(subcommand)]
    Withdrawal(withdrawal::WithdrawalCommand),
}

#[derive(Debug, Args)]
struct Amounts {
    /// People.
    #[arg(long, default_value_t = 100_000)]
    users: i64,
    /// Styles.
    #[arg(long, default_value_t = 10_000)]
    styles: i64,
    /// Pictures.
    #[arg(long, default_value_t = 1_000_000)]
    generations: i64,
}

fn main() -> ExitCode {
    match start(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The whole chain in one line: what was tried, and why it failed.
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn start(arguments: Arguments) -> anyhow::Result<()> {
    if let Command::Openapi { file } = &arguments.command {
        return describe(file.as_deref());
    }
    let mut config = Config::read(arguments.config.as_deref())?;
    if let Some(data) = &arguments.data {
        config.data_folder.clone_from(data);
    }
    if let Command::Serve { listen: Some(listen) } = arguments.command {
        config.listen = listen;
    }
    if arguments.embedded {
        config.database_url = None;
    }
    config.check()?;
    log(config.log);
    // Ends after everything that uses it.
    let cluster = if config.database_url.is_none() {
        Some(private_database(&mut config)?)
    } else {
        None
    };
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(run(arguments.command, config, cluster.is_some()))
}

async fn run(command: Command, config: Config, private: bool) -> anyhow::Result<()> {
    let app = App::connect(config).await?;
    if private || matches!(command, Command::Migrate) {
        app.migrate().await?;
    }
    if !app.is_migrated().await? {
        bail!("the tables are older than this program: run `atelier-server migrate` first");
    }
    match command {
        Command::Serve { .. } => serve(app).await,
        Command::Migrate => Ok(()),
        Command::Reconcile => {
            show(&[reconcile::named(&app.pool).await?])?;
            let differences = reconcile::reconcile(&app.pool).await?;
            show(&differences)?;
            ensure!(differences.is_empty(), "{} differences", differences.len());
            Ok(())
        }
        Command::Openapi { .. } => unreachable!("needs no database, and was done without"),
        Command::Load(Amounts {
            users,
            styles,
            generations,
        }) => {
            if app.config.is_hosted() {
                bail!("that is for development databases only");
            }
            load::fill(
                &app.pool,
                Load {
                    users,
                    styles,
                    generations,
                },
            )
            .await
        }
        Command::User(command) => show(&user::run(&app, command).await?),
        Command::Style(command) => Ok(style::run(&app, command).await?),
        Command::Tag(command) => Ok(tag::run(&app, command).await?),
        Command::Generation(command) => show(&generation::run(&app, command).await?),
        Command::Refund(command) => show(&refund::run(&app, command).await?),
        Command::Withdrawal(command) => show(&withdrawal::run(&app, command).await?),
    }
}

/// Starts the private database and names it in the settings.
fn private_database(config: &mut Config) -> anyhow::Result<Cluster> {
    let cluster = Cluster::open(&config.data_folder.join("postgres"), &[]).context("the private database")?;
    cluster.make_database("atelier")?;
    config.database_url = Some(cluster.url("atelier").into());
    Ok(cluster)
}

async fn serve(mut app: App) -> anyhow::Result<()> {
    metrics::install();
    let listener = TcpListener::bind(app.config.listen)
        .await
        .with_context(|| format!("listen on {}", app.config.listen))?;
    let address = listener.local_addr()?;
    // Port 0 has become one that can be named.
    Arc::make_mut(&mut app.config).listen = address;
    tokio::spawn(stop_when_asked(app.clone()));
    tokio::spawn(sweeps::run_by_the_clock(app.clone()));
    tokio::spawn(app.gate.clone().forget());
    if let Some(metrics_address) = app.config.metrics_listen {
        let listener = TcpListener::bind(metrics_address).await.context("metrics_listen")?;
        let router = metrics::router(app.clone());
        let closing = app.closing.clone().cancelled_owned();
        tokio::spawn(
            axum::serve(listener, router)
                .with_graceful_shutdown(closing)
                .into_future(),
        );
    }
    tracing::info!(%address, "listening");
    show(&[format!("listening on http://{address}")])?;
    let (config, closing) = (app.config.clone(), app.closing.clone());
    connections::serve(listener, app::router(app), &config.limits, closing).await;
    Ok(())
}

async fn stop_when_asked(app: App) {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        tracing::error!("signals cannot be heard: only a kill ends this process");
        return;
    };
    tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
    tracing::info!("stopping");
    app.stopping.cancel();
    tokio::time::sleep(app.config.lame_duck()).await;
    app.closing.cancel();
}

fn describe(file: Option<&std::path::Path>) -> anyhow::Result<()> {
    let json = app::openapi().to_pretty_json()?;
    match file {
        Some(file) => std::fs::write(file, json + "\n").with_context(|| file.display().to_string()),
        None => show(&[json]),
    }
}

fn show(lines: &[String]) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    for line in lines {
        writeln!(out, "{line}")?;
    }
    Ok(out.flush()?)
}

fn log(format: LogFormat) {
    let filter = EnvFilter::try_from_env("ATELIER_LOG_FILTER")
        .unwrap_or_else(|_| EnvFilter::new("info,sqlx::postgres::notice=warn"));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    match format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().init(),
    }
}
