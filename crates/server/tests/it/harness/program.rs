//! The server as a program of its own, to be killed.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// Longest wait for it to listen; it may have to recover a database first.
const START: Duration = Duration::from_secs(120);

/// A running `atelier-server serve`. Killed when dropped.
pub(crate) struct Program {
    child: Child,
    /// `http://127.0.0.1:…`
    pub(crate) base: String,
}

impl Program {
    /// Starts it on a database, with its data in `folder`; `settings` are `ATELIER_…` of the environment.
    pub(crate) fn start(folder: &Path, database_url: Option<&str>, settings: &[(&str, &str)]) -> Self {
        let mut command = Self::command(folder, database_url, settings);
        let mut child = command
            .args(["serve", "--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program");
        let (line, said) = mpsc::channel();
        let mut out = BufReader::new(child.stdout.take().expect("piped"));
        std::thread::spawn(move || {
            let mut first = String::new();
            let _ = out.read_line(&mut first);
            let _ = line.send(first);
        });
        let said = said.recv_timeout(START).unwrap_or_default();
        let mut program = Self {
            child,
            base: String::new(),
        };
        // Ended by its drop when it did not come.
        program.base = said
            .trim()
            .strip_prefix("listening on ")
            .unwrap_or_else(|| panic!("it said {said:?}"))
            .to_owned();
        program
    }

    /// The program, without what it is to do.
    pub(crate) fn command(folder: &Path, database_url: Option<&str>, settings: &[(&str, &str)]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_atelier-server"));
        command
            .arg("--data")
            .arg(folder)
            .env_remove("DATABASE_URL")
            .env_remove("ATELIER_SERVER_DATABASE_URL");
        command.envs(database_url.map(|url| ("ATELIER_DATABASE_URL", url)));
        command
            .env("ATELIER_LIMITS__PER_ADDRESS_MIN", "0")
            .env("ATELIER_LIMITS__PER_USER_MIN", "0")
            .env("ATELIER_LIMITS__PER_DEVICE_MIN", "0")
            .env("ATELIER_LIMITS__REQUESTS_PER_ADDRESS_MAX", "100000");
        command.envs(settings.iter().copied()).stdin(Stdio::null());
        command
    }

    /// As `kill -9`.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("it ran");
        self.child.wait().expect("it ends");
    }

    /// Asks it to stop, and waits until it did.
    pub(crate) fn stop(self) -> ExitStatus {
        self.ask_to_stop();
        self.ended()
    }

    /// Waits until it ended by itself.
    pub(crate) fn ended(mut self) -> ExitStatus {
        self.child.wait().expect("it ends")
    }

    /// Asks it to stop.
    pub(crate) fn ask_to_stop(&self) {
        let asked = Command::new("kill")
            .arg(self.child.id().to_string())
            .status()
            .expect("kill");
        assert!(asked.success());
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
