//! Files over HTTP: resumed where they stopped, checked against a hash, and under their name only when whole.
//!
//! ```text
//! model.safetensors.part      what has arrived
//! model.safetensors.version   which version of the server's file that is (its entity tag); a changed file is begun anew
//! model.safetensors           all of it, with the right hash
//! ```

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use atelier_contract::{Finding, Refusal};
use futures_util::StreamExt;
use reqwest::{Client, Response, StatusCode, header, redirect};
use sha2::{Digest, Sha256};
use tokio::io::AsyncWriteExt;
use tokio_util::sync::CancellationToken;

use super::manifest::{ManifestFile, is_sha256};
use crate::Error;

/// Longest time for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
/// Longest silence of a server.
const READ_TIMEOUT: Duration = Duration::from_secs(60);
/// How often a broken connection is taken up again while something arrives.
const TRIES_MAX: u32 = 5;
/// Before the second try; before the third it is twice as long, and so on.
const PAUSE: Duration = Duration::from_millis(500);
const HASH_BUFFER_BYTES: usize = 1 << 20;

/// Called with bytes that are there and bytes in all, if known.
pub type OnBytes<'a> = &'a mut (dyn FnMut(u64, Option<u64>) + Send);

/// What a server says of a file before it sends it.
struct Announced {
    bytes: Option<u64>,
    sha256: Option<String>,
}

/// A download on its way.
struct Arrival<'a> {
    file: &'a ManifestFile,
    /// What has arrived.
    part: PathBuf,
    /// In all, if known.
    bytes: Option<u64>,
    cancel: &'a CancellationToken,
}

/// Downloads `file` to `target`; goes on where an earlier try stopped. Gives its hash.
///
/// # Errors
/// [`Refusal::DownloadNotEncrypted`], [`Refusal::DownloadFailed`] and [`Refusal::Cancelled`] (what arrived is kept),
/// [`Refusal::FileInvalid`] when the hash is wrong (what arrived is removed), [`Refusal::DiskFull`].
pub async fn download(
    file: &ManifestFile,
    target: &Path,
    cancel: &CancellationToken,
    on_bytes: OnBytes<'_>,
) -> Result<String, Error> {
    check_encrypted(&file.url)?;
    if let Some(parent) = target.parent() {
        fs::create_dir_all(parent).map_err(Error::file(parent))?;
    }
    let announced = cancel
        .run_until_cancelled(announced(file))
        .await
        .ok_or(Refusal::Cancelled {})??;
    let client = client(redirect::Policy::custom(|attempt| {
        // A server may pass the download on, but never into the open.
        if is_encrypted(attempt.url()) && attempt.previous().len() < 10 {
            attempt.follow()
        } else {
            attempt.stop()
        }
    }))?;
    let arrival = Arrival {
        file,
        part: part_of(target),
        bytes: file.bytes.or(announced.bytes),
        cancel,
    };
    arrival.all(&client, on_bytes).await?;
    arrival.finish(target, file.sha256.clone().or(announced.sha256)).await
}

/// Bytes of `target` that are there, whole or in part.
#[must_use]
pub fn arrived_bytes(target: &Path) -> u64 {
    size(target).max(size(&part_of(target)))
}

fn check_encrypted(address: &str) -> Result<(), Error> {
    match reqwest::Url::parse(address) {
        Ok(url) if is_encrypted(&url) => Ok(()),
        Ok(_) | Err(_) => Err(Refusal::DownloadNotEncrypted {
            address: address.to_owned(),
        }
        .into()),
    }
}

/// Encrypted, or on this machine.
fn is_encrypted(url: &reqwest::Url) -> bool {
    url.scheme() == "https" || matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"))
}

fn client(policy: redirect::Policy) -> Result<Client, Error> {
    let built = Client::builder()
        .redirect(policy)
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(READ_TIMEOUT)
        .build();
    built.map_err(|error| {
        Refusal::Internal {
            reason: error.to_string(),
        }
        .into()
    })
}

fn failed(file: &ManifestFile, reason: Finding) -> Error {
    let address = file.url.clone();
    Refusal::DownloadFailed { address, reason }.into()
}

