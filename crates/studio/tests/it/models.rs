//! The model that ships with the program.

use std::fs;
use std::path::Path;

use atelier_studio::contract::Refusal;
use atelier_studio::{Config, models};

/// Resources that are the starter model, but for what `change` does to its folder.
fn resources(folder: &Path, change: impl FnOnce(&Path)) -> Config {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/starter");
    let copy = folder.join("resources/starter");
    for entry in walkdir::WalkDir::new(&shipped) {
        let entry = entry.unwrap();
        let target = copy.join(entry.path().strip_prefix(&shipped).unwrap());
        if entry.file_type().is_dir() {
            fs::create_dir_all(target).unwrap();
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
    change(&copy);
    Config::new(
        Some(folder.join("data")),
        Some(folder.join("resources")),
        Path::new("atelier"),
    )
}

async fn changed(config: &Config) -> Vec<String> {
    let starter = models::bundled(config).await.unwrap().remove(0);
    models::verify(&starter).await.unwrap()
}

#[tokio::test]
async fn a_changed_byte_of_the_starter_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let whole = resources(folder.path(), |_| {});
    assert_eq!(changed(&whole).await, [""; 0]);
    let weights = "unet/diffusion_pytorch_model.safetensors";
    let spoilt = resources(folder.path(), |starter| {
        let file = starter.join(weights);
        let mut bytes = fs::read(&file).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(file, bytes).unwrap();
        fs::remove_file(starter.join("tokenizer/merges.txt")).unwrap();
    });
    assert_eq!(changed(&spoilt).await, ["tokenizer/merges.txt", weights]);
}

#[tokio::test]
async fn a_starter_without_its_hashes_is_no_whole_program() {
    let folder = tempfile::tempdir().unwrap();
    let config = resources(folder.path(), |starter| {
        fs::remove_file(starter.join("SHA256SUMS")).unwrap();
    });
    let refused = models::bundled(&config).await.unwrap_err().refusal();
    assert!(matches!(refused, Refusal::FileMissing { file } if file.ends_with("SHA256SUMS")));
}
