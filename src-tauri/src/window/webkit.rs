//! What WebKitGTK cannot know by itself: how little the page needs to be kept, and whether a GPU is there to paint it.

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

/// Whether any driver offers to paint: the kernel's, or NVIDIA's own.
fn has_gpu() -> bool {
    let kernels = std::fs::read_dir("/dev/dri").into_iter().flatten();
    let renders = |name: std::ffi::OsString| name.to_string_lossy().starts_with("renderD");
    kernels.filter_map(Result::ok).any(|entry| renders(entry.file_name())) || Path::new("/dev/nvidia0").exists()
}
