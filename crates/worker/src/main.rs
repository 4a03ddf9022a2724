//! The process that owns the device: reads requests from standard input, does one job at a time, tells on standard output.
//!
//! It ends with whoever started it, and nothing is lost when it is killed: files are written whole, training goes on from a checkpoint.

mod adapters;
mod arguments;
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

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::Arc;

use arguments::Arguments;
use atelier_worker_protocol::{Event, Hello, PROTOCOL_VERSION};
use desk::Desk;
use tracing_subscriber::EnvFilter;
use voice::Voice;

/// Backward passes go deep.
const STACK_BYTES: usize = 64 << 20;
/// What a shell expects of a program that was called the wrong way.
const WRONGLY_CALLED: u8 = 2;

fn main() -> ExitCode {
    keep_candle_from_spinning();
    end_with_parent();
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .init();
    let arguments = match Arguments::read(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(unknown) => {
            tracing::error!("{unknown}");
            return ExitCode::from(WRONGLY_CALLED);
        }
    };
    let worker = std::thread::Builder::new()
        .name("jobs".into())
        .stack_size(STACK_BYTES)
        .spawn(move || run(arguments));
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

fn run(arguments: Arguments) -> anyhow::Result<()> {
    let voice = Voice::new();
    let desk = Arc::new(Desk::new(voice.clone()));
    let reader = Arc::clone(&desk);
    // Before the device is opened, which can take long: who started this may be gone meanwhile.
    std::thread::Builder::new().name("requests".into()).spawn(move || {
        let read = catch_unwind(AssertUnwindSafe(|| reader.read(&mut std::io::stdin().lock())));
        // Without a reader nobody could cancel, and nobody would notice the end of the studio.
        read.unwrap_or_else(|_panic| std::process::abort())
    })?;
    let opened = device::open(arguments.device)?;
    voice.say(&Event::Ready(Hello {
        protocol: PROTOCOL_VERSION,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        backend: device::backend(&opened),
        device: device::facts(&opened),
    }));
    jobs::work(&desk, &voice, opened.device);
    Ok(())
}

/// candle shares element-wise work among threads that wait for each other without sleeping. Where anything else runs on the machine, that took
/// more than half of the processor's time; the engine's own kernels, which do nearly all the work, share theirs in another way.
#[expect(unsafe_code, reason = "candle takes this setting from the environment alone")]
fn keep_candle_from_spinning() {
    // SAFETY: it is the first thing that `main` does; no other thread runs yet.
    unsafe {
        std::env::set_var("CANDLE_NUM_THREADS", "1");
    }
}

/// Ends the process now, whatever its other threads do. Nothing is cleaned up, as a driver might wait for the computation then.
pub(crate) fn leave(code: i32) -> ! {
    #[cfg(unix)]
    #[expect(unsafe_code, reason = "a system call that touches no memory")]
    // SAFETY: it takes a plain number and does not return.
    unsafe {
        libc::_exit(code)
    }
    #[cfg(not(unix))]
    std::process::exit(code)
}

/// Lets the kernel end this process with the one that started it (strictly: with its thread that did). Other systems are told by the end
/// of standard input.
#[cfg(target_os = "linux")]
fn end_with_parent() {
    let parent = std::os::unix::process::parent_id();
    #[expect(unsafe_code, reason = "a system call that touches no memory")]
    // SAFETY: it takes plain numbers.
    unsafe {
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
    }
    // It died before the kernel was told. If it did so before this function began, the end of standard input tells.
    if std::os::unix::process::parent_id() != parent {
        leave(0);
    }
}

#[cfg(not(target_os = "linux"))]
fn end_with_parent() {}
