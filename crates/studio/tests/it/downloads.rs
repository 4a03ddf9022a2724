//! Downloads that break, are cancelled, go on, and arrive.

use std::fs;
use std::path::PathBuf;

use atelier_studio::Error;
use atelier_studio::contract::Refusal;
use atelier_studio::models::download::{arrived_bytes, download};
use atelier_studio::models::manifest::ManifestFile;
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::server::{Conduct, Server};

const BYTES: usize = 300_000;

/// Bytes that differ from place to place, and from `salt` to `salt`.
fn content(salt: u8) -> Vec<u8> {
    (0..BYTES)
        .map(|at| (at / 251) as u8 ^ (at % 251) as u8 ^ salt)
        .collect()
}

fn faultless(salt: u8) -> Conduct {
    Conduct {
        content: content(salt),
        version: if salt == 0 { "first" } else { "second" },
        ranges: true,
        breaks_at: None,
        stalls: false,
    }
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A folder that a file is downloaded to.
struct Shelf {
    folder: TempDir,
    server: Server,
    /// As the manifest has it.
    sha256: Option<String>,
}

impl Shelf {
    async fn new(conduct: Conduct) -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            sha256: Some(sha256(&conduct.content)),
            server: Server::new(conduct).await,
        }
    }

    fn target(&self) -> PathBuf {
        self.folder.path().join("incoming/model.safetensors")
    }

    async fn download(
        &self,
        cancel: &CancellationToken,
        on_bytes: &mut (dyn FnMut(u64, Option<u64>) + Send),
    ) -> Result<String, Error> {
        let file = ManifestFile {
            path: "model.safetensors".into(),
            url: self.server.url.clone(),
            bytes: Some(BYTES as u64),
            sha256: self.sha256.clone(),
        };
        download(&file, &self.target(), cancel, on_bytes).await
    }

    async fn arrives(&self) -> Result<String, Error> {
        self.download(&CancellationToken::new(), &mut |_, _| {}).await
    }

    /// Begins a download and ends it when the server has fallen silent at `bytes`.
    async fn cancelled_at(&self, bytes: usize) {
        let cancel = CancellationToken::new();
        let token = cancel.clone();
        let answer = self
            .download(&cancel, &mut |have, _| {
                if have >= bytes as u64 {
                    token.cancel();
                }
            })
            .await;
        assert!(matches!(answer.unwrap_err().refusal(), Refusal::Cancelled {}));
        assert_eq!(arrived_bytes(&self.target()), bytes as u64);
    }

    /// Names of all files in the download's folder.
    fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path().join("incoming")).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

#[tokio::test]
async fn a_file_arrives_whole_under_its_name() {
    let shelf = Shelf::new(faultless(0)).await;
    let mut last = (0, None);
    let hash = shelf
        .download(&CancellationToken::new(), &mut |have, all| {
            assert!(have > last.0);
            last = (have, all);
        })
        .await
        .unwrap();
    assert_eq!(Some(hash), shelf.sha256);
    assert_eq!(last, (BYTES as u64, Some(BYTES as u64)));
    assert_eq!(fs::read(shelf.target()).unwrap(), content(0));
    assert_eq!(shelf.files(), ["model.safetensors"]);
}

#[tokio::test]
async fn a_connection_that_breaks_is_taken_up_where_it_broke() {
    let shelf = Shelf::new(Conduct {
        breaks_at: Some(100_000),
        ..faultless(0)
    })
    .await;
    let (server, mut mended) = (shelf.server.clone(), false);
    shelf
        .download(&CancellationToken::new(), &mut |have, _| {
            if have >= 100_000 && !mended {
                mended = true;
                server.change(faultless(0));
            }
        })
        .await
        .unwrap();
    assert_eq!(shelf.server.asked(), ["", "bytes=100000-"]);
    assert_eq!(fs::read(shelf.target()).unwrap(), content(0));
}

#[tokio::test]
async fn a_server_that_never_goes_on_is_given_up_and_what_arrived_kept() {
    let shelf = Shelf::new(Conduct {
        breaks_at: Some(1_000),
        ..faultless(0)
    })
    .await;
    let failed = shelf.arrives().await.unwrap_err();
    assert!(matches!(failed.refusal(), Refusal::DownloadFailed { .. }));
    assert_eq!(arrived_bytes(&shelf.target()), 1_000);
    shelf.server.change(faultless(0));
    shelf.arrives().await.unwrap();
    assert_eq!(shelf.server.asked().last().unwrap(), "bytes=1000-");
}

#[tokio::test]
async fn a_cancelled_download_keeps_what_arrived_and_goes_on_there() {
    let shelf = Shelf::new(Conduct {
        breaks_at: Some(120_000),
        stalls: true,
        ..faultless(0)
    })
    .await;
    shelf.cancelled_at(120_000).await;
    shelf.server.change(faultless(0));
    shelf.arrives().await.unwrap();
    assert_eq!(shelf.server.asked(), ["", "bytes=120000-"]);
    assert_eq!(fs::read(shelf.target()).unwrap(), content(0));
}

#[tokio::test]
async fn a_server_without_ranges_sends_all_of_it_again() {
    let shelf = Shelf::new(Conduct {
        breaks_at: Some(120_000),
        stalls: true,
        ranges: false,
        ..faultless(0)
    })
    .await;
    shelf.cancelled_at(120_000).await;
    shelf.server.change(Conduct {
        ranges: false,
        ..faultless(0)
    });
    shelf.arrives().await.unwrap();
    assert_eq!(fs::read(shelf.target()).unwrap(), content(0));
}

#[tokio::test]
async fn a_file_that_changed_meanwhile_is_never_joined_to_the_old_one() {
    let mut shelf = Shelf::new(Conduct {
        breaks_at: Some(120_000),
        stalls: true,
        ..faultless(0)
    })
    .await;
    // A manifest that does not say the hash: only the server's word is left.
    shelf.sha256 = None;
    shelf.cancelled_at(120_000).await;
    shelf.server.change(faultless(1));
    shelf.arrives().await.unwrap();
    assert_eq!(shelf.server.asked(), ["", "bytes=120000-"]);
    assert_eq!(fs::read(shelf.target()).unwrap(), content(1));
}

#[tokio::test]
async fn a_file_with_another_hash_is_refused_and_removed() {
    let shelf = Shelf::new(faultless(0)).await;
    shelf.server.change(faultless(1));
    let refused = shelf.arrives().await.unwrap_err();
    assert!(matches!(refused.refusal(), Refusal::FileInvalid { .. }));
    assert!(shelf.files().is_empty());
    shelf.server.change(faultless(0));
    shelf.arrives().await.unwrap();
}

#[tokio::test]
async fn nothing_is_downloaded_in_the_open() {
    let shelf = Shelf::new(faultless(0)).await;
    let file = ManifestFile {
        path: "x".into(),
        url: "http://example.org/x".into(),
        bytes: None,
        sha256: None,
    };
    let refused = download(&file, &shelf.target(), &CancellationToken::new(), &mut |_, _| {}).await;
    assert!(matches!(
        refused.unwrap_err().refusal(),
        Refusal::DownloadNotEncrypted { .. }
    ));
}
