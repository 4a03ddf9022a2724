//! What the system asks of the program: to end, as it does when the person logs out. Answered as a closed window is.

use tauri::AppHandle;

use crate::window;

/// Ends the program in order when the system asks for it.
#[cfg(unix)]
pub(crate) fn listen(app: AppHandle) {
    use tokio::signal::unix::{SignalKind, signal};
    tauri::async_runtime::spawn(async move {
        let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
        else {
            tracing::warn!("signals cannot be heard");
            return;
        };
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        window::close(&app);
    });
}

/// Windows closes the window itself, which is heard there.
#[cfg(not(unix))]
pub(crate) fn listen(_app: AppHandle) {}
