//! What WebKitGTK cannot know by itself: how little the page needs to be kept, whether a GPU is there to paint it, and that none of its
//! threads may go before the one that paints.

use std::path::Path;

use tauri::WebviewWindow;
use webkit2gtk::{CacheModel, HardwareAccelerationPolicy, SettingsExt, WebContextExt, WebViewExt};

/// Sets the page's engine up for one page whose pictures come from this machine's disk.
pub(super) fn tune(window: &WebviewWindow) -> tauri::Result<()> {
    window.with_webview(|webview| {
        let view = webview.inner();
        if let Some(context) = view.context() {
            // A picture costs a few milliseconds to read again; kept ones cost hundreds of megabytes.
            context.set_cache_model(CacheModel::DocumentViewer);
        }
        if let Some(settings) = view.settings().filter(|_| !has_gpu()) {
            // OpenGL computed on the processor paints a screen of pictures four times slower than no OpenGL does.
            settings.set_hardware_acceleration_policy(HardwareAccelerationPolicy::Never);
        }
    })
}

/// Takes real-time priority from the threads of this process. WebKit gives it to those that carry messages to and from the page, where the
/// system lets it (root, and whoever has RealtimeKit, as most desktops do). They wait for a lock of WebKit's allocator by `sched_yield`, and
/// a real-time thread yields to no ordinary one: if the lock's holder was interrupted on the same processor, the window stands still until
/// the kernel moves it to another, for up to 100 ms. WebKit raises them before a page is loaded and again with each new process of a page.
pub(super) fn demote_threads() {
    let threads = std::fs::read_dir("/proc/self/task").into_iter().flatten();
    let ids = threads.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    for id in ids.filter(|&id| is_real_time(id)) {
        demote(id);
    }
}

fn is_real_time(thread: libc::pid_t) -> bool {
    #[expect(unsafe_code, reason = "a system call that touches no memory")]
    // SAFETY: it takes a plain number.
    let policy = unsafe { libc::sched_getscheduler(thread) };
    policy >= 0 && matches!(policy & !libc::SCHED_RESET_ON_FORK, libc::SCHED_RR | libc::SCHED_FIFO)
}

/// As WebKit itself does it with a thread that used up its real time; only root may take `SCHED_RESET_ON_FORK` back.
fn demote(thread: libc::pid_t) {
    let policy = libc::SCHED_OTHER | libc::SCHED_RESET_ON_FORK;
    #[expect(unsafe_code, reason = "a system call")]
    // SAFETY: `sched_param` is plain numbers, and the call reads it while it is borrowed.
    let refused = unsafe {
        let ordinary: libc::sched_param = std::mem::zeroed();
        libc::sched_setscheduler(thread, policy, &raw const ordinary)
    };
    if refused != 0 {
        let error = std::io::Error::last_os_error();
        tracing::debug!("thread {thread} keeps its real-time priority: {error}");
    }
}

/// Whether any driver offers to paint: the kernel's, or NVIDIA's own.
fn has_gpu() -> bool {
    let kernels = std::fs::read_dir("/dev/dri").into_iter().flatten();
    let renders = |name: std::ffi::OsString| name.to_string_lossy().starts_with("renderD");
    kernels.filter_map(Result::ok).any(|entry| renders(entry.file_name())) || Path::new("/dev/nvidia0").exists()
}
