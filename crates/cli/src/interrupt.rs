//! Ctrl-C, and the same from another program: the first asks the work to stop well, the second ends the program.

use atelier_studio::worker::Wish;
use tokio::sync::watch;

use crate::output::Output;

/// What a shell says of a program that Ctrl-C ended.
const INTERRUPTED: i32 = 130;

/// Becomes `wish` at the first Ctrl-C.
pub(crate) fn listen(output: Output, wish: Wish) -> watch::Receiver<Wish> {
    let (sender, receiver) = watch::channel(Wish::Run);
    tokio::spawn(async move {
        interrupted().await;
        output.note(match wish {
            Wish::Pause => "pausing after this step; Ctrl-C again ends at once",
            Wish::Run | Wish::Cancel => "stopping; Ctrl-C again ends at once",
        });
        sender.send_replace(wish);
        interrupted().await;
        // The library and the checkpoints are made for a program that ends at any point; the worker ends with it.
        std::process::exit(INTERRUPTED);
    });
    receiver
}

#[cfg(unix)]
async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return wait_for_ctrl_c().await;
    };
    tokio::select! {
        () = wait_for_ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}

#[cfg(not(unix))]
async fn interrupted() {
    wait_for_ctrl_c().await;
}

async fn wait_for_ctrl_c() {
    if tokio::signal::ctrl_c().await.is_err() {
        // Nothing will ever come; then nothing is to be done about it either.
        std::future::pending::<()>().await;
    }
}
