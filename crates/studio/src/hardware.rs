//! What the machine has, for `doctor` and for the decisions of other modules. Asking never changes anything, and never hangs.

use std::path::{Path, PathBuf};
use std::time::Duration;

use atelier_worker_protocol::{AdapterFacts, Backend, DType, Hello, Outcome, Task};
use serde::Serialize;
use sysinfo::{Disks, MemoryRefreshKind, RefreshKind, System};

use crate::worker::{BuildAnswer, Workshop};
use crate::{Config, Library, models};

/// Longest time for a question to a driver or a keyring: a locked keyring may wait for a person.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// All that `doctor` tells.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct Report {
    /// Version of this program.
    pub version: &'static str,
    /// The system.
    pub system: SystemFacts,
    /// Graphics adapters as wgpu sees them; empty where no driver is installed or none answers.
    pub adapters: Vec<AdapterFacts>,
    /// Builds of the worker and whether they answer.
    pub workers: Vec<BuildAnswer>,
    /// Base models that are there, by id.
    pub models: Vec<String>,
    /// Where the library is.
    pub data: PathBuf,
    /// Bytes free there.
    pub disk_free_bytes: Option<u64>,
    /// Whether passwords can be kept.
    pub keyring: Keyring,
    /// The sync server: not part of this version.
    pub server: &'static str,
}

/// Processor, memory, system.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct SystemFacts {
    /// Name and version of the system.
    pub name: String,
    /// Processor architecture.
    pub architecture: &'static str,
    /// Threads that run at once.
    pub threads: usize,
    /// Vector instructions that the engine uses, of those the processor has.
    pub features: Vec<&'static str>,
    /// Bytes in all.
    pub memory_bytes: u64,
    /// Bytes that are free.
    pub memory_available_bytes: u64,
}

/// Whether passwords can be kept.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "snake_case", tag = "status", content = "reason")]
pub enum Keyring {
    /// Yes.
    Reachable,
    /// Not here: a session would last until the program ends.
    Unreachable(String),
}

/// Looks at everything. `library` is `None` when it could not be opened; then the report goes on without it.
pub async fn report(config: &Config, library: Option<&Library>) -> Report {
    let workshop = Workshop::new(&config.programs, None);
    let (adapters, workers, keyring) = tokio::join!(adapters(config), workshop.builds(), keyring());
    let models = match library {
        Some(library) => models::list(library, config).await,
        None => models::bundled(config).await,
    };
    Report {
        version: env!("CARGO_PKG_VERSION"),
        system: system(),
        adapters,
        workers,
        models: models.unwrap_or_default().into_iter().map(|model| model.id).collect(),
        data: config.data.clone(),
        disk_free_bytes: disk_free_bytes(&config.data),
        keyring,
        server: "not configured",
    }
}

/// What does the work, as far as it decides what fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Device {
    /// Bytes that a worker works in.
    pub memory_bytes: u64,
    /// Format of weights there.
    pub dtype: DType,
}

impl Device {
    /// The device of a worker, in a machine with so much memory. What has no memory of its own uses the machine's.
    #[must_use]
    pub fn of(hello: &Hello, machine_bytes: u64) -> Self {
        let own = match hello.backend {
            // Of a container less may be there than the worker sees.
            Backend::Cpu => None,
            Backend::Cuda | Backend::Metal => hello.device.memory_bytes,
        };
        Self {
            memory_bytes: own.unwrap_or(machine_bytes),
            dtype: hello.device.dtype,
        }
    }

    /// The processor of a machine where no worker answers.
    #[must_use]
    pub const fn processor(machine_bytes: u64) -> Self {
        Self {
            memory_bytes: machine_bytes,
            dtype: DType::F32,
        }
    }
}

/// The device that would do the work; `None` when no worker answers in time. Starts and ends a worker, which may take a second.
pub async fn device(config: &Config) -> Option<Device> {
    let mut workshop = Workshop::new(&config.programs, None);
    let hello = tokio::time::timeout(ANSWER_TIMEOUT, workshop.hello())
        .await
        .ok()?
        .ok()?;
    Some(Device::of(&hello, memory_bytes().0))
}

