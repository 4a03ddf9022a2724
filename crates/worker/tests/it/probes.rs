//! Probes and benchmarks through the protocol.

use std::collections::HashMap;
use std::path::Path;

use atelier_worker_protocol::{Bench, BenchPart, DType, LoraUse, Outcome, Probe, ProbePart, Task};
use candle_core::{Device, Tensor};

use crate::work::{end, golden, worker};

/// Relative error of networks, and of gradients, against diffusers and PEFT.
const NETWORK: f64 = 1e-4;
const GRADIENT: f64 = 1e-3;

fn read(path: &Path) -> HashMap<String, Tensor> {
    candle_core::safetensors::load(path, &Device::Cpu).expect("tensors")
}

fn error(found: &Tensor, wanted: &Tensor) -> f64 {
    let norm = |x: &Tensor| {
        x.sqr()
            .and_then(|x| x.sum_all())
            .and_then(|x| x.to_scalar::<f32>())
            .expect("a number")
    };
    f64::from(norm(&(found - wanted).expect("one shape")) / norm(wanted)).sqrt()
}

async fn probe(part: ProbePart, inputs: &[(&str, Tensor)], lora: Option<LoraUse>) -> HashMap<String, Tensor> {
    let folder = tempfile::tempdir().expect("a folder");
    let (input, output) = (
        folder.path().join("in.safetensors"),
        folder.path().join("out.safetensors"),
    );
    let inputs = inputs.iter().map(|(name, tensor)| ((*name).to_owned(), tensor.clone()));
    candle_core::safetensors::save(&inputs.collect::<HashMap<_, _>>(), &input).expect("written");
    let task = Task::Probe(Probe {
        part,
        model: golden("sd15-tiny"),
        input,
        output: output.clone(),
        lora,
        sampler: None,
        steps: None,
        dtype: None,
    });
    let mut worker = worker().await;
    let job = worker.run(task).await.expect("it takes a task");
    let (ended, _) = end(&mut worker, job).await;
    assert!(matches!(ended, Ok(Outcome::Probed)), "{ended:?}");
    read(&output)
}

#[tokio::test]
async fn the_unet_answers_as_diffusers_does() {
    let golden = read(&golden("sd15.safetensors"));
    let input = |name: &str| golden[&format!("unet.pair.{name}")].clone();
    let inputs = [
        ("sample", input("sample")),
        ("timestep", input("timestep")),
        ("encoder_hidden_states", input("context")),
    ];
    let outputs = probe(ProbePart::Unet, &inputs, None).await;
    assert!(error(&outputs["sample"], &input("output")) < NETWORK);
}

#[tokio::test]
async fn a_lora_has_the_gradients_that_peft_gives() {
    let (inputs, wanted) = (
        read(&golden("lora/sd15.safetensors")),
        read(&golden("lora/sd15-gradients.safetensors")),
    );
    let names = [
        ("sample", "sample"),
        ("timestep", "timestep"),
        ("target", "target"),
        ("encoder_hidden_states", "context.full"),
    ];
    let inputs = names.map(|(name, recorded)| (name, inputs[recorded].clone()));
    let lora = LoraUse {
        path: golden("lora/sd15-full-peft.safetensors"),
        strength: 1.0,
    };
    let outputs = probe(ProbePart::LoraGrads, &inputs, Some(lora)).await;
    assert_eq!(outputs.len(), wanted.len());
    for (name, wanted) in wanted.iter().filter(|(name, _)| !name.starts_with("text_encoder")) {
        assert!(error(&outputs[name], wanted) < GRADIENT, "{name}");
    }
}

#[tokio::test]
async fn every_benchmark_runs() {
    let mut worker = worker().await;
    for what in [BenchPart::Unet, BenchPart::Vae, BenchPart::Generate, BenchPart::Train] {
        let task = Task::Bench(Bench {
            what,
            arch: "tiny".into(),
            dtype: DType::F32,
            size: 64,
            batch: 1,
            repeat: 2,
        });
        let job = worker.run(task).await.expect("it takes a task");
        let (ended, _) = end(&mut worker, job).await;
        let Ok(Outcome::Measured(measured)) = ended else {
            panic!("{what:?}: {ended:?}")
        };
        assert_eq!(measured.seconds.len(), 2);
        assert!(measured.median_s > 0.0 && measured.peak_rss_mb > 1.0);
    }
}
