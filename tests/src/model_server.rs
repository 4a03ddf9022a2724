//! A place on this machine that models are downloaded from.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Condvar, Mutex};

use serde_json::json;

use crate::{answer, workspace};

/// What the server has been asked, and whether it still holds back.
#[derive(Debug, Default)]
struct State {
    silent_from: Option<usize>,
    sent: usize,
    ranges: Vec<String>,
}

/// The starter model, served on this machine as if it were far away; parts of files can be asked for.
#[derive(Debug, Clone)]
pub struct ModelServer {
    folder: PathBuf,
    state: Arc<(Mutex<State>, Condvar)>,
    address: String,
}

impl ModelServer {
    /// Begins to serve.
    ///
    /// # Panics
    /// When no port is free.
    #[expect(clippy::new_without_default, reason = "a server is started, not defaulted to")]
    pub fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let server = Self {
            folder: workspace().join("models/starter"),
            state: Arc::default(),
            address: format!("http://{}", listener.local_addr().expect("it listens")),
        };
        let serving = server.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let serving = serving.clone();
                // A client that is killed breaks the connection, as it should.
                std::thread::spawn(move || serving.serve(&stream).is_ok());
            }
        });
        server
    }

    /// Sends no more than so many bytes in all, or, without a number, whatever is left.
    pub fn fall_silent_after(&self, bytes: impl Into<Option<usize>>) {
        self.change(|state| state.silent_from = bytes.into());
    }

    /// The parts of files that were asked for, as `Range` has them: `100-` is all from byte 100 on.
    pub fn ranges(&self) -> Vec<String> {
        self.change(|state| state.ranges.clone())
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let answer = change(&mut self.state.0.lock().expect("no thread panics"));
        self.state.1.notify_all();
        answer
    }

    /// Waits until all is sent that may be.
    ///
    /// # Panics
    /// When a thread of the server panicked.
    pub fn wait_for_silence(&self) {
        let state = self.state.0.lock().expect("no thread panics");
        let waiting = |state: &mut State| state.silent_from.is_none_or(|from| state.sent < from);
        drop(self.state.1.wait_while(state, waiting).expect("no thread panics"));
    }

    fn serve(&self, stream: &TcpStream) -> std::io::Result<()> {
        let mut lines = BufReader::new(stream).lines();
        let request = lines.next().transpose()?.unwrap_or_default();
        let head: Vec<String> = lines
            .map_while(Result::ok)
            .take_while(|line| !line.is_empty())
            .collect();
        let mut words = request.split(' ');
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let content = fs::read(self.folder.join(path.trim_start_matches('/')))?;
        let range = head.iter().find_map(|line| {
            line.to_ascii_lowercase()
                .strip_prefix("range: bytes=")
                .map(str::to_owned)
        });
        let start = range
            .as_deref()
            .map_or(0, |range| range.trim_end_matches('-').parse().unwrap_or(0));
        let status = if range.is_some() {
            "206 Partial Content"
        } else {
            "200 OK"
        };
        let mut stream = stream;
        write!(
            stream,
            "HTTP/1.1 {status}\r\ncontent-length: {}\r\ncontent-range: bytes {start}-{}/{}\r\nconnection: close\r\n\r\n",
            content.len() - start,
            content.len().saturating_sub(1),
            content.len(),
        )?;
        if method != "GET" {
            return Ok(());
        }
        self.change(|state| state.ranges.extend(range));
        for chunk in content[start..].chunks(1 << 14) {
            stream.write_all(chunk)?;
            self.change(|state| state.sent += chunk.len());
            let state = self.state.0.lock().expect("no thread panics");
            let holds_back = |state: &mut State| state.silent_from.is_some_and(|from| state.sent >= from);
            drop(self.state.1.wait_while(state, holds_back).expect("no thread panics"));
        }
        Ok(())
    }

    /// Resources whose only manifest is that of a model `small`, which this server has.
    ///
    /// # Panics
    /// When they cannot be written.
    pub fn manifest_in(&self, resources: &Path) -> PathBuf {
        let entry = |path: PathBuf| {
            let file = self.folder.join(&path);
            json!({
                "path": path, "url": format!("{}/{}", self.address, path.display()),
                "bytes": fs::metadata(&file).expect("a file").len(), "sha256": sha256(&file),
            })
        };
        let manifest = json!({
            "id": "small", "name": "small", "architecture": "sd15-small", "native_size_px": 128,
            "license": "MIT OR Apache-2.0", "license_url": "https://example.org/licence",
            "files": files(&self.folder, Path::new("")).into_iter().map(entry).collect::<Vec<_>>(),
        });
        fs::create_dir_all(resources.join("manifests")).expect("made");
        let file = resources.join("manifests/small.json");
        fs::write(&file, manifest.to_string()).expect("written");
        file
    }
}

/// Of a file, by coreutils.
///
/// # Panics
/// When it cannot be read.
pub fn sha256(path: &Path) -> String {
    let told = answer(Command::new("sha256sum").arg(path)).ok().out;
    told.split(' ').next().expect("a hash comes first").to_owned()
}

/// All files of a folder, relative to it.
fn files(folder: &Path, inside: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder.join(inside)).expect("a folder");
    let mut found = Vec::new();
    for entry in entries.map(|entry| entry.expect("an entry")) {
        let path = inside.join(entry.file_name());
        if entry.path().is_dir() {
            found.extend(files(folder, &path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}
