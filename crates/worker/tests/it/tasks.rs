//! Pictures, checks and refusals.

use std::path::PathBuf;

use atelier_worker_protocol::{Event, Failure, FileFault, LoraUse, Outcome, PROTOCOL_VERSION, Task};

use crate::work::{end, event, failure, generate, golden, worker};

#[tokio::test]
async fn it_says_who_it_is() {
    let worker = worker().await;
    assert_eq!(worker.hello().protocol, PROTOCOL_VERSION);
    assert!(!worker.hello().device.name.is_empty());
    assert!(worker.hello().device.memory_bytes > Some(1 << 28));
}

#[tokio::test]
async fn it_asks_the_graphics_drivers_and_lives_on() {
    let mut worker = worker().await;
    let job = worker.run(Task::Adapters).await.expect("it takes a task");
    let (ended, _) = end(&mut worker, job).await;
    let Ok(Outcome::Adapters(adapters)) = ended else {
        panic!("{ended:?}")
    };
    // A machine may have none; each that there is has a name and something that speaks to it.
    assert!(
        adapters
            .iter()
            .all(|adapter| !adapter.name.is_empty() && !adapter.backend.is_empty())
    );
    let job = worker.run(Task::Generate(generate(1))).await.expect("it takes another");
    assert!(matches!(end(&mut worker, job).await.0, Ok(Outcome::Generated { .. })));
}

#[tokio::test]
async fn a_seed_gives_the_same_picture_again() {
    let mut worker = worker().await;
    let mut pictures = Vec::new();
    for _ in 0..2 {
        let job = worker.run(Task::Generate(generate(4))).await.expect("it takes a task");
        let (ended, mut made) = end(&mut worker, job).await;
        assert!(matches!(ended, Ok(Outcome::Generated { .. })), "{ended:?}");
        assert_eq!((made.len(), made[0].seed), (1, 7));
        pictures.push(made.remove(0).pixels);
    }
    assert_eq!((pictures[0].width, pictures[0].height), (64, 64));
    assert_eq!(pictures[0].rgb, pictures[1].rgb);
}

#[tokio::test]
async fn a_lora_yields_a_receipt_and_leaves_no_trace() {
    let mut worker = worker().await;
    let mut task = generate(3);
    let mut run = async |task: &atelier_worker_protocol::Generate| {
        let job = worker.run(Task::Generate(task.clone())).await.expect("it takes a task");
        let (ended, mut pictures) = end(&mut worker, job).await;
        let Ok(Outcome::Generated { receipts, .. }) = ended else {
            panic!("{ended:?}")
        };
        (receipts, pictures.remove(0).pixels.rgb)
    };
    let (_, plain) = run(&task).await;
    task.loras.push(LoraUse {
        path: golden("lora/sd15-full-kohya.safetensors"),
        strength: 1.0,
    });
    let (receipts, styled) = run(&task).await;
    assert_eq!(receipts[0].layers_matched, receipts[0].layers);
    assert!(receipts[0].base_model_matches);
    assert_ne!(plain, styled);
    task.loras.clear();
    assert_eq!(run(&task).await.1, plain);
}

#[tokio::test]
async fn a_cancelled_picture_ends_within_a_second() {
    let mut worker = worker().await;
    let job = worker
        .run(Task::Generate(generate(900)))
        .await
        .expect("it takes a task");
    loop {
        if let Event::Progress { progress, .. } = event(&mut worker).await
            && progress.step > 2
        {
            break;
        }
    }
    worker.cancel(job, false).await.expect("it listens");
    let ended = tokio::time::timeout(std::time::Duration::from_secs(1), end(&mut worker, job)).await;
    let (ended, pictures) = ended.expect("it ends within a second");
    assert!(matches!(ended, Err(None)) && pictures.is_empty());
    // And the next one is done.
    let job = worker.run(Task::Generate(generate(2))).await.expect("it takes a task");
    assert!(end(&mut worker, job).await.0.is_ok());
}

#[tokio::test]
async fn a_waiting_job_can_be_cancelled() {
    let mut worker = worker().await;
    let first = worker
        .run(Task::Generate(generate(900)))
        .await
        .expect("it takes a task");
    let second = worker.run(Task::Generate(generate(2))).await.expect("it takes a task");
    worker.cancel(second, false).await.expect("it listens");
    assert!(matches!(end(&mut worker, second).await.0, Err(None)));
    worker.cancel(first, false).await.expect("it listens");
    assert!(matches!(end(&mut worker, first).await.0, Err(None)));
}

#[tokio::test]
async fn what_cannot_be_used_is_told_apart() {
    let mut worker = worker().await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, contents: &[u8]| -> PathBuf {
        let path = folder.path().join(name);
        std::fs::write(&path, contents).expect("written");
        path
    };
    let mut check = async |model: PathBuf| failure(&mut worker, Task::CheckModel { model }).await;
    let missing = folder.path().join("nothing.safetensors");
    assert_eq!(check(missing.clone()).await, Failure::FileMissing { file: missing });
    let zeros = file("zeros.safetensors", &[0; 100_000]);
    assert!(matches!(check(zeros).await, Failure::FileInvalid { .. }));
    let pickle = file("model.ckpt", b"\x80\x02}q\x00.");
    assert_eq!(check(pickle.clone()).await, Failure::FileUnsafe { file: pickle });
    let long = file("long.safetensors", &90_000_000u64.to_le_bytes());
    let fault = FileFault::NotSafetensors;
    assert_eq!(check(long.clone()).await, Failure::FileInvalid { file: long, fault });
    let other = Task::CheckLora {
        model: golden("sd15-tiny"),
        lora: golden("lora/sdxl-full-kohya.safetensors"),
    };
    assert!(matches!(
        failure(&mut worker, other).await,
        Failure::LoraForOtherModel { .. }
    ));
    let mut odd = generate(2);
    odd.width = 63;
    assert!(matches!(
        failure(&mut worker, Task::Generate(odd)).await,
        Failure::RequestInvalid { .. }
    ));
}

#[tokio::test]
async fn a_model_is_told_what_it_is() {
    let mut worker = worker().await;
    for (name, architecture) in [("sd15-tiny", "sd15-small"), ("sdxl-tiny", "sdxl")] {
        let task = Task::CheckModel { model: golden(name) };
        let job = worker.run(task).await.expect("it takes a task");
        let Ok(Outcome::Model(facts)) = end(&mut worker, job).await.0 else {
            panic!("{name} loads")
        };
        assert_eq!((facts.architecture.as_str(), facts.single_file), (architecture, false));
    }
}
