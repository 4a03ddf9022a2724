//! What the tests of the whole house share: the built programs, a home of its own for each test, and a stage for those with a window.

pub mod display;
pub mod library;
pub mod model_server;
pub mod pictures;
pub mod processes;
mod stage;
pub mod window;
mod words;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use tempfile::TempDir;

pub use stage::Stage;
pub use window::Window;
pub use words::Words;

/// Root of the workspace.
pub fn workspace() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// A program of this workspace, as `scripts/test` built it: in the folder above that of the running test.
///
/// # Panics
/// When it was not built.
pub fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test is a file");
    let folder = test
        .parent()
        .and_then(Path::parent)
        .expect("tests lie in target/PROFILE/deps");
    let program = folder.join(name);
    assert!(
        program.is_file(),
        "{} is not built: run scripts/test",
        program.display()
    );
    program
}

/// What a finished command said.
#[derive(Debug)]
pub struct Answer {
    /// How it ended.
    pub status: ExitStatus,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Answer {
    /// The same answer, if the command succeeded.
    ///
    /// # Panics
    /// When it did not.
    pub fn ok(self) -> Self {
        assert!(self.status.success(), "{}\n{}\n{}", self.status, self.out, self.err);
        self
    }

    /// Standard output as JSON.
    ///
    /// # Panics
    /// When it is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error} in {}", self.out))
    }
}

/// An empty home: a data folder and a place for files, gone when dropped.
pub struct Home {
    folder: TempDir,
}

impl Home {
    /// A new home.
    ///
    /// # Panics
    /// When the machine has no room for a temporary folder.
    #[expect(clippy::new_without_default, reason = "a home is made, not defaulted to")]
    pub fn new() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
        }
    }

    /// A path inside this home.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Where the library of this home is.
    pub fn data(&self) -> PathBuf {
        self.path("data")
    }

    /// The `atelier` command in this home, ready for arguments.
    pub fn atelier(&self) -> Command {
        let mut command = Command::new(program("atelier"));
        command
            .arg("--data")
            .arg(self.data())
            .current_dir(self.folder.path())
            .stdin(Stdio::null());
        command
    }

    /// Runs `atelier` with arguments parted by spaces.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn run(&self, arguments: &str) -> Answer {
        self.run_with(arguments.split_whitespace())
    }

    /// Runs `atelier` with these arguments.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn run_with<I: IntoIterator<Item = S>, S: AsRef<std::ffi::OsStr>>(&self, arguments: I) -> Answer {
        answer(self.atelier().args(arguments))
    }

    /// Starts `atelier` and lets it run.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start(&self, arguments: &str) -> Child {
        self.atelier()
            .args(arguments.split_whitespace())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("atelier starts")
    }
}

/// Runs a command to its end.
///
/// # Panics
/// When it cannot be started.
pub fn answer(command: &mut Command) -> Answer {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    Answer {
        status: output.status,
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
