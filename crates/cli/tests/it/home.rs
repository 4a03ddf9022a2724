//! A home for one test: a data folder, a starter model that only has a name, and pictures.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// Of `{}`.
const SHA256_OF_INDEX: &str = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

pub(crate) struct Home {
    folder: TempDir,
}

impl Home {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let starter = folder.path().join("resources/starter");
        std::fs::create_dir_all(&starter).unwrap();
        std::fs::write(starter.join("model_index.json"), "{}").unwrap();
        std::fs::write(
            starter.join("SHA256SUMS"),
            format!("{SHA256_OF_INDEX}  model_index.json\n"),
        )
        .unwrap();
        Self { folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = atelier();
        command
            .arg("--data")
            .arg(self.path("data"))
            .args(arguments)
            .env("ATELIER_RESOURCES", self.path("resources"))
            .current_dir(self.folder.path());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// What the command tells a program, without what is different every time.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let output = self.run(&[arguments, &["--json"]].concat());
        assert!(output.status.success(), "{output:?}");
        let mut value = serde_json::from_slice(&output.stdout).unwrap();
        redact(&mut value, self.folder.path());
        value
    }

    /// Pictures with a caption each, others for every number.
    pub(crate) fn pictures(&self, folder: &str, count: u8) {
        std::fs::create_dir_all(self.path(folder)).unwrap();
        for number in 0..count {
            let mut state = u32::from(number) * 2_654_435 + 12_345;
            let patches = image::RgbImage::from_fn(8, 8, |_, _| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let [_, red, green, blue] = state.to_le_bytes();
                image::Rgb([red, green, blue])
            });
            let picture = image::imageops::resize(&patches, 160, 160, image::imageops::FilterType::CatmullRom);
            picture.save(self.path(&format!("{folder}/{number:02}.png"))).unwrap();
            std::fs::write(self.path(&format!("{folder}/{number:02}.txt")), "house, sea").unwrap();
        }
    }
}

/// The program, with nothing of the surroundings that would change what it says.
pub(crate) fn atelier() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_atelier"));
    command.stdin(Stdio::null());
    for name in [
        "COLUMNS",
        "LANG",
        "LC_ALL",
        "LC_MESSAGES",
        "ATELIER_DATA",
        "ATELIER_LOG",
    ] {
        command.env_remove(name);
    }
    command
}

fn redact(value: &mut Value, folder: &Path) {
    match value {
        Value::String(text) => *text = text.replace(&folder.display().to_string(), "[home]"),
        Value::Array(entries) => entries.iter_mut().for_each(|entry| redact(entry, folder)),
        Value::Object(fields) => {
            for (name, field) in fields {
                if name.ends_with("_at") {
                    *field = "[time]".into();
                } else if name == "path" && field.as_str().is_some_and(|path| path.contains("/images/")) {
                    *field = "[image]".into();
                } else {
                    redact(field, folder);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