/// Size and hash from the first answer: behind a redirection the hash of the file is no longer told.
async fn announced(file: &ManifestFile) -> Result<Announced, Error> {
    let answer = client(redirect::Policy::none())?.head(&file.url).send().await;
    let answer = answer.map_err(|error| failed(file, explain(&error)))?;
    let text = |name: &str| {
        answer
            .headers()
            .get(name)
            .and_then(|value| value.to_str().ok())
            .map(|text| text.trim_matches('"'))
    };
    let sha256 = ["x-linked-etag", "etag"]
        .into_iter()
        .filter_map(text)
        .find(|tag| is_sha256(tag));
    let length = text("x-linked-size").or_else(|| text("content-length").filter(|_| answer.status().is_success()));
    Ok(Announced {
        bytes: length.and_then(|text| text.parse().ok()),
        sha256: sha256.map(str::to_lowercase),
    })
}

impl Arrival<'_> {
    /// Takes a connection that breaks up again, as long as something arrives.
    async fn all(&self, client: &Client, on_bytes: OnBytes<'_>) -> Result<(), Error> {
        let mut tries = 0;
        loop {
            let before = size(&self.part);
            let Err(error) = self.missing(client, on_bytes).await else {
                return Ok(());
            };
            let after = size(&self.part);
            tries = if after > before { 1 } else { tries + 1 };
            if tries >= TRIES_MAX || !matches!(error, Error::Refused(Refusal::DownloadFailed { .. })) {
                return Err(error);
            }
            tracing::info!("the download broke off at {after} bytes and goes on");
            let pause = tokio::time::sleep(PAUSE * tries);
            self.unless_cancelled(pause).await?;
        }
    }

    /// Asks once for what is missing and appends what comes.
    async fn missing(&self, client: &Client, on_bytes: OnBytes<'_>) -> Result<(), Error> {
        let (file, part) = (self.file, &self.part);
        let mut have = size(part);
        if self.bytes.is_some_and(|bytes| have >= bytes) {
            return Ok(());
        }
        let mut request = client.get(&file.url);
        if have > 0 {
            request = request.header(header::RANGE, format!("bytes={have}-"));
            // A server whose file is another one by now then sends all of that.
            if let Ok(version) = fs::read_to_string(version_of(part)) {
                request = request.header(header::IF_RANGE, version);
            }
        }
        let answer = self.unless_cancelled(request.send()).await?;
        let answer = answer.map_err(|error| failed(file, explain(&error)))?;
        let goes_on = match answer.status() {
            StatusCode::PARTIAL_CONTENT if starts_at(&answer) == Some(have) => true,
            StatusCode::PARTIAL_CONTENT => return Err(failed(file, Finding::ServerSentOther {})),
            StatusCode::OK => false,
            // Nothing behind what we have: the hash tells whether it is whole.
            StatusCode::RANGE_NOT_SATISFIABLE => return Ok(()),
            other => {
                let http_status = other.as_u16();
                return Err(failed(file, Finding::ServerAnswered { http_status }));
            }
        };
        if !goes_on {
            have = 0;
            remember_version(&answer, part)?;
        }
        let have = self.append(answer, have, goes_on, on_bytes).await?;
        match self.bytes {
            Some(bytes) if have < bytes => Err(failed(file, Finding::ConnectionEnded {})),
            Some(_) | None => Ok(()),
        }
    }

    /// Writes what the server sends behind the `have` bytes that are there; gives how many are there then. However it ends, they
    /// are on the disk: whoever goes on counts them.
    async fn append(
        &self,
        answer: Response,
        mut have: u64,
        goes_on: bool,
        on_bytes: OnBytes<'_>,
    ) -> Result<u64, Error> {
        let part = &self.part;
        let opened = tokio::fs::OpenOptions::new()
            .create(true)
            .append(goes_on)
            .write(true)
            .truncate(!goes_on)
            .open(part)
            .await;
        let mut out = opened.map_err(Error::file(part))?;
        let mut chunks = answer.bytes_stream();
        let ended = loop {
            match self.unless_cancelled(chunks.next()).await {
                Ok(Some(Ok(chunk))) => {
                    out.write_all(&chunk).await.map_err(Error::file(part))?;
                    have += chunk.len() as u64;
                    on_bytes(have, self.bytes);
                }
                Ok(Some(Err(error))) => break Err(failed(self.file, explain(&error))),
                Ok(None) => break Ok(have),
                Err(cancelled) => break Err(cancelled),
            }
        };
        out.sync_all().await.map_err(Error::file(part))?;
        ended
    }

    /// Checks the hash and gives the file its name.
    async fn finish(&self, target: &Path, wanted: Option<String>) -> Result<String, Error> {
        let (part, bytes, target, cancel) = (self.part.clone(), self.bytes, target.to_owned(), self.cancel.clone());
        tokio::task::spawn_blocking(move || {
            let hash = hash_of(&part, |_| !cancel.is_cancelled())?.ok_or(Refusal::Cancelled {})?;
            remove(&version_of(&part))?;
            let whole = bytes.is_none_or(|bytes| size(&part) == bytes);
            if wanted.is_some_and(|wanted| !wanted.eq_ignore_ascii_case(&hash)) || !whole {
                remove(&part)?;
                return Err(Refusal::FileInvalid {
                    file: target.display().to_string(),
                    reason: Finding::HashDiffers {},
                }
                .into());
            }
            fs::rename(&part, &target).map_err(Error::file(&target))?;
            Ok(hash)
        })
        .await?
    }

    async fn unless_cancelled<T>(&self, work: impl Future<Output = T>) -> Result<T, Error> {
        let done = self.cancel.run_until_cancelled(work).await;
        done.ok_or_else(|| Refusal::Cancelled {}.into())
    }
}

