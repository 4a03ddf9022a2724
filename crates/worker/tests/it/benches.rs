//! Benchmarks through the protocol.

use atelier_worker_protocol::{Bench, BenchPart, DType, Failure, Outcome, Task};

use crate::work::{end, failure, worker};

fn bench(what: BenchPart, size: u32) -> Task {
    Task::Bench(Bench {
        what,
        arch: "tiny".into(),
        dtype: DType::F32,
        size,
        batch: 1,
        repeat: 2,
    })
}

#[tokio::test]
async fn every_benchmark_runs() {
    let mut worker = worker().await;
    for what in [BenchPart::Unet, BenchPart::Vae, BenchPart::Generate, BenchPart::Train] {
        let job = worker.run(bench(what, 64)).await.expect("it takes a task");
        let (ended, _) = end(&mut worker, job).await;
        let Ok(Outcome::Measured(measured)) = ended else {
            panic!("{what:?}: {ended:?}")
        };
        assert_eq!((measured.device.as_str(), measured.seconds.len()), ("cpu", 2));
        assert!(measured.median_s > 0.0 && measured.peak_rss_mb > 1.0);
    }
}

#[tokio::test]
async fn a_size_that_does_not_fit_the_model_is_refused() {
    let mut worker = worker().await;
    let failure = failure(&mut worker, bench(BenchPart::Unet, 60)).await;
    assert!(matches!(failure, Failure::RequestInvalid { .. }), "{failure:?}");
}
