//! A window of another program that files are dropped on by a real pointer, as the XDND protocol (version 5) has it.
//! Source: freedesktop.org, "Drag-and-Drop Protocol for the X Window System".

use std::time::{Duration, Instant};

use x11rb::connection::Connection;
use x11rb::protocol::Event;
use x11rb::protocol::xproto::{
    AtomEnum, BUTTON_PRESS_EVENT, BUTTON_RELEASE_EVENT, ClientMessageEvent, ConnectionExt, CreateWindowAux, EventMask,
    MOTION_NOTIFY_EVENT, PropMode, Window, WindowClass,
};
use x11rb::protocol::xtest::ConnectionExt as _;
use x11rb::wrapper::ConnectionExt as _;

use super::Display;

/// How long the program may take for each answer.
const ANSWER: Duration = Duration::from_secs(15);
/// Between two moves of the pointer.
const MOVE: Duration = Duration::from_millis(30);
const VERSION: u32 = 5;
/// Corner and side of the window that catches, where no other window is.
const CORNER: i16 = 40;
const SIDE: u16 = 300;

/// Carries what a program has begun to drag onto another window and lets it go there; gives the addresses that arrive.
///
/// # Panics
/// When nothing is being dragged, or nothing arrives.
pub fn catch_dragged(display: &str) -> Vec<String> {
    let display = Display::connect(display);
    let target = Target::new(&display);
    let moved = target.serve_until("XdndPosition", |step| {
        let inside = CORNER + 60 + i16::try_from(step % 60).expect("small");
        target.point(MOTION_NOTIFY_EVENT, inside, inside);
    });
    let source = moved.data.as_data32()[0];
    target.answer(source, "XdndStatus", [1, 0, 0, display.atom("XdndActionCopy")]);
    target.point(BUTTON_PRESS_EVENT, CORNER + 60, CORNER + 60);
    target.point(BUTTON_RELEASE_EVENT, CORNER + 60, CORNER + 60);
    let dropped = target.serve_until("XdndDrop", |_| {});
    let uris = target.take(dropped.data.as_data32()[2]);
    target.answer(source, "XdndFinished", [1, display.atom("XdndActionCopy"), 0, 0]);
    uris
}

/// The window that catches.
struct Target<'a> {
    display: &'a Display,
    window: Window,
}

impl<'a> Target<'a> {
    fn new(display: &'a Display) -> Self {
        let connection = &display.connection;
        let window = connection.generate_id().expect("an id");
        let made = connection.create_window(
            x11rb::COPY_DEPTH_FROM_PARENT,
            window,
            display.root,
            CORNER,
            CORNER,
            SIDE,
            SIDE,
            0,
            WindowClass::INPUT_OUTPUT,
            x11rb::COPY_FROM_PARENT,
            &CreateWindowAux::new(),
        );
        made.expect("connected").check().expect("a window");
        let aware = display.atom("XdndAware");
        let written = connection.change_property32(PropMode::REPLACE, window, aware, AtomEnum::ATOM, &[VERSION]);
        written.expect("connected").check().expect("room for a number");
        connection
            .map_window(window)
            .expect("connected")
            .check()
            .expect("shown");
        Self { display, window }
    }

    /// Moves the pointer to a place of the display, presses its first button or lets it go.
    fn point(&self, what: u8, x: i16, y: i16) {
        let button = u8::from(what != MOTION_NOTIFY_EVENT);
        let connection = &self.display.connection;
        let done = connection.xtest_fake_input(what, button, x11rb::CURRENT_TIME, self.display.root, x, y, 0);
        done.expect("connected").check().expect("the pointer obeys");
    }

    /// Waits for a message, with something to do between two looks.
    fn serve_until(&self, message: &str, each: impl Fn(usize)) -> ClientMessageEvent {
        let wanted = self.display.atom(message);
        let began = Instant::now();
        for step in 0.. {
            match self.display.connection.poll_for_event().expect("connected") {
                Some(Event::ClientMessage(told)) if told.type_ == wanted => return told,
                Some(_) => continue,
                None => each(step),
            }
            assert!(began.elapsed() < ANSWER, "no {message} arrives");
            std::thread::sleep(MOVE);
        }
        unreachable!("the loop has no other end")
    }

    /// Tells the source something; each message begins with this window.
    fn answer(&self, source: Window, message: &str, [second, third, fourth, fifth]: [u32; 4]) {
        let data = [self.window, second, third, fourth, fifth];
        let event = ClientMessageEvent::new(32, source, self.display.atom(message), data);
        let connection = &self.display.connection;
        let sent = connection.send_event(false, source, EventMask::NO_EVENT, event);
        sent.expect("connected").check().expect("the source is there");
    }

    /// What is being dragged, a line each.
    fn take(&self, time: u32) -> Vec<String> {
        let [selection, uris, place] = ["XdndSelection", "text/uri-list", "CAUGHT"].map(|name| self.display.atom(name));
        let connection = &self.display.connection;
        let asked = connection.convert_selection(self.window, selection, uris, place, time);
        asked.expect("connected").check().expect("the source is there");
        let began = Instant::now();
        while !matches!(
            connection.poll_for_event().expect("connected"),
            Some(Event::SelectionNotify(_))
        ) {
            assert!(began.elapsed() < ANSWER, "the files are not told");
            std::thread::sleep(MOVE);
        }
        let read = connection.get_property(true, self.window, place, AtomEnum::ANY, 0, 1 << 16);
        let told = read.expect("connected").reply().expect("the list is there").value;
        String::from_utf8_lossy(&told).lines().map(str::to_owned).collect()
    }
}
