//! The window's shell: every command of the page is a line or two onto the studio, every event one that the studio told.
//!
//! The page gets words, numbers and ids; pictures it gets by id over a protocol of their own ([`pictures`]). What it may ask beside the
//! commands here stands in `capabilities/main.json`. The shell decides nothing: it neither knows what a job is nor what a style needs.

mod commands;
mod events;
mod failure;
mod handover;
mod house;
mod pictures;
mod signals;
mod window;

use std::fs;
use std::path::Path;

use atelier_studio::{Config, settings};
use tauri::{AppHandle, Manager, RunEvent, Wry};
use tauri_plugin_log::log::LevelFilter;
use tauri_plugin_log::{RotationStrategy, Target, TargetKind, TimezoneStrategy};
use tauri_plugin_window_state::StateFlags;

use handover::Clipboard;
use house::House;

/// Most bytes of one log file, and how many old ones are kept.
const LOG_BYTES_MAX: u128 = 2 << 20;
const LOGS_KEPT: usize = 4;

/// Commands, events and types as the page knows them: what `ui/src/lib/bindings.ts` is written from.
#[must_use]
pub fn bindings() -> tauri_specta::Builder<Wry> {
    tauri_specta::Builder::new()
        .commands(commands::all())
        .events(events::all())
        .disable_serde_phases()
        .dangerously_cast_bigints_to_number()
        // What is computed here is a number; without this every `f64` would be one that may be `null`.
        .semantic_types(specta_typescript::semantic::Configuration::empty().enable_lossless_floats())
}

/// Opens the window and stays until it is closed. A second program with the same library raises the first one's window and ends at once.
///
/// # Errors
/// [`tauri::Error`] when the system gives no window.
pub fn run(config: Config) -> tauri::Result<()> {
    let bindings = bindings();
    let app = tauri::Builder::default()
        // First of all: what comes after it is for the first instance alone.
        .plugin(single_instance(&config))
        .plugin(log(&config))
        .plugin(
            tauri_plugin_window_state::Builder::new()
                .with_state_flags(remembered())
                .build(),
        )
        .plugin(tauri_plugin_dialog::init())
        .plugin(tauri_plugin_opener::init())
        .plugin(tauri_plugin_notification::init())
        .register_asynchronous_uri_scheme_protocol(pictures::SCHEME, pictures::serve)
        .invoke_handler(bindings.invoke_handler())
        .setup(move |app| {
            bindings.mount_events(app);
            let settings = settings::load(&config).unwrap_or_default();
            app.manage(House::new(config, app.handle().clone()));
            app.manage(Clipboard::default());
            open_early(app.handle().clone());
            signals::listen(app.handle().clone());
            window::create(app, &settings)?;
            Ok(())
        })
        .build(tauri::generate_context!())?;
    app.run(|app, event| {
        // Where a program is quit without its window being closed, as by a menu of macOS.
        if matches!(event, RunEvent::Exit) {
            tauri::async_runtime::block_on(app.state::<House>().close());
        }
    });
    Ok(())
}

/// One window a library. On Linux the bus has a name for each; elsewhere the program is one, whatever its library.
fn single_instance(config: &Config) -> tauri::plugin::TauriPlugin<Wry> {
    tauri_plugin_single_instance::Builder::new()
        .dbus_id(house::bus_name(&config.data))
        .callback(|app, _arguments, _folder| window::raise(app))
        .build()
}

fn log(config: &Config) -> tauri::plugin::TauriPlugin<Wry> {
    let mut targets = vec![Target::new(TargetKind::Stderr)];
    let (folder, name) = (house::logs(config), "atelier");
    // The window opens also where nothing can be written: it says so.
    if may_append(&folder, name).is_ok() {
        targets.push(Target::new(TargetKind::Folder {
            path: folder,
            file_name: Some(name.into()),
        }));
    }
    tauri_plugin_log::Builder::new()
        .level(LevelFilter::Warn)
        .level_for("atelier_window", LevelFilter::Info)
        .level_for("atelier_studio", LevelFilter::Info)
        .level_for("atelier_worker_protocol", LevelFilter::Info)
        .max_file_size(LOG_BYTES_MAX)
        .rotation_strategy(RotationStrategy::KeepSome(LOGS_KEPT))
        .timezone_strategy(TimezoneStrategy::UseUtc)
        .targets(targets)
        .build()
}

fn may_append(folder: &Path, name: &str) -> std::io::Result<()> {
    fs::create_dir_all(folder)?;
    let file = folder.join(name).with_extension("log");
    fs::File::options().create(true).append(true).open(file)?;
    Ok(())
}

/// Where the window was and how big; whether it can be seen is ours to say.
fn remembered() -> StateFlags {
    StateFlags::all() - StateFlags::VISIBLE - StateFlags::DECORATIONS
}

/// Opens the library while the page is still being loaded. Who asks for it is told if that fails.
fn open_early(app: AppHandle) {
    tauri::async_runtime::spawn(async move {
        if let Err(refusal) = app.state::<House>().studio().await {
            tracing::error!("the studio does not open: {refusal:?}");
        }
    });
}
