//! However a worker ends, it is known how; and it never outlives who started it.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::Duration;

use atelier_worker_protocol::client::{ClientError, Worker};
use atelier_worker_protocol::{Backend, Event, JobId, Phase, Request, Task, framing};

use crate::work::{event, generate, program, worker};

const DEADLINE: Duration = Duration::from_secs(60);

/// Waits until a process is gone or a zombie that its new parent will collect.
async fn gone(pid: u32) {
    let gone = async {
        loop {
            let status = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            if status.is_empty() || status.contains(") Z ") {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(DEADLINE, gone).await.expect("it ends");
}

#[tokio::test]
async fn a_killed_worker_is_reported() {
    let mut worker = worker().await;
    worker
        .run(Task::Generate(generate(900)))
        .await
        .expect("it takes a task");
    event(&mut worker).await;
    let pid = worker.process().expect("it runs");
    let killed = Command::new("kill").args(["-9", &pid.to_string()]).status();
    assert!(killed.expect("kill runs").success());
    let error = loop {
        match worker.event().await {
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert!(matches!(error, ClientError::Ended(ending) if ending.signal == Some(9)));
}

#[tokio::test]
async fn a_dropped_worker_is_gone() {
    let mut worker = worker().await;
    worker
        .run(Task::Generate(generate(900)))
        .await
        .expect("it takes a task");
    let pid = worker.process().expect("it runs");
    drop(worker);
    gone(pid).await;
}

#[tokio::test]
async fn a_worker_asked_to_end_ends_well() {
    let mut worker: Worker = worker().await;
    worker
        .run(Task::Generate(generate(900)))
        .await
        .expect("it takes a task");
    event(&mut worker).await;
    assert_eq!(worker.shut_down().await.code, Some(0));
}

/// The worker with bare pipes, as the client starts it but without its care.
fn bare(arguments: &[&str]) -> std::process::Child {
    Command::new(program())
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a worker")
}

#[tokio::test]
async fn a_closed_pipe_ends_it_in_the_middle_of_a_computation() {
    let mut child = bare(&[]);
    let (mut to, mut from) = (
        child.stdin.take().expect("a pipe"),
        child.stdout.take().expect("a pipe"),
    );
    let run = Request::Run {
        job: JobId(1),
        task: Box::new(Task::Generate(generate(900))),
    };
    framing::write(&mut to, &run).expect("it listens");
    loop {
        let said: Option<Event> = framing::read(&mut from).expect("it speaks");
        if let Some(Event::Progress { progress, .. }) = said
            && progress.phase == Phase::Denoising
        {
            break;
        }
    }
    // Its standard output stays open, so that nothing else can tell it.
    drop(to);
    gone(child.id()).await;
    assert!(child.wait().expect("it ended").success());
}

#[test]
fn what_it_is_not_made_for_is_said() {
    for (arguments, code, words) in [
        (&["--device", "tpu"][..], 2, "--device tpu is not understood"),
        (&["--fast"][..], 2, "--fast is not understood"),
        (&["--device", "metal"][..], 1, "the device cannot be used"),
    ] {
        let mut child = bare(arguments);
        // Kept open: its end would be a reason of its own to end.
        let _to = child.stdin.take();
        let answer = child.wait_with_output().expect("it ends");
        let said = String::from_utf8_lossy(&answer.stderr).into_owned();
        assert_eq!(answer.status.code(), Some(code), "{said}");
        assert!(said.contains(words), "{said}");
        assert!(answer.stdout.is_empty());
    }
}

#[tokio::test]
async fn the_processor_can_be_asked_for() {
    let arguments = ["--device".to_owned(), "cpu".to_owned()];
    let worker = Worker::start(program(), &arguments).await.expect("a worker");
    assert_eq!(worker.hello().backend, Backend::Cpu);
}

/// A shell starts the worker, tells its number, and is killed while the worker computes; the pipe to the worker stays open.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_worker_dies_with_its_parent() {
    let script = format!("'{}' <&0 >/dev/null & echo $!; wait", program().display());
    let mut shell = Command::new("sh")
        .args(["-c", &script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a shell");
    let mut line = String::new();
    BufReader::new(shell.stdout.take().expect("a pipe"))
        .read_line(&mut line)
        .expect("a number");
    let pid = line.trim().parse().expect("a number");
    let mut to = shell.stdin.take().expect("a pipe");
    let run = Request::Run {
        job: JobId(1),
        task: Box::new(Task::Generate(generate(900))),
    };
    framing::write(&mut to, &run).expect("it listens");
    shell.kill().expect("it is killed");
    shell.wait().expect("it ends");
    gone(pid).await;
    to.flush().ok();
}
