//! The description of the routes against the routes themselves, by schemathesis: as an artist, as a user and as nobody.

use std::path::Path;
use std::process::Stdio;

use atelier_contract::SealKey;
use atelier_server::app;
use tempfile::TempDir;
use tokio::process::Command;

use crate::harness::{House, Person};
use crate::studio::Studio;

/// A stream never ends, and these end the session that is asked with.
const LEFT_OUT: &str = r"^/(feed/events|sessions/current|sessions/\{id\}|users/me/deactivate)$";

/// What may be said is narrower than a schema can tell: a cursor is of its list, a code of its sign-in, a tag in English.
const SETTINGS: &str = r#"
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "3xx", "400", "401", "402", "403", "404", "409", "422"]
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_routes_are_as_they_are_described() {
    let house = House::new().await;
    let artist = Studio::new(&house, "ines", "artist", 0).await;
    let style = artist.style("Harbour ink", &["ink"], 5).await;
    let user = Studio::new(&house, "bo", "user", 1_000).await;
    let picture = user.make(style, 5, &["sea"]).await;
    user.publish(picture).await;
    let folder = TempDir::new().expect("a folder");
    let description = folder.path().join("openapi.json");
    let json = serde_json::to_vec(&app::openapi()).expect("plain data");
    std::fs::write(&description, json).expect("written");
    std::fs::write(folder.path().join("schemathesis.toml"), SETTINGS).expect("written");
    for person in [
        house.nobody(),
        fan(&house, "cy", "user").await,
        fan(&house, "dee", "artist").await,
    ] {
        judge(&house, &description, &person).await;
    }
}

async fn fan(house: &House, name: &str, role: &str) -> Person {
    let person = if role == "artist" {
        house.artist(name).await
    } else {
        house.user(name).await
    };
    person
        .given(house, 1_000)
        .await
        .on_device(house, Some(SealKey::new([9; 32])))
        .await
}

async fn judge(house: &House, description: &Path, person: &Person) {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools/python/bin/schemathesis");
    let mut command = Command::new(program);
    command
        .arg("run")
        .arg(description)
        .arg("--url")
        .arg(format!("http://{}", house.address))
        .args([
            "--checks",
            "all",
            "--max-examples",
            "8",
            "--seed",
            "1",
            "--generation-deterministic",
            "--no-shrink",
        ])
        .args([
            "--continue-on-failure",
            "--workers",
            "1",
            "--warnings",
            "off",
            "--no-color",
        ])
        .args(["--exclude-path-regex", LEFT_OUT])
        .current_dir(description.parent().expect("a folder"))
        .stdin(Stdio::null())
        .kill_on_drop(true);
    if let Some(token) = person.token_if_any() {
        command.args(["-H", &format!("Authorization: Bearer {token}")]);
    }
    let judged = command
        .output()
        .await
        .expect("run scripts/prepare test: schemathesis is not installed");
    assert!(
        judged.status.success(),
        "{}",
        String::from_utf8_lossy(&[judged.stdout, judged.stderr].concat())
    );
}
