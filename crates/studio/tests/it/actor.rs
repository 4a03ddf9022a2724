//! A program that acts as a worker: it says what was written down for it, whatever it is asked, and keeps what it was told.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use atelier_studio::protocol::{
    Backend, DType, DeviceFacts, Event, Failure, Hello, JobId, Outcome, PROTOCOL_VERSION, Phase, Picture, Pixels,
    Preflight, Progress, Request, Task, framing,
};

/// Says the hello, waits for its first task, and says what is written for as many starts as there were. Then it hangs, with
/// its pipes open.
const PROGRAM: &str = r#"#!/bin/sh
cd "$(dirname "$0")"
echo $$ >> starts
number=$(wc -l < starts)
cat hello
dd bs=65536 count=1 of="told-$number" 2> /dev/null
[ -f "said-$number" ] && cat "said-$number"
exec 3>&1
exec cat >> "told-$number"
"#;
/// The number that a worker's first job has.
const FIRST: JobId = JobId(1);

pub(crate) struct Actor {
    folder: PathBuf,
}

impl Actor {
    /// Kills what was started for the `start`th time.
    pub(crate) fn dies(&self, start: usize) {
        let process = self.starts()[start - 1].to_string();
        let killed = std::process::Command::new("kill").args(["-9", &process]).status();
        assert!(killed.unwrap().success());
    }

    /// Puts the program into `folder`, as the worker of a card with so much memory.
    pub(crate) fn new(folder: &Path, memory_bytes: u64) -> Self {
        let hello = Hello {
            protocol: PROTOCOL_VERSION,
            version: "0".into(),
            backend: Backend::Cuda,
            device: DeviceFacts {
                name: "a card".into(),
                memory_bytes: Some(memory_bytes),
                dtype: DType::F16,
            },
        };
        std::fs::create_dir_all(folder).unwrap();
        let actor = Self {
            folder: folder.to_owned(),
        };
        actor.write("hello", &[Event::Ready(hello)]);
        let program = folder.join("atelier-worker-cuda");
        std::fs::write(&program, PROGRAM).unwrap();
        std::fs::set_permissions(program, std::fs::Permissions::from_mode(0o755)).unwrap();
        actor
    }

    /// What it says after its hello when it is started for the `start`th time, from 1.
    pub(crate) fn says(&self, start: usize, events: &[Event]) {
        self.write(&format!("said-{start}"), events);
    }

    fn write(&self, name: &str, events: &[Event]) {
        let mut said = Vec::new();
        for event in events {
            framing::write(&mut said, event).unwrap();
        }
        std::fs::write(self.folder.join(name), said).unwrap();
    }

    /// The processes that were started, first to last.
    pub(crate) fn starts(&self) -> Vec<u32> {
        let starts = std::fs::read_to_string(self.folder.join("starts")).unwrap_or_default();
        starts.lines().map(|process| process.parse().unwrap()).collect()
    }

    /// What it was told after its `start`th start.
    pub(crate) fn told(&self, start: usize) -> Vec<Request> {
        let told = std::fs::read(self.folder.join(format!("told-{start}"))).unwrap_or_default();
        let mut rest = told.as_slice();
        std::iter::from_fn(|| framing::read(&mut rest).ok().flatten()).collect()
    }

    /// Its first task after its `start`th start.
    pub(crate) fn task(&self, start: usize) -> Option<Task> {
        self.told(start).into_iter().find_map(|request| match request {
            Request::Run { task, .. } => Some(*task),
            Request::Cancel { .. } | Request::Shutdown => None,
        })
    }
}

/// A step that has no end.
pub(crate) fn works(phase: Phase) -> Event {
    let progress = Progress {
        phase,
        step: 1,
        steps: 20,
        loss: Some(0.5),
        learning_rate: None,
        seconds_left: None,
    };
    Event::Progress { job: FIRST, progress }
}

/// Small and grey, one of its order.
pub(crate) fn picture(index: u32) -> Event {
    let pixels = Pixels {
        width: 8,
        height: 8,
        rgb: vec![128; 8 * 8 * 3],
    };
    let picture = Picture { index, seed: 7, pixels };
    Event::Picture { job: FIRST, picture }
}

pub(crate) fn generated() -> Event {
    let (receipts, seconds) = (Vec::new(), 1.0);
    Event::Done {
        job: FIRST,
        outcome: Outcome::Generated { receipts, seconds },
    }
}

pub(crate) fn measured() -> Event {
    let preflight = Preflight {
        memory_bytes: 1 << 30,
        memory_available_bytes: Some(2 << 30),
        seconds: 60.0,
        recompute: false,
        adapters: 1,
        buckets: Vec::new(),
        problems: Vec::new(),
        warnings: Vec::new(),
    };
    Event::Done {
        job: FIRST,
        outcome: Outcome::Preflight(preflight),
    }
}

pub(crate) fn fails(failure: Failure) -> Event {
    Event::Failed { job: FIRST, failure }
}
