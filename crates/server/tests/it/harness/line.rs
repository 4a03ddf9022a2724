//! A connection on which a test says what it likes, piece by piece.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Longest wait for what has to be heard.
const PATIENCE: Duration = Duration::from_secs(30);

/// The connection.
pub(crate) struct Line(TcpStream);

impl Line {
    /// To a server; `address` is host and port.
    pub(crate) async fn to(address: &str) -> Self {
        Self(TcpStream::connect(address).await.expect("it is taken"))
    }

    /// To a server that has begun to read the body of this request, and waits for it.
    pub(crate) async fn waiting_for_body(address: &str, request: &str, headers: &[(&str, &str)], bytes: usize) -> Self {
        let mut line = Self::to(address).await;
        let mut head = format!("{request} HTTP/1.1\r\nhost: it\r\nexpect: 100-continue\r\ncontent-length: {bytes}\r\n");
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        line.say(&format!("{head}\r\n")).await;
        assert_eq!(line.hear("\r\n\r\n").await, "HTTP/1.1 100 Continue\r\n\r\n");
        line
    }

    /// Sends this.
    pub(crate) async fn say(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.expect("it is still open");
    }

    /// What comes until `end` is in it, or the other end hangs up.
    pub(crate) async fn hear(&mut self, end: &str) -> String {
        let mut heard = Vec::new();
        let listening = async {
            while !String::from_utf8_lossy(&heard).contains(end) {
                match self.0.read_buf(&mut heard).await {
                    Ok(0) | Err(_) => break,
                    Ok(_) => {}
                }
            }
        };
        tokio::time::timeout(PATIENCE, listening).await.expect("in time");
        String::from_utf8(heard).expect("text")
    }
}
