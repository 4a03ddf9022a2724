//! What a window manager would do: there is none on a stage.

mod catch;
mod drop;

pub use catch::catch_dragged;
pub use drop::drop_files;

use image::RgbImage;
use x11rb::connection::Connection;
use x11rb::protocol::xproto::{
    Atom, AtomEnum, ClientMessageEvent, ConnectionExt, EventMask, ImageFormat, InputFocus, MapState, Window,
};
use x11rb::rust_connection::RustConnection;

/// A connection to a display.
struct Display {
    connection: RustConnection,
    root: Window,
}

impl Display {
    fn connect(name: &str) -> Self {
        let (connection, screen) = x11rb::connect(Some(name)).expect("the display is there");
        let root = connection.setup().roots[screen].root;
        Self { connection, root }
    }

    fn atom(&self, name: &str) -> Atom {
        let asked = self.connection.intern_atom(false, name.as_bytes()).expect("connected");
        asked.reply().expect("an atom").atom
    }

    /// Windows of a program that have a title, which leaves helper windows out.
    fn windows_of(&self, pid: u32) -> Vec<Window> {
        let tree = self.connection.query_tree(self.root).expect("connected");
        let all = tree.reply().expect("a tree").children;
        all.into_iter()
            .filter(|&window| self.pid_of(window) == Some(pid) && self.is_shown(window))
            .collect()
    }

    fn pid_of(&self, window: Window) -> Option<u32> {
        let asked = self
            .connection
            .get_property(false, window, self.atom("_NET_WM_PID"), AtomEnum::CARDINAL, 0, 1);
        asked.ok()?.reply().ok()?.value32()?.next()
    }

    /// The program whose window this is or lies in.
    fn owner_of(&self, window: Window) -> Option<u32> {
        let mut inside = window;
        loop {
            if let Some(pid) = self.pid_of(inside) {
                return Some(pid);
            }
            let parent = self.connection.query_tree(inside).ok()?.reply().ok()?.parent;
            (parent != x11rb::NONE).then_some(())?;
            inside = parent;
        }
    }

    /// The middle of a window, from the display's upper left corner.
    fn middle_of(&self, window: Window) -> (u16, u16) {
        let asked = self.connection.get_geometry(window).expect("connected");
        let size = asked.reply().expect("the window is there");
        let asked = self.connection.translate_coordinates(window, self.root, 0, 0);
        let corner = asked.expect("connected").reply().expect("the window is there");
        let middle = |corner: i16, length: u16| u16::try_from(corner).unwrap_or(0) + length / 2;
        (middle(corner.dst_x, size.width), middle(corner.dst_y, size.height))
    }

    fn is_shown(&self, window: Window) -> bool {
        let asked = self.connection.get_window_attributes(window);
        asked
            .ok()
            .and_then(|asked| asked.reply().ok())
            .is_some_and(|found| found.map_state == MapState::VIEWABLE)
    }
}

/// Asks the windows of a program to close, as their close button does.
///
/// # Panics
/// When the program shows none.
pub fn ask_to_close(display: &str, pid: u32) {
    let display = Display::connect(display);
    let windows = display.windows_of(pid);
    assert!(!windows.is_empty(), "process {pid} shows no window");
    let data = [display.atom("WM_DELETE_WINDOW"), 0, 0, 0, 0];
    for window in windows {
        let message = ClientMessageEvent::new(32, window, display.atom("WM_PROTOCOLS"), data);
        let sent = display
            .connection
            .send_event(false, window, EventMask::NO_EVENT, message);
        sent.expect("connected").check().expect("the window is there");
    }
}

/// What a program's window shows: the pixels that are on the display, not what its toolkit would have drawn.
///
/// # Panics
/// When the program shows no window, or one that reaches beyond the display.
pub fn photograph(display: &str, pid: u32) -> RgbImage {
    let display = Display::connect(display);
    let window = *display.windows_of(pid).first().expect("the program shows a window");
    let asked = display.connection.get_geometry(window).expect("connected");
    let size = asked.reply().expect("the window is there");
    let every_plane = !0;
    let asked = display.connection.get_image(
        ImageFormat::Z_PIXMAP,
        window,
        0,
        0,
        size.width,
        size.height,
        every_plane,
    );
    let pixels = asked
        .expect("connected")
        .reply()
        .expect("all of it is on the display")
        .data;
    // Xvfb keeps 24 bits in four bytes: blue, green, red, nothing.
    let rgb = pixels
        .chunks_exact(4)
        .flat_map(|bgr| [bgr[2], bgr[1], bgr[0]])
        .collect();
    RgbImage::from_raw(size.width.into(), size.height.into(), rgb).expect("four bytes a pixel")
}

/// Takes the keyboard away from all windows, as clicking beside them does.
///
/// # Panics
/// When the display is gone.
pub fn take_focus_away(display: &str) {
    let display = Display::connect(display);
    let taken = display
        .connection
        .set_input_focus(InputFocus::NONE, x11rb::NONE, x11rb::CURRENT_TIME);
    taken.expect("connected").check().expect("the display is there");
}

/// Whether the keyboard is with a window of this program.
///
/// # Panics
/// When the display is gone.
pub fn has_focus(display: &str, pid: u32) -> bool {
    let display = Display::connect(display);
    let asked = display.connection.get_input_focus().expect("connected");
    let focus = asked.reply().expect("the display is there").focus;
    display.owner_of(focus) == Some(pid)
}
