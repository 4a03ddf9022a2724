//! The process that owns the device: reads requests from standard input, does one job at a time, tells on standard output.
//!
//! It ends with whoever started it, and nothing is lost when it is killed: files are written whole, training goes on from a checkpoint.

mod bench;
mod check;
mod desk;
mod device;
mod failures;
mod generate;
mod jobs;
mod models;
mod probe;
mod train;
mod voice;

use std::process::ExitCode;
use std::sync::Arc;

use atelier_worker_protocol::{Event, Hello, PROTOCOL_VERSION};
use desk::Desk;
use tracing_subscriber::EnvFilter;
use voice::Voice;

/// Backward passes go deep.
const STACK_BYTES: usize = 64 << 20;

fn main() -> ExitCode {
    end_with_parent();
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .init();
    let worker = std::thread::Builder::new()
        .name("jobs".into())
        .stack_size(STACK_BYTES)
        .spawn(run);
    match worker.map(std::thread::JoinHandle::join) {
        Ok(Ok(Ok(()))) => ExitCode::SUCCESS,
        Ok(Ok(Err(error))) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
        Ok(Err(_panicked)) => ExitCode::FAILURE,
        Err(error) => {
            tracing::error!("no thread could be started: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<()> {
    let opened = atelier_engine::device::open()?;
    let voice = Voice::new();
    voice.say(&Event::Ready(Hello {
        protocol: PROTOCOL_VERSION,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        backend: device::backend(),
        device: device::facts(&opened),
    }));
    let desk = Arc::new(Desk::new(voice.clone()));
    let reader = Arc::clone(&desk);
    std::thread::Builder::new()
        .name("requests".into())
        .spawn(move || reader.read(&mut std::io::stdin().lock()))?;
    jobs::work(&desk, &voice, opened.device);
    Ok(())
}

/// Lets the kernel end this process with the one that started it. Other systems are told by the end of standard input.
#[cfg(target_os = "linux")]
fn end_with_parent() {
    #[expect(unsafe_code, reason = "a system call that touches no memory")]
    // SAFETY: both calls take plain numbers.
    let orphaned = unsafe {
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
        libc::getppid() == 1
    };
    if orphaned {
        // It died before the kernel was told; standard input says so too.
        tracing::debug!("started by nobody, or by the first process");
    }
}

#[cfg(not(target_os = "linux"))]
fn end_with_parent() {}
