//! Objects in a folder and in a store that speaks S3: moto, which is not ours.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use atelier_contract::{ArtworkView, Sha256, Upload, UploadStatus};
use atelier_server::config::Config;
use atelier_server::objects::{Brought, Declared, Objects, PutError};
use bytes::Bytes;
use futures_util::stream;
use reqwest::redirect::Policy;
use serde_json::json;
use sha2::Digest as _;
use tempfile::TempDir;

use crate::harness::House;
use crate::studio::{Studio, png};

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
        self.set(&mut config);
        config.check().expect("settings that go together");
        Objects::connect(&config).expect("the bucket's settings are enough")
    }

    /// Makes it the store of a server.
    fn set(&self, config: &mut Config) {
        config.objects.bucket = Some("atelier".to_owned());
        config.objects.endpoint = Some(self.address.parse().expect("an address"));
        config.objects.region = Some("us-east-1".to_owned());
        config.objects.access_key_id = Some("somebody".to_owned());
        config.objects.secret_access_key = Some("secret".to_owned().into());
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

async fn bring(objects: &Objects, key: &str, body: &[u8], declared: Declared) -> Result<Brought, PutError> {
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

async fn is_missing(objects: &Objects, key: &str) -> bool {
    matches!(objects.get(key).await, Err(object_store::Error::NotFound { .. }))
}

/// Whatever is put in the place of something that was checked is never read in its stead.
async fn checked_is_what_is_read(objects: &Objects) {
    let checked = bring(objects, "quarantine/6", b"checked", declared(b"checked")).await;
    let again = objects.check_quarantined("quarantine/6", declared(b"checked")).await;
    let (checked, again) = (checked.expect("as declared"), again.expect("as declared"));
    for other in [&b"swapped"[..], &[7; 100_000][..]] {
        let other = Bytes::copy_from_slice(other);
        objects.put("quarantine/6", other).await.expect("put");
        for checked in [&checked, &again] {
            let whole = objects.brought_whole(checked).await;
            assert!(
                matches!(whole, Err(object_store::Error::Precondition { .. })),
                "{whole:?}"
            );
            let part = objects.brought(checked, Some(0..3)).await;
            assert!(
                matches!(part, Err(object_store::Error::Precondition { .. })),
                "{part:?}"
            );
        }
    }
}

/// What has to hold for every store.
async fn keeps(objects: &Objects) {
    // More than one part of an S3 upload.
    let picture: Vec<u8> = (0..12_000_000_u32).map(|place| (place % 251) as u8).collect();
    bring(objects, "quarantine/1", &picture, declared(&picture))
        .await
        .expect("as declared");
    assert_eq!(whole(objects, "quarantine/1").await, picture);
    let brought = objects
        .check_quarantined("quarantine/1", declared(&picture))
        .await
        .expect("as declared");
    assert_eq!(brought.bytes(), picture.len() as u64);
    let part = objects.brought(&brought, Some(250..253)).await.expect("it is there");
    assert_eq!(part.bytes().await.expect("read"), Bytes::from_static(&[250, 0, 1]));
    assert_eq!(objects.brought_whole(&brought).await.expect("it is there"), picture);
    let longer = [picture.as_slice(), b"more"].concat();
    let other = objects.check_quarantined("quarantine/1", declared(&longer)).await;
    assert!(matches!(other, Err(PutError::Size { .. })), "{other:?}");
    assert_eq!(
        whole(objects, "quarantine/1").await,
        picture,
        "more of it may be on its way"
    );
    let other = objects.check_quarantined("quarantine/1", declared(b"other")).await;
    assert!(matches!(other, Err(PutError::Size { declared: 5, .. })), "{other:?}");
    assert!(
        is_missing(objects, "quarantine/1").await,
        "what is larger does not stay"
    );
    checked_is_what_is_read(objects).await;

    for (key, body, said) in [
        ("quarantine/2", &b"longer than said"[..], declared(b"longer")),
        ("quarantine/3", &b"short"[..], declared(b"shorter than said")),
        ("quarantine/4", &b"other bytes"[..], declared(b"bytes other")),
    ] {
        bring(objects, key, body, said).await.expect_err("not as declared");
        assert!(is_missing(objects, key).await, "{key} stayed");
    }
    objects
        .put("quarantine/7", Bytes::from_static(b"other"))
        .await
        .expect("put");
    let other = objects.check_quarantined("quarantine/7", declared(b"bytes")).await;
    assert!(matches!(other, Err(PutError::Hash)), "{other:?}");
    assert!(is_missing(objects, "quarantine/7").await, "what is other is read once");
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

#[tokio::test]
async fn files_go_to_the_store_and_come_from_it_without_the_server() {
    let moto = Moto::start().await;
    let house = House::with(|config| moto.set(config)).await;
    let artist = Studio::new(&house, "ines", "artist", 0).await;
    let client = reqwest::Client::builder().redirect(Policy::none()).build();
    let client = client.expect("a client");
    let file = png(1);
    let upload = artist.declare("artwork", &file).await;
    let (path, check) = (format!("/uploads/{upload}"), format!("/uploads/{upload}/check"));
    let address = artist.get(&path).await.is::<Upload>().put.expect("an address");
    assert!(address.starts_with(&moto.address), "{address}");
    let put = async |body: Vec<u8>| {
        let answer = client.put(&address).body(body).send().await.expect("answers");
        assert!(answer.status().is_success(), "{}", answer.status());
    };
    assert_eq!(artist.post(&check, json!({})).await.code(), "upload_refused");
    put([file.as_slice(), &[0; 1000]].concat()).await;
    assert_eq!(artist.post(&check, json!({})).await.code(), "upload_refused");
    let objects = &house.app.objects;
    assert!(
        is_missing(objects, &format!("quarantine/{upload}")).await,
        "what is larger does not stay"
    );
    let mut other = file.clone();
    other[40] ^= 1;
    put(other).await;
    assert_eq!(artist.post(&check, json!({})).await.code(), "upload_refused");
    put(file.clone()).await;
    let checks = tokio::join!(artist.post(&check, json!({})), artist.post(&check, json!({})));
    for checked in [checks.0, checks.1, artist.post(&check, json!({})).await] {
        assert_eq!(checked.is::<Upload>().status, UploadStatus::Verified);
    }
    let style = artist.draft("Ink", &[], 0).await;
    let artworks = format!("/styles/{style}/artworks");
    let artwork: ArtworkView = artist.post(&artworks, json!({ "upload": upload })).await.is();
    let request = client
        .get(format!("http://{}{}", house.address, artwork.image_url))
        .bearer_auth(artist.token());
    let answer = request.send().await.expect("answers");
    assert_eq!(answer.status(), 307);
    let from = answer.headers()["location"].to_str().expect("an address").to_owned();
    assert!(from.starts_with(&moto.address), "{from}");
    let picture = client.get(&from).send().await.expect("answers");
    assert!(picture.bytes().await.expect("read").starts_with(b"\x89PNG"));
    // By the server as well, for who cannot reach the store.
    artist.upload("picture", &png(2)).await;
    artist.upload("lora", &crate::studio::lora()).await;
    let gone = artist.delete(&format!("/artworks/{}", artwork.id)).await;
    assert!(gone.status.is_success());
    house.sweep().await;
    assert_eq!(client.get(&from).send().await.expect("answers").status(), 200);
    sqlx::query("UPDATE discarded_objects SET due_at = now()")
        .execute(house.pool())
        .await
        .expect("a week passes");
    house.sweep().await;
    assert_eq!(client.get(&from).send().await.expect("answers").status(), 404);
}
