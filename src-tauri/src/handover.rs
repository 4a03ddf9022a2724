//! Pictures handed to other programs: over the clipboard, or dragged out of the window.

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use arboard::ImageData;
use atelier_studio::contract::Refusal;
use atelier_studio::{Config, Error};
use tauri::{AppHandle, Manager};

use crate::failure;
use crate::window;

#[cfg(target_os = "linux")]
mod gtk;

/// The system's clipboard. Kept while the window is open: on Linux whoever copied hands the picture over when it is asked for.
#[derive(Default)]
pub(crate) struct Clipboard(Arc<Mutex<Option<arboard::Clipboard>>>);

impl Clipboard {
    /// Copies the picture in a file.
    pub(crate) async fn copy(&self, file: PathBuf) -> Result<(), Refusal> {
        let kept = Arc::clone(&self.0);
        let copied = tauri::async_runtime::spawn_blocking(move || {
            let pixels = image::open(&file)
                .map_err(|error| failure::internal(&error))?
                .into_rgba8();
            let (width, height) = (pixels.width() as usize, pixels.height() as usize);
            let bytes = pixels.into_raw().into();
            let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
            let clipboard = match &mut *kept {
                Some(clipboard) => clipboard,
                none => none.insert(arboard::Clipboard::new().map_err(|error| failure::internal(&error))?),
            };
            let picture = ImageData { width, height, bytes };
            clipboard.set_image(picture).map_err(|error| failure::internal(&error))
        });
        copied.await.map_err(|error| failure::internal(&error))?
    }
}

/// Where the files lie that are being dragged, under names that say what they are; emptied before each.
pub(crate) fn folder(config: &Config) -> Result<PathBuf, Refusal> {
    let folder = config.data.join("dragged");
    let emptied = match fs::remove_dir_all(&folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    };
    match emptied.and_then(|()| fs::create_dir_all(&folder)) {
        Ok(()) => Ok(folder),
        Err(source) => Err(Error::File { path: folder, source }.into()),
    }
}

/// Lets the person drag files out of the window. The system says when they are dropped; nothing waits for it here.
pub(crate) fn drag(app: &AppHandle, files: Vec<PathBuf>) -> Result<(), Refusal> {
    let handle = app.clone();
    let begun = app.run_on_main_thread(move || {
        if let Err(error) = begin(&handle, files) {
            tracing::warn!("nothing can be dragged: {error}");
        }
    });
    begun.map_err(|error| failure::internal(&error))
}

#[cfg(target_os = "linux")]
fn begin(app: &AppHandle, files: Vec<PathBuf>) -> Result<(), Box<dyn std::error::Error>> {
    match app.get_webview_window(window::LABEL) {
        Some(window) => gtk::drag(&window.gtk_window()?, &files),
        None => Ok(()),
    }
}

#[cfg(not(target_os = "linux"))]
fn begin(app: &AppHandle, files: Vec<PathBuf>) -> Result<(), Box<dyn std::error::Error>> {
    let Some(window) = app.get_webview_window(window::LABEL) else {
        return Ok(());
    };
    let picture = drag::Image::File(files.first().cloned().unwrap_or_default());
    drag::start_drag(
        &window,
        drag::DragItem::Files(files),
        picture,
        |_, _| {},
        drag::Options::default(),
    )?;
    Ok(())
}
