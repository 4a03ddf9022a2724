//! What this build and its device are, in the words of the protocol.

use atelier_engine::device::{self, Opened};
use atelier_engine::{EngineError, Result};
use atelier_worker_protocol::{Backend, DType, DeviceFacts};
use candle_core::Device;
use sysinfo::{CpuRefreshKind, MemoryRefreshKind, RefreshKind, System};

use crate::arguments::Wanted;

/// Opens the device that is wanted.
///
/// # Errors
/// [`EngineError::DeviceUnavailable`] when this build is made for another one, or there is none.
pub(crate) fn open(wanted: Wanted) -> Result<Opened> {
    use device::Backend::{Cuda, Metal};
    let other = |name: &str| {
        let made_for = device::backend();
        EngineError::DeviceUnavailable(format!("this build is made for {made_for:?}, not for {name}"))
    };
    match (wanted, device::backend()) {
        (Wanted::Cpu, _) => Ok(Opened {
            device: Device::Cpu,
            name: None,
            memory_bytes: None,
        }),
        (Wanted::Auto, _) | (Wanted::Cuda, Cuda) | (Wanted::Metal, Metal) => device::open(),
        (Wanted::Cuda, _) => Err(other("Cuda")),
        (Wanted::Metal, _) => Err(other("Metal")),
    }
}

/// What this worker computes on.
pub(crate) fn backend(opened: &Opened) -> Backend {
    match &opened.device {
        Device::Cpu => Backend::Cpu,
        Device::Cuda(_) => Backend::Cuda,
        Device::Metal(_) => Backend::Metal,
    }
}

/// Name and memory of the device; those of the machine where it has none of its own.
pub(crate) fn facts(opened: &Opened) -> DeviceFacts {
    let wanted = RefreshKind::nothing()
        .with_cpu(CpuRefreshKind::nothing())
        .with_memory(MemoryRefreshKind::nothing().with_ram());
    let machine = System::new_with_specifics(wanted).ok();
    let processor = machine.as_ref().and_then(|machine| machine.cpus().first());
    let brand = processor.map(|processor| processor.brand().trim().to_owned());
    DeviceFacts {
        name: opened.name.clone().or(brand).unwrap_or_else(|| "processor".to_owned()),
        memory_bytes: opened.memory_bytes.or(machine.map(|machine| machine.total_memory())),
        dtype: match device::suitable_dtype(&opened.device) {
            candle_core::DType::F16 => DType::F16,
            candle_core::DType::BF16 => DType::Bf16,
            _ => DType::F32,
        },
    }
}

/// Memory in bytes that a job may take now, on top of what the process has; `None` where the system does not say.
pub(crate) fn memory_available(device: &Device) -> Option<u64> {
    device::free_memory(device).or_else(|| {
        let only_memory = RefreshKind::nothing().with_memory(MemoryRefreshKind::nothing().with_ram());
        let machine = System::new_with_specifics(only_memory).ok()?;
        Some(machine.available_memory())
    })
}

/// Most memory in bytes that this process ever had.
#[cfg(unix)]
pub(crate) fn peak_memory() -> u64 {
    #[expect(unsafe_code, reason = "a system call that fills a struct of plain numbers")]
    // SAFETY: all zeros is a valid `rusage`, and the call only writes into it.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_SELF, &mut usage);
        usage
    };
    // Linux counts kibibytes, macOS bytes.
    let unit = if cfg!(target_os = "macos") { 1 } else { 1024 };
    usage.ru_maxrss.unsigned_abs() * unit
}

/// Memory in bytes that this process has now: this system does not say what it had.
#[cfg(not(unix))]
pub(crate) fn peak_memory() -> u64 {
    let own = sysinfo::get_current_pid().ok();
    let system = System::new_all().ok();
    own.zip(system)
        .and_then(|(pid, system)| system.process(pid).map(sysinfo::Process::memory))
        .unwrap_or_default()
}
