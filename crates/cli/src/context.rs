//! What every command starts from: where things are, which device, how to speak.

use std::time::Duration;

use atelier_studio::contract::{Finding, Refusal};
use atelier_studio::protocol::Backend;
use atelier_studio::worker::Workshop;
use atelier_studio::{Access, Config, Error, Library};
use clap::ValueEnum;

use crate::output::Output;

/// Where the arguments of a command come together.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) config: Config,
    pub(crate) device: Option<Device>,
    pub(crate) output: Output,
}

/// A device by its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Device {
    /// The processor
    Cpu,
    /// An NVIDIA graphics card
    Cuda,
    /// An Apple graphics processor
    Metal,
    /// Any graphics card; not part of this version
    #[value(hide = true)]
    Wgpu,
}

impl Context {
    /// The library, to look at while another program may write.
    pub(crate) async fn read(&self) -> Result<Library, Error> {
        self.open(Access::Read).await
    }

    /// The library, to change.
    pub(crate) async fn write(&self) -> Result<Library, Error> {
        self.open(Access::Write).await
    }

    async fn open(&self, access: Access) -> Result<Library, Error> {
        let wait: Duration = self.config.lock_wait;
        Library::open(&self.config.data, access, wait).await
    }

    /// Workers of the device that was asked for.
    pub(crate) fn workshop(&self) -> Result<Workshop, Error> {
        let only = match self.device {
            None => None,
            Some(Device::Cpu) => Some(Backend::Cpu),
            Some(Device::Cuda) => Some(Backend::Cuda),
            Some(Device::Metal) => Some(Backend::Metal),
            Some(Device::Wgpu) => {
                return Err(Refusal::DeviceUnavailable {
                    device: "wgpu".into(),
                    reason: Finding::ProgramNotMade {},
                }
                .into());
            }
        };
        Ok(Workshop::new(&self.config.programs, only))
    }
}
