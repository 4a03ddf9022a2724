//! `atelier-window`: reads arguments and environment, once, and opens the window.

#![cfg_attr(not(debug_assertions), windows_subsystem = "windows")]

use std::path::PathBuf;

use anyhow::Context;
use atelier_studio::Config;
use clap::Parser;

/// Stack of a thread that serves the window: the futures of a training hold a lot.
const STACK_BYTES: usize = 8 << 20;

/// Atelier's window
#[derive(Debug, Parser)]
#[command(name = "atelier-window", version)]
struct Arguments {
    /// Folder of the library [default: $ATELIER_DATA, else the usual data folder]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Folder of what ships with Atelier [default: $ATELIER_RESOURCES, else beside the program]
    #[arg(long, value_name = "DIR")]
    resources: Option<PathBuf>,
}

fn main() -> anyhow::Result<()> {
    #[cfg(target_os = "linux")]
    keep_webkit_from_measuring_itself();
    let arguments = Arguments::parse();
    let path = |given: Option<PathBuf>, name: &str| {
        let environment = || std::env::var_os(name).filter(|value| !value.is_empty());
        given.or_else(|| environment().map(PathBuf::from))
    };
    let executable = std::env::current_exe().context("the program does not know where it is")?;
    let config = Config::new(
        path(arguments.data, "ATELIER_DATA"),
        path(arguments.resources, "ATELIER_RESOURCES"),
        &executable,
    );
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_stack_size(STACK_BYTES)
        .build()
        .context("no threads to work with")?;
    tauri::async_runtime::set(runtime.handle().clone());
    atelier_window::run(config).context("the system gives no window")
}

/// WebKitGTK looks every 30 s at how much memory its page takes, to give some back beyond a third of the machine's. On the thread that
/// paints, it reads tens of thousands of lines in `/proc` for that, and nothing moves for 50 ms. The page is small and stays so.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "WebKitGTK takes this setting from the environment alone")]
fn keep_webkit_from_measuring_itself() {
    // SAFETY: it is the first thing that `main` does; no other thread runs yet.
    unsafe {
        std::env::set_var("WEBKIT_DISABLE_MEMORY_PRESSURE_MONITOR", "1");
    }
}
