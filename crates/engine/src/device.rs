//! Where the engine computes: the one device that a build is made for.

use candle_core::{DType, Device};

use crate::error::{EngineError, Result};

/// What a build can compute on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// The processor.
    Cpu,
    /// NVIDIA.
    Cuda,
    /// Apple.
    Metal,
}

/// A device that was opened.
pub struct Opened {
    /// It.
    pub device: Device,
    /// As its driver calls it; `None` for the processor.
    pub name: Option<String>,
    /// Its memory in bytes, where that is not the machine's.
    pub memory_bytes: Option<u64>,
}

/// What this build computes on.
pub const fn backend() -> Backend {
    if cfg!(feature = "cuda") {
        Backend::Cuda
    } else if cfg!(feature = "metal") {
        Backend::Metal
    } else {
        Backend::Cpu
    }
}

/// Opens the first device of this build's kind.
///
/// # Errors
/// [`EngineError::DeviceUnavailable`] when there is none, or its driver is missing.
pub fn open() -> Result<Opened> {
    let unavailable = |error: candle_core::Error| EngineError::DeviceUnavailable(error.to_string());
    match backend() {
        Backend::Cpu => Ok(Opened {
            device: Device::Cpu,
            name: None,
            memory_bytes: None,
        }),
        Backend::Cuda => cuda(Device::new_cuda(0).map_err(unavailable)?),
        Backend::Metal => Ok(Opened {
            device: Device::new_metal(0).map_err(unavailable)?,
            name: Some("Apple GPU".to_owned()),
            memory_bytes: None,
        }),
    }
}

#[cfg(feature = "cuda")]
fn cuda(device: Device) -> Result<Opened> {
    let unavailable = |error: String| EngineError::DeviceUnavailable(error);
    let stream = device
        .as_cuda_device()
        .map_err(|error| unavailable(error.to_string()))?
        .cuda_stream();
    let context = stream.context();
    Ok(Opened {
        name: context.name().ok(),
        memory_bytes: context.total_mem().ok().map(|bytes| bytes as u64),
        device,
    })
}

#[cfg(not(feature = "cuda"))]
fn cuda(device: Device) -> Result<Opened> {
    Ok(Opened {
        device,
        name: None,
        memory_bytes: None,
    })
}

/// Free memory of `device` in bytes, where it has its own and the driver says.
pub fn free_memory(device: &Device) -> Option<u64> {
    #[cfg(feature = "cuda")]
    if let Ok(device) = device.as_cuda_device() {
        return device
            .cuda_stream()
            .context()
            .mem_get_info()
            .ok()
            .map(|(free, _)| free as u64);
    }
    let _ = device;
    None
}

/// The format that suits a device: half precision where that is what it is fast in.
pub fn suitable_dtype(device: &Device) -> DType {
    if device.is_cpu() { DType::F32 } else { DType::F16 }
}
