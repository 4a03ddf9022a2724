//! A base model over the wire: broken off, taken up again, checked, tried by the worker, and used.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use atelier_tests::window::within;
use atelier_tests::{Home, answer, workspace};
use serde_json::json;

/// Bytes that the server gives before it falls silent.
const PART: usize = 1 << 20;
/// Longest time from the wire to the disk.
const ARRIVAL: Duration = Duration::from_secs(20);

/// What the server has been asked, and whether it still holds back.
#[derive(Default)]
struct State {
    silent_from: Option<usize>,
    sent: usize,
    ranges: Vec<String>,
}

/// A folder, served on this machine; parts of files can be asked for.
#[derive(Clone)]
struct Server {
    folder: PathBuf,
    state: Arc<(Mutex<State>, Condvar)>,
    address: String,
}

impl Server {
    fn new(folder: PathBuf) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let server = Self {
            folder,
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

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let answer = change(&mut self.state.0.lock().expect("no thread panics"));
        self.state.1.notify_all();
        answer
    }

    /// Waits until the server has fallen silent.
    fn wait_for_silence(&self) {
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
}

fn sha256(path: &Path) -> String {
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

/// Resources with nothing but the manifest of a model `small`, which is the starter under another name.
fn resources(home: &Home, server: &Server) -> PathBuf {
    let resources = home.path("resources");
    let entry = |path: PathBuf| {
        let file = server.folder.join(&path);
        json!({
            "path": path, "url": format!("{}/{}", server.address, path.display()),
            "bytes": fs::metadata(&file).expect("a file").len(), "sha256": sha256(&file),
        })
    };
    let manifest = json!({
        "id": "small", "name": "A small one", "architecture": "sd15-small", "native_size_px": 128,
        "license": "MIT OR Apache-2.0", "license_url": "https://example.org/licence",
        "files": files(&server.folder, Path::new("")).into_iter().map(entry).collect::<Vec<_>>(),
    });
    fs::create_dir_all(resources.join("manifests")).expect("made");
    fs::write(resources.join("manifests/small.json"), manifest.to_string()).expect("written");
    resources
}

/// Whether part of a file has reached the disk.
fn has_part(folder: &Path) -> bool {
    let arrived = fs::read_dir(folder).into_iter().flatten().flatten();
    arrived.map(|entry| entry.path()).any(|path| {
        let is_part = path.extension().is_some_and(|ending| ending == "part");
        path.is_dir() && has_part(&path) || is_part && fs::metadata(&path).is_ok_and(|facts| facts.len() > 0)
    })
}

#[tokio::test]
async fn a_model_that_was_killed_on_its_way_goes_on_arrives_and_paints() {
    let home = Home::new();
    let server = Server::new(workspace().join("models/starter"));
    let resources = resources(&home, &server);
    let atelier = |arguments: &[&str]| {
        let mut command = home.atelier();
        command.arg("--resources").arg(&resources).args(arguments);
        command
    };

    server.change(|state| state.silent_from = Some(PART));
    let mut download = atelier(&["models", "download", "small"])
        .spawn()
        .expect("atelier starts");
    server.wait_for_silence();
    let incoming = home.data().join("models/incoming/small");
    let arrived = within(ARRIVAL, async || has_part(&incoming).then_some(())).await;
    arrived.expect("what was sent is written");
    download.kill().expect("it runs");
    download.wait().expect("it ends");

    server.change(|state| state.silent_from = None);
    let told = answer(&mut atelier(&["models", "download", "small", "--json"]))
        .ok()
        .json();
    assert_eq!(told["license"], "MIT OR Apache-2.0");
    let ranges = server.change(|state| state.ranges.clone());
    assert!(
        ranges.len() == 1 && ranges[0] != "0-",
        "it went on once, where it was: {ranges:?}"
    );
    answer(&mut atelier(&["models", "verify", "small"])).ok();
    answer(&mut atelier(&[
        "generate", "--tags", "cat", "--steps", "2", "--model", "small", "--out", ".",
    ]))
    .ok();
    assert!(home.data().join("models/small/unet").is_dir());
    assert!(!incoming.exists());
}

#[test]
fn a_model_whose_file_was_changed_is_refused_and_nothing_of_it_kept() {
    let home = Home::new();
    let server = Server::new(workspace().join("models/starter"));
    let resources = resources(&home, &server);
    let manifest = resources.join("manifests/small.json");
    let text = fs::read_to_string(&manifest).expect("the manifest");
    let honest = sha256(&server.folder.join("model_index.json"));
    fs::write(&manifest, text.replace(&honest, &"0".repeat(64))).expect("written");
    let mut command = home.atelier();
    let told = answer(
        command
            .arg("--resources")
            .arg(&resources)
            .args(["models", "download", "small"]),
    );
    assert_eq!(told.status.code(), Some(56), "{told:?}");
    assert!(told.err.contains("model_index.json"), "{told:?}");
    assert!(!home.data().join("models/incoming/small/model_index.json").exists());
    assert!(home.run("models list").ok().out.contains("starter"));
}
