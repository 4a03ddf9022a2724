//! Objects in a folder and in a store that speaks S3: moto, which is not ours.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use atelier_contract::Sha256;
use atelier_server::config::Config;
use atelier_server::objects::{Declared, Objects, PutError};
use bytes::Bytes;
use futures_util::stream;
use sha2::Digest as _;
use tempfile::TempDir;

struct Moto {
    child: Child,
    address: String,
}

impl Moto {
    async fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|free| free.local_addr())
            .expect("a free port")
            .port();
        let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools/python/bin/moto_server");
        let program = if ours.is_file() { ours } else { "moto_server".into() };
        let mut command = Command::new(program);
        command
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let child = command.spawn().expect("moto_server: scripts/prepare test installs it");
        let moto = Self {
            child,
            address: format!("http://127.0.0.1:{port}"),
        };
        let deadline = Instant::now() + Duration::from_secs(60);
        while reqwest::get(&moto.address).await.is_err() {
            assert!(Instant::now() < deadline, "moto does not answer");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let made = reqwest::Client::new()
            .put(format!("{}/atelier", moto.address))
            .send()
            .await
            .expect("answers");
        assert!(made.status().is_success());
        moto
    }

    fn objects(&self) -> Objects {
        let mut config = Config::default();
        config.objects.bucket = Some("atelier".to_owned());
        config.objects.endpoint = Some(self.address.parse().expect("an address"));
        config.objects.region = Some("us-east-1".to_owned());
        config.objects.access_key_id = Some("somebody".to_owned());
        config.objects.secret_access_key = Some("secret".to_owned().into());
        config.check().expect("settings that go together");
        Objects::connect(&config).expect("the bucket's settings are enough")
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn declared(bytes: &[u8]) -> Declared {
    let hash = sha2::Sha256::digest(bytes);
    Declared {
        bytes: bytes.len() as u64,
        sha256: Sha256::try_from(hash.as_slice()).expect("32 bytes"),
    }
}

async fn bring(objects: &Objects, key: &str, body: &[u8], declared: Declared) -> Result<(), PutError> {
    let parts: Vec<_> = body
        .chunks(100_000)
        .map(|part| Ok(Bytes::copy_from_slice(part)))
        .collect();
    objects.put_quarantined(key, stream::iter(parts), declared).await
}

async fn whole(objects: &Objects, key: &str) -> Vec<u8> {
    objects
        .get(key)
        .await
        .expect("it is there")
        .bytes()
        .await
        .expect("read")
        .to_vec()
}

/// What has to hold for every store.
async fn keeps(objects: &Objects) {
    // More than one part of an S3 upload.
    let picture: Vec<u8> = (0..12_000_000_u32).map(|place| (place % 251) as u8).collect();
    bring(objects, "quarantine/1", &picture, declared(&picture))
        .await
        .expect("as declared");
    assert_eq!(whole(objects, "quarantine/1").await, picture);
    assert_eq!(
        objects.size("quarantine/1").await.expect("it is there"),
        picture.len() as u64
    );
    assert_eq!(
        objects.range("quarantine/1", 250..253).await.expect("it is there"),
        Bytes::from_static(&[250, 0, 1])
    );
    objects
        .check_quarantined("quarantine/1", declared(&picture))
        .await
        .expect("as declared");
    let other = objects.check_quarantined("quarantine/1", declared(b"other")).await;
    assert!(matches!(other, Err(PutError::Size { declared: 5, .. })), "{other:?}");

    for (key, body, said) in [
        ("quarantine/2", &b"longer than said"[..], declared(b"longer")),
        ("quarantine/3", &b"short"[..], declared(b"shorter than said")),
        ("quarantine/4", &b"other bytes"[..], declared(b"bytes other")),
    ] {
        bring(objects, key, body, said).await.expect_err("not as declared");
        let there = objects.get(key).await;
        assert!(
            matches!(there, Err(object_store::Error::NotFound { .. })),
            "{key} stayed"
        );
    }
    let missing = objects.check_quarantined("quarantine/5", declared(b"x")).await;
    assert!(matches!(missing, Err(PutError::Missing)), "{missing:?}");

    objects.put("a", Bytes::from_static(b"whole")).await.expect("put");
    assert_eq!(whole(objects, "a").await, b"whole");
    objects.delete("a").await.expect("deleted");
    objects.delete("a").await.expect("deleted already");
}

#[tokio::test]
async fn a_folder_keeps_objects() {
    let folder = TempDir::new().expect("a folder");
    let objects = Objects::in_folder(folder.path()).expect("a folder");
    keeps(&objects).await;
    assert!(objects.presign_get("a", Duration::from_secs(60)).await.is_none());
    // Nothing reaches out of it.
    objects.put("../../outside", Bytes::from_static(b"x")).await.ok();
    assert!(!folder.path().join("../../outside").exists());
}

#[tokio::test]
async fn a_store_that_speaks_s3_keeps_objects_and_is_reached_directly() {
    let moto = Moto::start().await;
    let objects = moto.objects();
    keeps(&objects).await;
    let valid = Duration::from_secs(60);
    let to = objects.presign_put("direct", valid).await.expect("an address");
    let put = reqwest::Client::new()
        .put(to)
        .body("brought")
        .send()
        .await
        .expect("answers");
    assert!(put.status().is_success(), "{}", put.status());
    objects
        .check_quarantined("direct", declared(b"brought"))
        .await
        .expect("as declared");
    let from = objects.presign_get("direct", valid).await.expect("an address");
    assert_eq!(
        reqwest::get(from).await.expect("answers").text().await.expect("text"),
        "brought"
    );
}
