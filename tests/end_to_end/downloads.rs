//! A base model over the wire: broken off, taken up again, checked, tried by the worker, and used.

use std::fs;
use std::path::Path;
use std::time::Duration;

use atelier_tests::library::forget_models;
use atelier_tests::model_server::{ModelServer, sha256};
use atelier_tests::window::within;
use atelier_tests::{Home, answer, workspace};

/// Bytes that the server gives before it falls silent.
const PART: usize = 1 << 20;
/// Longest time from the wire to the disk.
const ARRIVAL: Duration = Duration::from_secs(20);

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
    let (server, resources) = (ModelServer::new(), home.path("resources"));
    let manifest = server.manifest_in(&resources);
    let atelier = |arguments: &[&str]| {
        let mut command = home.atelier();
        command.arg("--resources").arg(&resources).args(arguments);
        command
    };

    server.fall_silent_after(PART);
    let mut download = atelier(&["models", "download", "small"])
        .spawn()
        .expect("atelier starts");
    server.wait_for_silence();
    let incoming = home.data().join("models/incoming/small");
    let arrived = within(ARRIVAL, async || has_part(&incoming).then_some(())).await;
    arrived.expect("what was sent is written");
    download.kill().expect("it runs");
    download.wait().expect("it ends");

    server.fall_silent_after(None);
    let told = answer(&mut atelier(&["models", "download", "small", "--json"]))
        .ok()
        .json();
    assert_eq!(told["license"], "MIT OR Apache-2.0");
    let ranges = server.ranges();
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

    // As when the disk was full, or the program was killed, before the model was written down.
    forget_models(&home.data()).await;
    let text = fs::read_to_string(&manifest).expect("the manifest");
    let nobody = text.replace("http://127.0.0.1:", "http://127.0.0.1:9/");
    assert_ne!(text, nobody);
    fs::write(&manifest, nobody).expect("written");
    answer(&mut atelier(&["models", "download", "small"])).ok();
    answer(&mut atelier(&["models", "verify", "small"])).ok();
    home.run("models remove small").ok();
    assert!(!home.data().join("models/small").exists());
}

#[test]
fn a_model_whose_file_was_changed_is_refused_and_nothing_of_it_kept() {
    let home = Home::new();
    let resources = home.path("resources");
    let manifest = ModelServer::new().manifest_in(&resources);
    let text = fs::read_to_string(&manifest).expect("the manifest");
    let honest = sha256(&workspace().join("models/starter/model_index.json"));
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

#[test]
fn copies_of_models_have_folders_of_their_own_whatever_they_are_called() {
    let home = Home::new();
    let starter = workspace().join("models/starter");
    let copy = |id: &str| {
        let mut command = home.atelier();
        answer(command.args(["models", "import", "--copy", "--id", id]).arg(&starter))
    };
    for id in ["실사", "만화", "..", "a/b", "a b", "A b", "incoming"] {
        copy(id).ok();
    }
    assert_eq!(copy("실사").status.code(), Some(51));
    let verified = home.run_with(["models", "verify", "--json"]).ok().json();
    assert_eq!(verified["intact"].as_array().map(Vec::len), Some(8), "{verified}");
    for id in ["..", "a/b"] {
        home.run_with(["models", "remove", id]).ok();
    }
    for (folder, there) in [
        ("실사", true),
        ("만화", true),
        ("model", false),
        ("a-b", false),
        ("a-b-2", true),
    ] {
        assert_eq!(home.data().join("models").join(folder).exists(), there, "{folder}");
    }
    assert!(home.data().join("library.db").exists());
}
