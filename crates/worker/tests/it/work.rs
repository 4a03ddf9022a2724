//! A worker and what it is given, with deadlines.

use std::path::{Path, PathBuf};
use std::time::Duration;

use atelier_worker_protocol::client::Worker;
use atelier_worker_protocol::{Event, Failure, Generate, JobId, Outcome, Picture, Sampler, Task};

/// No event of a small model takes nearly as long.
const DEADLINE: Duration = Duration::from_secs(300);

/// The program.
pub(crate) fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_atelier-worker"))
}

/// One of the small models, or what is recorded of it.
pub(crate) fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../engine/tests/golden")
        .join(name)
}

/// A worker that is ready.
pub(crate) async fn worker() -> Worker {
    Worker::start(program(), &[]).await.expect("a worker")
}

/// Its next event.
pub(crate) async fn event(worker: &mut Worker) -> Event {
    let event = tokio::time::timeout(DEADLINE, worker.event()).await;
    event.expect("an event in time").expect("a worker that lives")
}

/// How a job ended, and its pictures.
pub(crate) async fn end(worker: &mut Worker, job: JobId) -> (Result<Outcome, Option<Failure>>, Vec<Picture>) {
    let mut pictures = Vec::new();
    loop {
        match event(worker).await {
            Event::Picture { picture, .. } => pictures.push(picture),
            Event::Done { job: ended, outcome } if ended == job => return (Ok(outcome), pictures),
            Event::Failed { job: ended, failure } if ended == job => return (Err(Some(failure)), pictures),
            Event::Cancelled { job: ended } if ended == job => return (Err(None), pictures),
            _ => {}
        }
    }
}

/// Does a task and says why it failed.
pub(crate) async fn failure(worker: &mut Worker, task: Task) -> Failure {
    let job = worker.run(task).await.expect("it takes a task");
    let (ended, _) = end(worker, job).await;
    ended.expect_err("it should fail").expect("nobody cancelled it")
}

/// A picture of a small model.
pub(crate) fn generate(steps: u32) -> Generate {
    Generate {
        model: golden("sd15-tiny"),
        dtype: None,
        loras: Vec::new(),
        prompt: "a red house, ink".into(),
        negative_prompt: String::new(),
        width: 64,
        height: 64,
        seeds: vec![7],
        steps,
        guidance: 4.0,
        sampler: Sampler::Euler,
        preview_every: 0,
    }
}
