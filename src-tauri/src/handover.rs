//! Pictures handed to other programs: over the clipboard, or dragged out of the window.

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arboard::ImageData;
use atelier_studio::contract::{GenerationId, Refusal};
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

/// Most pictures of one drag: they are copied while the hand waits.
const DRAG_LEN_MAX: usize = 100;
/// Drags since the start.
static DRAGS: AtomicU32 = AtomicU32::new(0);

/// # Errors
/// [`Refusal::NumberOutOfRange`].
pub(crate) fn check_len(pictures: &[GenerationId]) -> Result<(), Refusal> {
    if (1..=DRAG_LEN_MAX).contains(&pictures.len()) {
        return Ok(());
    }
    Err(Refusal::NumberOutOfRange {
        name: "pictures".to_owned(),
        value: pictures.len().to_string(),
        min: "1".to_owned(),
        max: DRAG_LEN_MAX.to_string(),
    })
}

/// Where the files of one drag lie, under names that say what they are: a folder of its own, since another program may still be reading
/// those of the drag before.
pub(crate) fn folder(config: &Config) -> Result<PathBuf, Refusal> {
    let folder = dragged(config).join(DRAGS.fetch_add(1, Ordering::Relaxed).to_string());
    match fs::create_dir_all(&folder) {
        Ok(()) => Ok(folder),
        Err(source) => Err(Error::File { path: folder, source }.into()),
    }
}

/// Takes away what earlier starts have left of their drags.
pub(crate) fn sweep(config: &Config) {
    let folder = dragged(config);
    match fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            tracing::warn!("{} cannot be emptied: {error}", folder.display());
        }
        Ok(()) | Err(_) => {}
    }
}

fn dragged(config: &Config) -> PathBuf {
    config.data.join("dragged")
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
