//! Dragging files from another program and letting them go over a window, as the XDND protocol (version 5) has it.
//! Source: freedesktop.org, "Drag-and-Drop Protocol for the X Window System".

use std::path::Path;
use std::time::{Duration, Instant};

use x11rb::connection::Connection;
use x11rb::protocol::Event;
use x11rb::protocol::xproto::{
    ClientMessageEvent, ConnectionExt, CreateWindowAux, EventMask, PropMode, SELECTION_NOTIFY_EVENT,
    SelectionNotifyEvent, SelectionRequestEvent, Window, WindowClass,
};
use x11rb::wrapper::ConnectionExt as _;

use super::Display;

/// How long the program may take for each answer.
const ANSWER: Duration = Duration::from_secs(15);
const VERSION: u32 = 5;

/// Drags `files` over the middle of a program's window and lets go.
///
/// # Panics
/// When the program shows no window or does not take them.
pub fn drop_files(display: &str, pid: u32, files: &[impl AsRef<Path>]) {
    let display = Display::connect(display);
    let target = *display.windows_of(pid).first().expect("the program shows a window");
    let source = Source::new(&display, target, files);
    let [enter, position, drop] = ["XdndEnter", "XdndPosition", "XdndDrop"].map(|name| display.atom(name));
    let (x, y) = display.middle_of(target);
    let place = u32::from(x) << 16 | u32::from(y);
    let [copy, uris] = [display.atom("XdndActionCopy"), display.atom("text/uri-list")];
    source.tell(enter, [VERSION << 24, uris, 0, 0]);
    source.tell(position, [0, place, x11rb::CURRENT_TIME, copy]);
    source.serve_until(display.atom("XdndStatus"));
    source.tell(drop, [0, x11rb::CURRENT_TIME, 0, 0]);
    source.serve_until(display.atom("XdndFinished"));
}

/// The program that the files come from.
struct Source<'a> {
    display: &'a Display,
    window: Window,
    target: Window,
    uris: String,
}

impl<'a> Source<'a> {
    fn new(display: &'a Display, target: Window, files: &[impl AsRef<Path>]) -> Self {
        let connection = &display.connection;
        let window = connection.generate_id().expect("an id");
        let nothing = CreateWindowAux::new();
        let made = connection.create_window(
            x11rb::COPY_DEPTH_FROM_PARENT,
            window,
            display.root,
            0,
            0,
            1,
            1,
            0,
            WindowClass::INPUT_ONLY,
            x11rb::COPY_FROM_PARENT,
            &nothing,
        );
        made.expect("connected").check().expect("a window");
        let selection = display.atom("XdndSelection");
        let owned = connection.set_selection_owner(window, selection, x11rb::CURRENT_TIME);
        owned.expect("connected").check().expect("the selection");
        let uris = files
            .iter()
            .map(|file| format!("file://{}\r\n", file.as_ref().display()))
            .collect();
        Self {
            display,
            window,
            target,
            uris,
        }
    }

    /// Sends the target a message of the protocol; each begins with the source's window.
    fn tell(&self, message: u32, [second, third, fourth, fifth]: [u32; 4]) {
        let data = [self.window, second, third, fourth, fifth];
        let event = ClientMessageEvent::new(32, self.target, message, data);
        let sent = self
            .display
            .connection
            .send_event(false, self.target, EventMask::NO_EVENT, event);
        sent.expect("connected").check().expect("the window is there");
    }

    /// Gives the files to whoever asks, until the target answers with `message`.
    fn serve_until(&self, message: u32) {
        let began = Instant::now();
        while began.elapsed() < ANSWER {
            match self.display.connection.poll_for_event().expect("connected") {
                Some(Event::SelectionRequest(request)) => self.give(request),
                Some(Event::ClientMessage(answer)) if answer.type_ == message => return,
                Some(_) => {}
                None => std::thread::sleep(Duration::from_millis(5)),
            }
        }
        panic!("the window does not take files");
    }

    fn give(&self, request: SelectionRequestEvent) {
        let connection = &self.display.connection;
        let written = connection.change_property8(
            PropMode::REPLACE,
            request.requestor,
            request.property,
            request.target,
            self.uris.as_bytes(),
        );
        written.expect("connected").check().expect("room for the list");
        let told = SelectionNotifyEvent {
            response_type: SELECTION_NOTIFY_EVENT,
            sequence: 0,
            time: request.time,
            requestor: request.requestor,
            selection: request.selection,
            target: request.target,
            property: request.property,
        };
        let sent = connection.send_event(false, request.requestor, EventMask::NO_EVENT, told);
        sent.expect("connected").check().expect("the window is there");
    }
}
