//! The studio's end: starts a worker, talks to it, and knows how it ended.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::task::JoinHandle;
use tokio_util::codec::{FramedRead, FramedWrite, LengthDelimitedCodec};

use crate::framing::{FRAME_BYTES_MAX, FramingError, decode, encode};
use crate::{Event, Hello, JobId, PROTOCOL_VERSION, Request, Task};

/// Longest time from start to the first message: loading a driver for the first time can take that long.
const HELLO_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a worker that closed its pipes may take to end before it is made to.
const END_TIMEOUT: Duration = Duration::from_secs(5);
/// Lines of a worker's log that are kept to explain its end.
const LAST_LINES_MAX: usize = 20;

/// Why a worker cannot be talked to.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The program could not be started.
    #[error("{} could not be started: {source}", program.display())]
    NotStarted {
        /// The program.
        program: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It did not say hello.
    #[error("{} did not answer: {silence}", program.display())]
    NoHello {
        /// The program.
        program: PathBuf,
        /// What it did instead.
        silence: Silence,
    },
    /// It speaks another version.
    #[error("{} speaks version {theirs} of the protocol, not {PROTOCOL_VERSION}", program.display())]
    OtherVersion {
        /// The program.
        program: PathBuf,
        /// Its version.
        theirs: u32,
    },
    /// It ended while it was needed.
    #[error("the worker ended: {0}")]
    Ended(Ending),
    /// A message got lost or garbled.
    #[error(transparent)]
    Framing(#[from] FramingError),
}

/// What a worker does that does not say hello.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Silence {
    /// Nothing, for too long.
    #[error("nothing within {} s", HELLO_TIMEOUT.as_secs())]
    TooLong,
    /// It says something else.
    #[error("{0}")]
    Garbled(String),
    /// It ended.
    #[error("{0}")]
    Ended(Ending),
}

/// How a worker ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// Its exit code, if it ended by itself.
    pub code: Option<i32>,
    /// The signal that ended it, on Unix.
    pub signal: Option<i32>,
    /// The last lines of its log.
    pub last_lines: Vec<String>,
}

impl Ending {
    /// Whether it ended as processes do that want more memory than there is: the kernel kills them, or Rust's allocator says so and aborts.
    pub fn suggests_out_of_memory(&self) -> bool {
        const SIGKILL: i32 = 9;
        self.signal == Some(SIGKILL) || self.says_out_of_memory()
    }

    /// Whether Rust's allocator said so and aborted.
    pub fn says_out_of_memory(&self) -> bool {
        let said = |line: &String| line.starts_with("memory allocation of ") && line.ends_with(" bytes failed");
        self.last_lines.iter().any(said)
    }
}

impl std::fmt::Display for Ending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.signal, self.code) {
            (Some(signal), _) => write!(f, "signal {signal}")?,
            (None, Some(code)) => write!(f, "exit code {code}")?,
            (None, None) => f.write_str("it had to be ended")?,
        }
        match self.last_lines.last() {
            Some(line) => write!(f, " ({line})"),
            None => Ok(()),
        }
    }
}

/// A running worker. Dropping it ends the process.
pub struct Worker {
    process: Process,
    requests: FramedWrite<ChildStdin, LengthDelimitedCodec>,
    events: FramedRead<ChildStdout, LengthDelimitedCodec>,
    hello: Hello,
    next_job: u64,
}

impl Worker {
    /// Starts `program` with `arguments` and waits until it is ready.
    ///
    /// # Errors
    /// When it cannot be started, does not answer in time, or speaks another version.
    pub async fn start(program: &Path, arguments: &[String]) -> Result<Self, ClientError> {
        let not_started = |source| ClientError::NotStarted {
            program: program.to_owned(),
            source,
        };
        let mut command = Command::new(program);
        command
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        // A Ctrl-C in the terminal goes to the whole group; what the worker does then is the studio's to say.
        #[cfg(unix)]
        command.process_group(0);
        let mut child = command.spawn().map_err(not_started)?;
        let pipe_missing = || not_started(std::io::Error::other("a pipe is missing"));
        let stdin = child.stdin.take().ok_or_else(pipe_missing)?;
        let stdout = child.stdout.take().ok_or_else(pipe_missing)?;
        let stderr = child.stderr.take().ok_or_else(pipe_missing)?;
        let mut process = Process {
            child,
            log: Log::follow(stderr),
        };
        let codec = LengthDelimitedCodec::builder()
            .max_frame_length(FRAME_BYTES_MAX)
            .new_codec();
        let requests = FramedWrite::new(stdin, codec.clone());
        let mut events = FramedRead::new(stdout, codec);
        let hello = match tokio::time::timeout(HELLO_TIMEOUT, greeting(&mut events, &mut process)).await {
            Ok(hello) => hello,
            Err(_elapsed) => Err(Silence::TooLong),
        };
        let hello = hello.map_err(|silence| ClientError::NoHello {
            program: program.to_owned(),
            silence,
        })?;
        if hello.protocol != PROTOCOL_VERSION {
            return Err(ClientError::OtherVersion {
                program: program.to_owned(),
                theirs: hello.protocol,
            });
        }
        Ok(Self {
            process,
            requests,
            events,
            hello,
            next_job: 1,
        })
    }