/// Keeps the entity tag of what is about to arrive. A weak one says too little: half of a file may not go on with half of its like.
fn remember_version(answer: &Response, part: &Path) -> Result<(), Error> {
    let path = version_of(part);
    let tag = answer.headers().get(header::ETAG).and_then(|tag| tag.to_str().ok());
    match tag.filter(|tag| tag.starts_with('"')) {
        Some(tag) => fs::write(&path, tag).map_err(Error::file(&path)),
        None => remove(&path),
    }
}

/// Removes a file that may not be there.
fn remove(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::file(path)(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// SHA-256 of a file in hexadecimal. Blocks.
pub(crate) fn sha256_of(path: &Path) -> Result<String, Error> {
    let hash = hash_of(path, |_| true)?;
    Ok(hash.expect("nobody gives it up"))
}

/// SHA-256 of a file in hexadecimal; `None` when `go_on`, which hears how many bytes are read, does not want to. Blocks.
pub(super) fn hash_of(path: &Path, go_on: impl Fn(u64) -> bool) -> Result<Option<String>, Error> {
    let mut file = File::open(path).map_err(Error::file(path))?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; HASH_BUFFER_BYTES];
    let mut have = 0;
    loop {
        if !go_on(have) {
            return Ok(None);
        }
        let read = file.read(&mut buffer).map_err(Error::file(path))?;
        if read == 0 {
            break;
        }
        hash.update(&buffer[..read]);
        have += read as u64;
    }
    Ok(Some(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()))
}

fn part_of(target: &Path) -> PathBuf {
    let mut name = target.as_os_str().to_owned();
    name.push(".part");
    PathBuf::from(name)
}

fn version_of(part: &Path) -> PathBuf {
    part.with_extension("version")
}

fn size(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |facts| facts.len())
}

/// First byte of a partial answer, from `content-range: bytes 5-9/10`.
fn starts_at(answer: &Response) -> Option<u64> {
    let range = answer.headers().get(header::CONTENT_RANGE)?.to_str().ok()?;
    range.strip_prefix("bytes ")?.split('-').next()?.parse().ok()
}

/// Why nothing more came. The innermost cause is for the log: the outer ones only repeat the address.
fn explain(error: &reqwest::Error) -> Finding {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    tracing::warn!("the download broke off: {cause}");
    if error.is_connect() || error.is_timeout() {
        Finding::ServerUnreachable {}
    } else {
        Finding::ConnectionEnded {}
    }
}
