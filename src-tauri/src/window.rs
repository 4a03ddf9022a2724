//! The one window: made hidden, shown once its page is there, raised by a second start, hidden at once when it is closed.

use std::time::Duration;

use atelier_studio::settings::{self, Settings};
use tauri::utils::config::Color;
use tauri::webview::{NewWindowResponse, PageLoadEvent};
use tauri::{App, AppHandle, Manager, Theme, Url, WebviewWindow, WebviewWindowBuilder, WindowEvent};

use crate::house::House;

#[cfg(target_os = "linux")]
mod webkit;

/// The window's name in `tauri.conf.json` and in its capabilities.
pub(crate) const LABEL: &str = "main";

/// A page that does not come is shown as it is after this: an empty window can be closed, an invisible one cannot.
const SHOW_TIMEOUT: Duration = Duration::from_secs(5);

/// What is behind the page until it is painted: `--ground` of the page's two themes.
const DARK: Color = Color(16, 16, 16, 255);
const LIGHT: Color = Color(245, 243, 238, 255);

/// Makes the window of `tauri.conf.json`. It is shown when its page is there.
pub(crate) fn create(app: &App, settings: &Settings) -> tauri::Result<()> {
    let mut windows = app.config().app.windows.iter();
    let config = windows
        .find(|window| window.label == LABEL)
        .ok_or(tauri::Error::WindowNotFound)?;
    let window = WebviewWindowBuilder::from_config(app, config)?
        .theme(frame(settings.theme))
        .initialization_script(first_words(settings)?)
        .on_navigation(is_our_page)
        .on_new_window(|_, _| NewWindowResponse::Deny)
        .on_page_load(|window, load| {
            if load.event() == PageLoadEvent::Finished {
                #[cfg(target_os = "linux")]
                webkit::demote_threads();
                show(&window);
            }
        })
        .build()?;
    #[cfg(target_os = "linux")]
    webkit::tune(&window)?;
    let behind = match window.theme()? {
        Theme::Light => LIGHT,
        _ => DARK,
    };
    window.set_background_color(Some(behind))?;
    let closing = app.handle().clone();
    window.on_window_event(move |event| {
        if let WindowEvent::CloseRequested { api, .. } = event {
            api.prevent_close();
            close(&closing);
        }
    });
    tauri::async_runtime::spawn(async move {
        tokio::time::sleep(SHOW_TIMEOUT).await;
        show(&window);
    });
    Ok(())
}

/// What the page knows before it asks: theme and language, so that it is painted in them from the first frame on.
fn first_words(settings: &Settings) -> serde_json::Result<String> {
    Ok(format!(
        "window.atelierSettings = {};",
        serde_json::to_string(settings)?
    ))
}

/// Dresses the window's frame in a theme; the page dresses itself.
pub(crate) fn wear(app: &AppHandle, theme: settings::Theme) {
    let Some(window) = app.get_webview_window(LABEL) else {
        return;
    };
    if let Err(error) = window.set_theme(frame(theme)) {
        tracing::warn!("the window keeps its theme: {error}");
    }
}

/// `None` lets the system choose.
fn frame(theme: settings::Theme) -> Option<Theme> {
    match theme {
        settings::Theme::System => None,
        settings::Theme::Light => Some(Theme::Light),
        settings::Theme::Dark => Some(Theme::Dark),
    }
}

/// Whether the person has the window before their eyes.
pub(crate) fn is_looked_at(app: &AppHandle) -> bool {
    app.get_webview_window(LABEL)
        .is_some_and(|window| window.is_visible().unwrap_or(false) && window.is_focused().unwrap_or(false))
}

/// Brings the window to the front, for a second start.
pub(crate) fn raise(app: &AppHandle) {
    let Some(window) = app.get_webview_window(LABEL) else {
        return;
    };
    let raised = window
        .unminimize()
        .and_then(|()| window.show())
        .and_then(|()| window.set_focus());
    if let Err(error) = raised {
        tracing::warn!("the window cannot be raised: {error}");
    }
}

/// The page never leaves what is built in; links of the world open in the person's browser.
fn is_our_page(url: &Url) -> bool {
    let ours = url.scheme() == "tauri" || url.host_str() == Some("tauri.localhost");
    let developed = cfg!(dev) && url.host_str() == Some("localhost");
    ours || developed
}

/// A window that was closed stays out of sight, whoever meant to show it.
fn show(window: &WebviewWindow) {
    if window.state::<House>().is_closing() {
        return;
    }
    if let Err(error) = window.show() {
        tracing::warn!("the window cannot be shown: {error}");
    }
}

/// Out of sight at once; gone when the job that runs has kept what it can go on from. Who starts the program meanwhile gets a window of
/// its own, which waits for the library: this one is never seen again.
pub(crate) fn close(app: &AppHandle) {
    tauri_plugin_single_instance::destroy(app);
    if let Some(Err(error)) = app.get_webview_window(LABEL).map(|window| window.hide()) {
        tracing::warn!("the window cannot be hidden: {error}");
    }
    let app = app.clone();
    tauri::async_runtime::spawn(async move {
        app.state::<House>().close().await;
        app.exit(0);
    });
}
