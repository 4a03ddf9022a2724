//! How a person wants the window: one JSON file beside the library, written whole.
//!
//! Settings never stand in the way: a damaged file is set aside and the defaults are taken.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use atelier_contract::StyleId;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::library::write_whole;
use crate::{Config, Error};

/// Name of the file in the data folder, and of one that could not be read.
const FILE: &str = "settings.json";
const DAMAGED_FILE: &str = "settings-damaged.json";

/// What a person has set. A value that a file does not have yet is the default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct Settings {
    /// Colours.
    pub theme: Theme,
    /// Words.
    pub language: LanguageChoice,
    /// Whether the end of a long job is told outside the window.
    pub notifications: bool,
    /// Whether things move.
    pub reduced_motion: MotionChoice,
    /// Where pictures were exported to last.
    pub export_folder: Option<PathBuf>,
    /// The style that was open last.
    pub last_style: Option<StyleId>,
}

/// Colours of the window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each says what it is")]
pub enum Theme {
    #[default]
    System,
    Light,
    Dark,
}

/// Language of the window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each says what it is")]
pub enum LanguageChoice {
    #[default]
    System,
    En,
    Ko,
}

/// Whether motion is reduced.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "snake_case")]
pub enum MotionChoice {
    /// As the system has it.
    #[default]
    System,
    /// Whatever the system says.
    On,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            theme: Theme::System,
            language: LanguageChoice::System,
            notifications: true,
            reduced_motion: MotionChoice::System,
            export_folder: None,
            last_style: None,
        }
    }
}

/// What is set; the defaults where nothing is. A damaged file is kept under another name and logged.
///
/// # Errors
/// [`Error::File`] when the file is there but may not be read or moved.
pub fn load(config: &Config) -> Result<Settings, Error> {
    let path = config.data.join(FILE);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Settings::default()),
        Err(error) => return Err(Error::file(&path)(error)),
    };
    match over_defaults(&bytes) {
        Ok(settings) => Ok(settings),
        Err(error) => {
            set_aside(&path, &config.data.join(DAMAGED_FILE), &error)?;
            Ok(Settings::default())
        }
    }
}

/// What a file says, and the default for what it does not. Not `serde(default)`: to the page, every setting has a value.
fn over_defaults(bytes: &[u8]) -> Result<Settings, serde_json::Error> {
    let given: Map<String, Value> = serde_json::from_slice(bytes)?;
    let mut all = serde_json::to_value(Settings::default())?;
    if let Value::Object(all) = &mut all {
        all.extend(given);
    }
    serde_json::from_value(all)
}

fn set_aside(path: &Path, aside: &Path, error: &serde_json::Error) -> Result<(), Error> {
    tracing::warn!(%error, kept = %aside.display(), "the settings are damaged; the defaults are taken");
    fs::rename(path, aside).map_err(Error::file(path))
}

/// Keeps `settings` for the next start.
///
/// # Errors
/// [`Error::File`]; then the former settings still stand.
pub fn save(config: &Config, settings: &Settings) -> Result<(), Error> {
    fs::create_dir_all(&config.data).map_err(Error::file(&config.data))?;
    write_whole(&config.data.join(FILE), &serde_json::to_vec_pretty(settings)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(data: &Path) -> Config {
        Config::new(Some(data.to_owned()), None, Path::new("atelier"))
    }

    #[test]
    fn settings_stay_and_one_that_is_new_has_its_default() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let config = config(folder.path());
        assert_eq!(load(&config).expect("defaults"), Settings::default());
        let dark = Settings {
            theme: Theme::Dark,
            last_style: StyleId::try_from(3).ok(),
            ..Settings::default()
        };
        save(&config, &dark).expect("a folder of ours");
        assert_eq!(load(&config).expect("what was saved"), dark);
        fs::write(
            folder.path().join(FILE),
            r#"{"theme": "light", "of_a_newer_version": 1}"#,
        )
        .expect("a file of ours");
        let light = load(&config).expect("a file with one setting");
        assert!(light.theme == Theme::Light && light.notifications);
    }

    #[test]
    fn damaged_settings_are_set_aside() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let config = config(folder.path());
        fs::write(folder.path().join(FILE), r#"{"theme": "da"#).expect("a file of ours");
        assert_eq!(load(&config).expect("defaults"), Settings::default());
        let kept = fs::read_to_string(folder.path().join(DAMAGED_FILE)).expect("the damaged file");
        assert_eq!(kept, r#"{"theme": "da"#);
    }
}
