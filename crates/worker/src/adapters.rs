//! The machine's graphics adapters. Drivers are asked here and nowhere else: a broken one takes this process with it and no other.

use atelier_worker_protocol::AdapterFacts;
use futures_util::FutureExt;
use wgpu::{AdapterInfo, Backends, Instance, InstanceDescriptor};

/// Every adapter of every driver, those that compute on the processor among them.
pub(crate) fn list() -> Vec<AdapterFacts> {
    let instance = Instance::new(InstanceDescriptor::new_without_display_handle());
    // Outside browsers the answer is there at once.
    let found = instance.enumerate_adapters(Backends::all()).now_or_never();
    let adapters = found.unwrap_or_default();
    adapters.iter().map(|adapter| facts(&adapter.get_info())).collect()
}

fn facts(info: &AdapterInfo) -> AdapterFacts {
    AdapterFacts {
        name: info.name.clone(),
        backend: info.backend.to_string(),
        driver: format!("{} {}", info.driver, info.driver_info).trim().to_owned(),
        kind: format!("{:?}", info.device_type),
    }
}
