//! Dragging out of the window on Linux. The crate `drag`, which does it elsewhere, forgets the files as soon as they are let go, which on X11 is before
//! the other program asks for them.

use std::cell::RefCell;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use gtk::gdk::DragAction;
use gtk::gdk_pixbuf::Pixbuf;
use gtk::prelude::{DragContextExtManual, ObjectExt, WidgetExt};
use gtk::{ApplicationWindow, TargetList};
use tauri::Url;

/// GTK's number of the button that is held.
const LEFT_BUTTON: i32 = 1;
/// Longest side of the picture under the pointer.
const ICON_SIDE_PX: i32 = 128;

/// Begins to drag files; they can be asked for until the drag has ended, wherever it ends.
pub(super) fn drag(window: &ApplicationWindow, files: &[PathBuf]) -> Result<(), Box<dyn Error>> {
    let uris: Vec<String> = files.iter().filter_map(|file| uri(file)).collect();
    let given = window.connect_drag_data_get(move |_, _, data, _, _| {
        let uris: Vec<&str> = uris.iter().map(String::as_str).collect();
        data.set_uris(&uris);
    });
    let handlers = Rc::new(RefCell::new(vec![given]));
    let kept = Rc::clone(&handlers);
    let ended = window.connect_drag_end(move |window, _| {
        for handler in kept.take() {
            window.disconnect(handler);
        }
    });
    handlers.borrow_mut().push(ended);
    let targets = TargetList::new(&[]);
    targets.add_uri_targets(0);
    let begun = window.drag_begin_with_coordinates(&targets, DragAction::COPY, LEFT_BUTTON, None, -1, -1);
    let context = begun.ok_or("GTK begins no drag")?;
    if let Some(file) = files.first() {
        let icon = Pixbuf::from_file_at_scale(file, ICON_SIDE_PX, ICON_SIDE_PX, true)?;
        context.drag_set_icon_pixbuf(&icon, 0, 0);
    }
    Ok(())
}

/// `None` for a path that is not absolute.
fn uri(file: &Path) -> Option<String> {
    Url::from_file_path(file).ok().map(String::from)
}
