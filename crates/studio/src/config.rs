//! Where things are. Made once in `main` from arguments and environment, then passed down.

use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a second program waits for the first one's library: long enough for a short command to end.
const LOCK_WAIT: Duration = Duration::from_secs(3);

/// Folders that the studio works in.
#[derive(Debug, Clone)]
pub struct Config {
    /// The library's own folder: database, pictures, trained styles, checkpoints.
    pub data: PathBuf,
    /// What ships with the program: `starter/`, `samples/`, `manifests/`.
    pub resources: PathBuf,
    /// Where `atelier-worker` and its other builds are.
    pub programs: PathBuf,
    /// How long to wait for a library that another program has open.
    pub lock_wait: Duration,
}

impl Config {
    /// The given folders, else the usual ones: data in the person's data folder, resources beside the program or in the source tree
    /// that it was built from. `executable` is the running program.
    #[must_use]
    pub fn new(data: Option<PathBuf>, resources: Option<PathBuf>, executable: &Path) -> Self {
        let beside = executable.parent().unwrap_or(Path::new("."));
        Self {
            data: data.unwrap_or_else(usual_data),
            resources: resources.unwrap_or_else(|| usual_resources(beside)),
            programs: usual_programs(beside),
            lock_wait: LOCK_WAIT,
        }
    }
}

fn usual_data() -> PathBuf {
    directories::ProjectDirs::from("", "", "atelier")
        .map_or_else(|| PathBuf::from("atelier-data"), |dirs| dirs.data_dir().to_owned())
}

/// Where an installed program keeps what belongs to it, as seen from its own folder: beside it (Windows, and a build in this tree), in a
/// folder of its own (Linux), among the resources of its bundle (macOS).
const BELONGINGS: [&str; 3] = ["", "../lib/Atelier", "../Resources"];

fn usual_resources(beside: &Path) -> PathBuf {
    let mut places = BELONGINGS.iter().map(|place| beside.join(place).join("models"));
    places
        .find(|place| place.is_dir())
        .unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models"))
}

fn usual_programs(beside: &Path) -> PathBuf {
    let worker = format!("atelier-worker{}", std::env::consts::EXE_SUFFIX);
    let mut places = BELONGINGS.iter().map(|place| beside.join(place));
    places
        .find(|place| place.join(&worker).is_file())
        .unwrap_or_else(|| beside.to_owned())
}
