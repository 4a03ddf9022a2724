//! A web server of one file, for tests: it can break off, know no ranges, and change its file.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// What the server does with a request.
#[derive(Debug, Clone)]
pub(crate) struct Conduct {
    pub(crate) content: Vec<u8>,
    /// The entity tag, without its quotes.
    pub(crate) version: &'static str,
    /// Whether a part of the file can be asked for.
    pub(crate) ranges: bool,
    /// Bytes after which an answer breaks off.
    pub(crate) breaks_at: Option<usize>,
    /// Whether it keeps silent there in place of hanging up.
    pub(crate) stalls: bool,
}

#[derive(Debug, Default)]
struct State {
    conduct: Option<Conduct>,
    /// `Range` of every GET; empty without one.
    asked: Vec<String>,
}

/// Serves until the test ends.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    state: Arc<Mutex<State>>,
    pub(crate) url: String,
}

impl Server {
    pub(crate) async fn new(conduct: Conduct) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/model.safetensors", listener.local_addr().unwrap());
        let server = Self {
            state: Arc::default(),
            url,
        };
        server.change(conduct);
        let serving = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let serving = serving.clone();
                tokio::spawn(async move { serving.answer(stream).await });
            }
        });
        server
    }

    pub(crate) fn change(&self, conduct: Conduct) {
        self.state.lock().unwrap().conduct = Some(conduct);
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        self.state.lock().unwrap().asked.clone()
    }

    async fn answer(&self, stream: TcpStream) -> std::io::Result<()> {
        let mut stream = BufReader::new(stream);
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await? == 0 || line.trim().is_empty() {
                break;
            }
            lines.push(line.trim().to_ascii_lowercase());
        }
        let value = |name: &str| {
            lines
                .iter()
                .find_map(|line| line.strip_prefix(name))
                .unwrap_or_default()
        };
        let is_get = lines.first().is_some_and(|line| line.starts_with("get "));
        let (range, if_range) = (value("range: ").to_owned(), value("if-range: ").to_owned());
        let conduct = {
            let mut state = self.state.lock().unwrap();
            if is_get {
                state.asked.push(range.clone());
            }
            state.conduct.clone().unwrap()
        };
        let version = format!("\"{}\"", conduct.version);
        let same = if_range.is_empty() || if_range == version;
        let start = range.strip_prefix("bytes=").and_then(|range| range.strip_suffix('-'));
        let start: Option<usize> = start
            .filter(|_| conduct.ranges && same)
            .map(|start| start.parse().unwrap());
        let all = conduct.content.len();
        let (status, extra) = match start {
            Some(start) => (
                "206 Partial Content",
                format!("content-range: bytes {start}-{}/{all}\r\n", all - 1),
            ),
            None => ("200 OK", String::new()),
        };
        let body = &conduct.content[start.unwrap_or_default()..];
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-length: {}\r\netag: {version}\r\n{extra}connection: close\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).await?;
        if is_get {
            let sent = conduct
                .breaks_at
                .unwrap_or(all)
                .saturating_sub(start.unwrap_or_default());
            stream.write_all(&body[..sent.min(body.len())]).await?;
            stream.flush().await?;
            if conduct.stalls {
                std::future::pending::<()>().await;
            }
        }
        stream.shutdown().await
    }
}
