//! The `atelier` command: what the studio does, for people at a terminal and for scripts. A module a noun.
//!
//! Only this file reads the environment. What a command finds out goes to standard output, as words or with `--json` as one object;
//! how far it is and what went wrong go to standard error. Knows no tensor, no SQL and no server.

mod artwork;
mod bench;
mod context;
mod demo;
mod doctor;
mod generate;
mod inspect;
mod interrupt;
mod models;
mod output;
mod probe;
mod progress;
mod style;

use std::path::PathBuf;
use std::process::ExitCode;

use atelier_studio::contract::{Language, Refusal};
use atelier_studio::{Config, Error};
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use tracing_subscriber::EnvFilter;

use context::{Context, Device};
use output::Output;

/// Train a style on your own pictures and make pictures with it, on your own machine
#[derive(Debug, Parser)]
#[command(name = "atelier", version)]
struct Arguments {
    #[command(flatten)]
    everywhere: Everywhere,
    #[command(subcommand)]
    command: Command,
}

/// What they are called in every command's help.
const EVERYWHERE: &str = "Options of every command";

/// Arguments of every command.
#[derive(Debug, clap::Args)]
struct Everywhere {
    /// Folder of the library [default: $ATELIER_DATA, else the usual data folder]
    #[arg(long, global = true, value_name = "DIR", help_heading = EVERYWHERE)]
    data: Option<PathBuf>,
    /// Folder of what ships with Atelier [default: $ATELIER_RESOURCES, else beside the program]
    #[arg(long, global = true, value_name = "DIR", help_heading = EVERYWHERE)]
    resources: Option<PathBuf>,
    /// Device to work on [default: the best one that answers]
    #[arg(long, global = true, value_enum, value_name = "DEVICE", help_heading = EVERYWHERE)]
    device: Option<Device>,
    /// Print one JSON object instead of words
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show what this machine has: hardware, workers, memory, models, keyring, server
    Doctor,
    /// Base models: what pictures are made with and styles are trained on
    #[command(subcommand)]
    Models(models::Command),
    /// Styles: make, look at, train, take in and give away
    #[command(subcommand)]
    Style(style::Command),
    /// Artworks: what a style is trained from
    #[command(subcommand)]
    Artwork(artwork::Command),
    /// Make pictures from tags, with or without styles
    Generate(Box<generate::Arguments>),
    /// Show what made a picture, and whether it is still the same
    Inspect(inspect::Arguments),
    /// Train a style on the bundled artworks and lay out what it does, in a few minutes
    Demo(demo::Arguments),
    /// Run one part of a model on given tensors, to check it against another implementation
    #[command(after_long_help = probe::TENSORS, after_help = probe::TENSORS)]
    Probe(probe::Arguments),
    /// Measure speed and memory
    Bench(bench::Arguments),
}

/// Stack of a thread that runs a command: the futures of a training hold a lot.
const STACK_BYTES: usize = 8 << 20;

fn main() -> ExitCode {
    let matches = Arguments::command().after_long_help(exit_codes()).get_matches();
    let arguments = match Arguments::from_arg_matches(&matches) {
        Ok(arguments) => arguments,
        Err(error) => error.exit(),
    };
    let environment = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let path = |given: Option<PathBuf>, name: &str| given.or_else(|| environment(name).map(PathBuf::from));
    let locale = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().find_map(environment);
    let language = Language::of_locale(&locale.unwrap_or_default().to_string_lossy());
    // Failures are told as refusals; the log is for those who ask for it.
    let filter = environment("ATELIER_LOG").unwrap_or_else(|| "off".into());
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(filter.to_string_lossy()))
        .with_writer(std::io::stderr)
        .init();

    let everywhere = arguments.everywhere;
    let executable = std::env::current_exe().unwrap_or_default();
    let context = Context {
        config: Config::new(
            path(everywhere.data, "ATELIER_DATA"),
            path(everywhere.resources, "ATELIER_RESOURCES"),
            &executable,
        ),
        device: everywhere.device,
        output: Output {
            json: everywhere.json,
            language,
        },
    };
    match start(&context, arguments.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:?}");
            let refusal = error.refusal();
            context.output.refuse(&refusal);
            ExitCode::from(refusal.exit_code())
        }
    }
}

fn start(context: &Context, command: Command) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_stack_size(STACK_BYTES)
        .build()
        .map_err(|error| Refusal::Internal {
            reason: error.to_string(),
        })?;
    let ended = runtime.block_on(Box::pin(run(context, command)));
    // A driver or a keyring that does not answer must not keep the program from ending.
    runtime.shutdown_background();
    ended
}

async fn run(context: &Context, command: Command) -> Result<(), Error> {
    match command {
        Command::Doctor => doctor::run(context).await,
        Command::Models(command) => models::run(context, command).await,
        Command::Style(command) => style::run(context, command).await,
        Command::Artwork(command) => artwork::run(context, command).await,
        Command::Generate(arguments) => generate::run(context, *arguments).await,
        Command::Inspect(arguments) => inspect::run(context, &arguments),
        Command::Demo(arguments) => demo::run(context, arguments).await,
        Command::Probe(arguments) => probe::run(context, arguments).await,
        Command::Bench(arguments) => bench::run(context, arguments).await,
    }
}

/// What `atelier --help` says about how a command ends.
fn exit_codes() -> String {
    let mut text =
        "Exit codes, one for every kind of refusal:\n    0 done\n    2 the command was not understood\n".to_owned();
    for (code, exit) in Refusal::exit_codes() {
        text.push_str(&format!("  {exit:>3} {code}\n"));
    }
    text.push_str("\n$ATELIER_LOG=info writes a log to standard error, `debug` a longer one.");
    text
}