/// Memory of the machine, or of the container it pretends to be: (in all, available), in bytes.
#[must_use]
pub fn memory_bytes() -> (u64, u64) {
    let Ok(system) = System::new_with_specifics(RefreshKind::nothing().with_memory(MemoryRefreshKind::everything()))
    else {
        return (0, 0);
    };
    match system.cgroup_limits() {
        Some(limits) if limits.total_memory > 0 => {
            (limits.total_memory, limits.free_memory.min(system.available_memory()))
        }
        Some(_) | None => (system.total_memory(), system.available_memory()),
    }
}

fn system() -> SystemFacts {
    let (memory_bytes, memory_available_bytes) = memory_bytes();
    SystemFacts {
        name: System::long_os_version().unwrap_or_else(|_unknown| std::env::consts::OS.to_owned()),
        architecture: std::env::consts::ARCH,
        threads: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        features: features(),
        memory_bytes,
        memory_available_bytes,
    }
}

#[cfg(target_arch = "x86_64")]
fn features() -> Vec<&'static str> {
    let mut features = Vec::new();
    macro_rules! detect {
        ($($feature:tt),+) => {$(
            if std::arch::is_x86_feature_detected!($feature) {
                features.push($feature);
            }
        )+};
    }
    detect!("avx2", "fma", "f16c", "avx512f", "avx512bw", "avx512vnni", "avx512bf16");
    features
}

#[cfg(not(target_arch = "x86_64"))]
fn features() -> Vec<&'static str> {
    if cfg!(target_arch = "aarch64") {
        vec!["neon"]
    } else {
        Vec::new()
    }
}

/// Free bytes of the disk that holds `folder`, or the folder that it would be made in.
pub(crate) fn disk_free_bytes(folder: &Path) -> Option<u64> {
    let folder = folder
        .ancestors()
        .find_map(|folder| std::fs::canonicalize(folder).ok())?;
    let disks = Disks::new_with_refreshed_list().ok()?;
    let mounted = disks.iter().filter(|disk| folder.starts_with(disk.mount_point()));
    mounted
        .max_by_key(|disk| disk.mount_point().as_os_str().len())
        .map(sysinfo::Disk::available_space)
}

/// Asks the worker for the processor, which is there on every machine: a driver that hangs or crashes does so in its process.
async fn adapters(config: &Config) -> Vec<AdapterFacts> {
    let mut workshop = Workshop::new(&config.programs, Some(Backend::Cpu));
    match tokio::time::timeout(ANSWER_TIMEOUT, workshop.run(Task::Adapters)).await {
        Ok(Ok(Outcome::Adapters(adapters))) => adapters,
        Ok(Ok(other)) => {
            tracing::warn!("asked for adapters, the worker answers {other:?}");
            Vec::new()
        }
        Ok(Err(error)) => {
            tracing::warn!("the graphics drivers could not be asked: {error}");
            Vec::new()
        }
        Err(_elapsed) => {
            tracing::warn!("the graphics drivers do not answer");
            Vec::new()
        }
    }
}

async fn keyring() -> Keyring {
    // Reading an item that is not there asks the store without changing it. On a thread: a locked store waits for a person.
    let asked = tokio::task::spawn_blocking(|| {
        let entry = keyring::Entry::new("atelier", "doctor").map_err(|error| match keyring::Entry::store_status() {
            Ok(()) => error.to_string(),
            Err(cause) => cause.to_string(),
        })?;
        match entry.get_secret() {
            Ok(_) | Err(keyring::Error::NoEntry) => Ok(()),
            Err(error) => Err(error.to_string()),
        }
    });
    match tokio::time::timeout(ANSWER_TIMEOUT, asked).await {
        Ok(Ok(Ok(()))) => Keyring::Reachable,
        Ok(Ok(Err(reason))) => Keyring::Unreachable(reason),
        Ok(Err(error)) => Keyring::Unreachable(error.to_string()),
        Err(_elapsed) => Keyring::Unreachable("it waits for a password".to_owned()),
    }
}