    /// What it said of itself.
    pub fn hello(&self) -> &Hello {
        &self.hello
    }

    /// Its process id, while it runs.
    pub fn process(&self) -> Option<u32> {
        self.process.child.id()
    }

    /// Gives it a task.
    ///
    /// # Errors
    /// When it ended.
    pub async fn run(&mut self, task: Task) -> Result<JobId, ClientError> {
        let job = JobId(self.next_job);
        self.next_job += 1;
        self.send(&Request::Run {
            job,
            task: Box::new(task),
        })
        .await?;
        Ok(job)
    }

    /// Asks it to end a job; the answer comes as an event.
    ///
    /// # Errors
    /// When it ended.
    pub async fn cancel(&mut self, job: JobId, checkpoint: bool) -> Result<(), ClientError> {
        self.send(&Request::Cancel { job, checkpoint }).await
    }

    /// Lets it end by itself and says how it did; what it does not finish in a few seconds is cut off.
    pub async fn shut_down(mut self) -> Ending {
        // A worker that cannot be told has ended already.
        let _ = self.send(&Request::Shutdown).await;
        self.process.ending().await
    }

    async fn send(&mut self, request: &Request) -> Result<(), ClientError> {
        match self
            .requests
            .send(tokio_util::bytes::Bytes::from(encode(request)?))
            .await
        {
            Ok(()) => Ok(()),
            Err(_broken_pipe) => Err(ClientError::Ended(self.process.ending().await)),
        }
    }

    /// Its next event. Safe to drop and call again.
    ///
    /// # Errors
    /// [`ClientError::Ended`] once it is gone, [`ClientError::Framing`] for what is no message; nothing sound follows after that.
    pub async fn event(&mut self) -> Result<Event, ClientError> {
        match self.events.next().await {
            Some(Ok(frame)) => Ok(decode(&frame)?),
            Some(Err(error)) if error.kind() == std::io::ErrorKind::InvalidData => {
                Err(FramingError::from(error).into())
            }
            // A frame that was torn by the end of the process says no more than that end.
            Some(Err(_)) | None => Err(ClientError::Ended(self.process.ending().await)),
        }
    }
}

/// The first message, or what there is instead.
async fn greeting(
    events: &mut FramedRead<ChildStdout, LengthDelimitedCodec>,
    process: &mut Process,
) -> Result<Hello, Silence> {
    let garbled = |what: String| Err(Silence::Garbled(what));
    match events.next().await {
        Some(Ok(frame)) => match decode::<Event>(&frame) {
            Ok(Event::Ready(hello)) => Ok(hello),
            Ok(other) => garbled(format!("its first message was {other:?}")),
            Err(error) => garbled(error.to_string()),
        },
        Some(Err(error)) if error.kind() == std::io::ErrorKind::InvalidData => garbled(error.to_string()),
        Some(Err(_)) | None => Err(Silence::Ended(process.ending().await)),
    }
}

/// The process of a worker, and what it says beside its messages.
struct Process {
    child: Child,
    log: Log,
}

impl Process {
    /// How it ended; it is ended if it has not.
    async fn ending(&mut self) -> Ending {
        let status = match tokio::time::timeout(END_TIMEOUT, self.child.wait()).await {
            Ok(Ok(status)) => Some(status),
            // It closed its pipes and lives on: nobody can use it any more.
            Ok(Err(_)) | Err(_) => {
                if let Err(error) = self.child.kill().await {
                    tracing::warn!("the worker could not be ended: {error}");
                }
                None
            }
        };
        Ending {
            code: status.and_then(|status| status.code()),
            signal: status.and_then(signal),
            last_lines: self.log.rest_of_lines().await,
        }
    }
}

#[cfg(unix)]
fn signal(status: ExitStatus) -> Option<i32> {
    std::os::unix::process::ExitStatusExt::signal(&status)
}

#[cfg(not(unix))]
fn signal(_: ExitStatus) -> Option<i32> {
    None
}

/// Standard error of a worker: goes to the studio's log, its last lines are kept.
struct Log {
    last_lines: Arc<Mutex<VecDeque<String>>>,
    reader: JoinHandle<()>,
}

impl Log {
    fn follow(stderr: impl AsyncRead + Unpin + Send + 'static) -> Self {
        let last_lines = Arc::new(Mutex::new(VecDeque::new()));
        let kept = Arc::clone(&last_lines);
        let reader = tokio::spawn(async move {
            let mut lines = BufReader::new(stderr).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                tracing::info!(target: "worker", "{line}");
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                if kept.len() == LAST_LINES_MAX {
                    kept.pop_front();
                }
                kept.push_back(line);
            }
        });
        Self { last_lines, reader }
    }

    /// The last lines, once the process is gone. Not waited for long: a grandchild may hold the pipe open.
    async fn rest_of_lines(&mut self) -> Vec<String> {
        const LINES_TIMEOUT: Duration = Duration::from_millis(500);
        if !self.reader.is_finished() {
            let _ = tokio::time::timeout(LINES_TIMEOUT, &mut self.reader).await;
        }
        let kept = self.last_lines.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().cloned().collect()
    }
}
