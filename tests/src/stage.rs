//! Where a program with a window plays in front of nobody: a display, a message bus and a home that no other program sees.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::processes::Group;
use crate::{Home, workspace};

/// The studio with its window, as `scripts/test` built and laid it aside: another build may leave one at the usual place that looks for its
/// pages elsewhere.
const TESTED: &str = "target/window/debug/atelier-window";
/// Pixels of the display: room for the window with two pixels for each of its own, since WebKit paints nothing that is outside.
const SCREEN: &str = "2880x1800x24";

/// One plays at a time: what a person waits for is timed, and another test's training takes every core.
static TURN: Mutex<()> = Mutex::new(());

/// A display, a bus and a home. All of it ends when dropped.
pub struct Stage {
    /// Where the window's data folder is; `atelier` looks into the same library.
    pub home: Home,
    /// The studio that plays here.
    application: PathBuf,
    display: String,
    bus: String,
    variables: Vec<(String, String)>,
    /// Room in the data folder, if it is a disk of its own.
    disk_bytes: Option<u64>,
    _programs: [Group; 2],
    _turn: MutexGuard<'static, ()>,
}

impl Stage {
    /// A stage for one test, once no other stands.
    ///
    /// # Panics
    /// When the display or the bus does not start: `scripts/prepare` installs them.
    #[expect(clippy::new_without_default, reason = "a stage is built, not defaulted to")]
    pub fn new() -> Self {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let home = Home::new();
        for folder in ["run", "home"] {
            std::fs::create_dir(home.path(folder)).expect("made");
        }
        // Both programs choose a free place for themselves and tell it once they listen there.
        let mut display = Command::new("Xvfb");
        display.args([
            "-displayfd",
            "1",
            "-screen",
            "0",
            SCREEN,
            "-nolisten",
            "tcp",
            "-noreset",
        ]);
        let (display_group, number) = start_and_hear(&mut display);
        let mut bus = Command::new("dbus-daemon");
        bus.args(["--session", "--nofork", "--print-address=1"]);
        bus.envs(own_folders(&home));
        let (bus_group, address) = start_and_hear(&mut bus);
        Self {
            home,
            application: workspace().join(TESTED),
            display: format!(":{number}"),
            bus: address,
            variables: Vec::new(),
            disk_bytes: None,
            _programs: [display_group, bus_group],
            _turn: turn,
        }
    }

    /// The same stage with another build of the studio.
    #[must_use]
    pub fn playing(mut self, application: PathBuf) -> Self {
        self.application = application;
        self
    }

    /// The same stage with one more variable in the environment of what plays on it.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same stage with a data folder that is a disk of this size, empty whenever the studio starts. Only the studio sees it there; see
    /// [`Window::data`](crate::Window::data).
    #[must_use]
    pub fn with_disk(mut self, bytes: u64) -> Self {
        std::fs::create_dir(self.home.data()).expect("made");
        self.disk_bytes = Some(bytes);
        self
    }

    /// The program that plays here.
    ///
    /// # Panics
    /// When it is not built.
    pub fn application(&self) -> PathBuf {
        let found = self.application.canonicalize();
        found.unwrap_or_else(|error| panic!("{}: {error}; run scripts/test", self.application.display()))
    }

    /// The display's name.
    pub fn display(&self) -> &str {
        &self.display
    }

    /// A command that starts `program` on this stage.
    pub fn program(&self, program: &Path) -> Command {
        let mut command = match self.disk_bytes {
            None => Command::new(program),
            Some(bytes) => on_a_disk(bytes, &self.home.data(), program),
        };
        for name in ["WAYLAND_DISPLAY", "XAUTHORITY", "XDG_DATA_HOME", "XDG_STATE_HOME"] {
            command.env_remove(name);
        }
        command
            .envs(own_folders(&self.home))
            .env("ATELIER_DATA", self.home.data())
            .env("DISPLAY", &self.display)
            .env("DBUS_SESSION_BUS_ADDRESS", &self.bus)
            .env("GDK_BACKEND", "x11")
            .env("LANG", "C.UTF-8")
            .env("NO_AT_BRIDGE", "1")
            .envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }
}

/// Folders of the person, inside the test's own.
fn own_folders(home: &Home) -> [(&'static str, PathBuf); 4] {
    [
        ("HOME", home.path("home")),
        ("XDG_RUNTIME_DIR", home.path("run")),
        ("XDG_CONFIG_HOME", home.path("home/.config")),
        ("XDG_CACHE_HOME", home.path("home/.cache")),
    ]
}

/// Starts `program` as root of a user namespace of its own, where it may mount a disk on `folder`.
fn on_a_disk(bytes: u64, folder: &Path, program: &Path) -> Command {
    let script = format!(r#"mount -t tmpfs -o size={bytes} tmpfs "$0"; exec "$@""#);
    let mut command = Command::new("unshare");
    command
        .args(["--user", "--map-root-user", "--mount", "sh", "-ec", &script])
        .args([folder, program]);
    command
}

/// Starts a program and waits for the first line that it says.
fn start_and_hear(command: &mut Command) -> (Group, String) {
    let mut group = Group::start(command.stdout(Stdio::piped()).stderr(Stdio::null()));
    let out = group.leader().stdout.take().expect("piped");
    let mut line = String::new();
    BufReader::new(out).read_line(&mut line).expect("readable");
    let line = line.trim().to_owned();
    assert!(!line.is_empty(), "{command:?} did not start");
    (group, line)
}
