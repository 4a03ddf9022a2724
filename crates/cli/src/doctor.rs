//! `atelier doctor`: what this machine has, and what does not answer.

use std::fmt::Write;

use atelier_studio::Error;
use atelier_studio::hardware::{self, Keyring, Report};
use atelier_studio::worker::BuildAnswer;

use crate::context::Context;
use crate::output::bytes;

pub(crate) async fn run(context: &Context) -> Result<(), Error> {
    // A library that is missing or damaged is a finding, not an end; looking makes none.
    let library = if context.config.data.join("library.db").is_file() {
        context.read().await.map(Some).or_else(|error| {
            context.output.note(&context.output.sentence(&error.refusal()));
            Ok::<_, Error>(None)
        })?
    } else {
        None
    };
    let report = hardware::report(&context.config, library.as_ref()).await;
    context.output.tell(&report, || words(&report))
}

fn words(report: &Report) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(text, "{name:<11} {value}");
    };
    let system = &report.system;
    line("atelier", report.version);
    line(
        "system",
        &format!("{}, {}, {} threads", system.name, system.architecture, system.threads),
    );
    line("processor", &list(&system.features, "no vector instructions"));
    line(
        "memory",
        &format!(
            "{}, {} free",
            bytes(system.memory_bytes),
            bytes(system.memory_available_bytes)
        ),
    );
    for adapter in &report.adapters {
        let driver = if adapter.driver.is_empty() {
            "driver unknown"
        } else {
            &adapter.driver
        };
        line("graphics", &format!("{} ({}, {driver})", adapter.name, adapter.backend));
    }
    if report.adapters.is_empty() {
        line("graphics", "no adapter answers");
    }
    for worker in &report.workers {
        line("worker", &worker_words(worker));
    }
    line("models", &list(&report.models, "none"));
    let free = report
        .disk_free_bytes
        .map_or_else(String::new, |free| format!(", {} free", bytes(free)));
    line("library", &format!("{}{free}", report.data.display()));
    line(
        "keyring",
        &match &report.keyring {
            Keyring::Reachable => "reachable".to_owned(),
            Keyring::Unreachable(reason) => format!("not reachable: {reason}"),
        },
    );
    line("server", report.server);
    text
}

fn worker_words(worker: &BuildAnswer) -> String {
    let backend = format!("{:?}", worker.backend).to_lowercase();
    match (&worker.hello, &worker.log) {
        (Some(hello), _) => {
            let memory = hello
                .device
                .memory_bytes
                .map_or_else(String::new, |memory| format!(", {}", bytes(memory)));
            format!("{backend}: ready on {}{memory}", hello.device.name)
        }
        (None, Some(log)) => format!("{backend}: does not answer: {log}"),
        (None, None) => format!("{backend}: not installed"),
    }
}

fn list<T: AsRef<str>>(entries: &[T], none: &str) -> String {
    if entries.is_empty() {
        return none.to_owned();
    }
    entries.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(", ")
}
