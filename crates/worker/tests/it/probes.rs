//! Probes through the protocol, against what diffusers, transformers and PEFT recorded.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use atelier_engine::lora::LoraFile;
use atelier_engine::model::Model;
use atelier_engine::noise::NoiseSource;
use atelier_worker_protocol::{Failure, LoraUse, Outcome, Probe, ProbePart, RequestFault, Sampler, Task};
use candle_core::{DType, Device, Tensor};

use crate::work::{end, failure, golden, worker};

/// Relative error of networks, of gradients and of a sampler's walk.
const NETWORK: f64 = 1e-4;
const GRADIENT: f64 = 1e-3;
const WALK: f64 = 1e-3;

type Tensors = HashMap<String, Tensor>;

fn read(path: &Path) -> Tensors {
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

/// A probe of one of the small models, its files in `folder`.
fn task(folder: &Path, model: &str, part: ProbePart, inputs: &[(&str, Tensor)]) -> Probe {
    let input = folder.join("in.safetensors");
    let inputs = inputs.iter().map(|(name, tensor)| ((*name).to_owned(), tensor.clone()));
    candle_core::safetensors::save(&inputs.collect::<Tensors>(), &input).expect("written");
    Probe {
        part,
        model: golden(model),
        input,
        output: folder.join("out.safetensors"),
        lora: None,
        sampler: None,
        steps: None,
        dtype: None,
    }
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

async fn outputs(task: Probe) -> Tensors {
    let output = task.output.clone();
    let mut worker = worker().await;
    let job = worker.run(Task::Probe(task)).await.expect("it takes a task");
    let (ended, _) = end(&mut worker, job).await;
    assert!(matches!(ended, Ok(Outcome::Probed)), "{ended:?}");
    read(&output)
}

/// Inputs of the UNet as they were recorded for `arch`.
fn unet_inputs(arch: &str) -> (Vec<(&'static str, Tensor)>, Tensor) {
    let recorded = read(&golden(&format!("{arch}.safetensors")));
    let input = |name: &str| recorded.get(&format!("unet.pair.{name}")).cloned();
    let names = [
        ("sample", "sample"),
        ("timestep", "timestep"),
        ("encoder_hidden_states", "context"),
        ("text_embeds", "text_embeds"),
        ("time_ids", "time_ids"),
    ];
    let inputs = names.into_iter().filter_map(|(name, said)| Some((name, input(said)?)));
    (inputs.collect(), input("output").expect("an output"))
}

#[tokio::test]
async fn the_unet_answers_as_diffusers_does() {
    for arch in ["sd15", "sdxl"] {
        let (folder, (inputs, wanted)) = (folder(), unet_inputs(arch));
        let task = task(folder.path(), &format!("{arch}-tiny"), ProbePart::Unet, &inputs);
        assert!(error(&outputs(task).await["sample"], &wanted) < NETWORK, "{arch}");
    }
}

#[tokio::test]
async fn the_text_encoders_answer_as_transformers_does() {
    for (arch, encoders) in [("sd15", 1), ("sdxl", 2)] {
        let (folder, recorded) = (folder(), read(&golden(&format!("{arch}.safetensors"))));
        let names = ["input_ids", "input_ids_2"].into_iter().take(encoders).enumerate();
        let inputs: Vec<_> = names
            .map(|(i, name)| (name, recorded[&format!("text.{i}.ids")].clone()))
            .collect();
        let task = task(folder.path(), &format!("{arch}-tiny"), ProbePart::Text, &inputs);
        let outputs = outputs(task).await;
        for (i, suffix) in ["", "_2"].into_iter().take(encoders).enumerate() {
            for name in ["last_hidden_state", "penultimate", "pooled"] {
                let wanted = &recorded[&format!("text.{i}.{name}")];
                assert!(
                    error(&outputs[&format!("{name}{suffix}")], wanted) < NETWORK,
                    "{arch} {name}{suffix}"
                );
            }
        }
    }
}

#[tokio::test]
async fn the_vae_answers_as_diffusers_does() {
    let recorded = read(&golden("sd15.safetensors"));
    let get = |name: &str| recorded[&format!("vae.wide.{name}")].clone();
    let folder = folder();
    let encode = [("image", get("pixels"))];
    let encoded = outputs(task(folder.path(), "sd15-tiny", ProbePart::VaeEncode, &encode)).await;
    assert!(error(&encoded["mean"], &get("mean")) < NETWORK);
    assert!(error(&encoded["logvar"], &get("logvar")) < NETWORK);
    let decode = [("latent", get("latents"))];
    let decoded = outputs(task(folder.path(), "sd15-tiny", ProbePart::VaeDecode, &decode)).await;
    assert!(error(&decoded["image"], &get("decoded")) < NETWORK);
}

/// The small model with the scheduler of a recorded walk.
fn scheduled(folder: &Path, scheduler: &str) -> PathBuf {
    let (from, to) = (golden("sd15-tiny"), folder.join("model"));
    std::fs::create_dir_all(to.join("scheduler")).expect("a folder");
    for part in ["text_encoder", "tokenizer", "unet", "vae", "model_index.json"] {
        std::os::unix::fs::symlink(from.join(part), to.join(part)).expect("a link");
    }
    let config = golden(&format!("samplers/{scheduler}.json"));
    std::fs::copy(config, to.join("scheduler/scheduler_config.json")).expect("a copy");
    to
}

#[tokio::test]
async fn samplers_walk_as_diffusers_schedulers_do() {
    // Of the generator from which the recorded ancestral walk took its noise.
    const SEED: u64 = 71;
    let recorded = read(&golden("samplers.safetensors"));
    let steps = 20;
    let given = |x: &Tensor| x.narrow(0, 0, steps).expect("enough steps");
    for (sampler, name) in [
        (Sampler::Dpmpp2mKarras, "dpmpp-2m-karras"),
        (Sampler::EulerA, "euler-a"),
    ] {
        let start = &recorded["start"];
        let mut source = NoiseSource::new(SEED);
        let noise: Vec<_> = (0..steps).map(|_| source.draw(start.dims()).expect("noise")).collect();
        let inputs = [
            ("latents", start.clone()),
            ("model_output", given(&recorded["outputs"])),
            ("noise", Tensor::stack(&noise, 0).expect("one shape")),
        ];
        let folder = folder();
        let mut task = task(folder.path(), "sd15-tiny", ProbePart::Schedule, &inputs);
        task.model = scheduled(folder.path(), "sd15");
        (task.sampler, task.steps) = (Some(sampler), Some(steps as u32));
        let outputs = outputs(task).await;
        let wanted = recorded[&format!("sd15.{name}.20.after")].unsqueeze(1).expect("a walk");
        assert!(error(&outputs["latents"], &wanted) < WALK, "{name}");
        assert_eq!(outputs["timesteps"].dims(), [steps]);
    }
}

/// What SDXL's UNet was told beside the prompt's states when the gradients were recorded; not recorded itself, so that the engine's own
/// text encoders say it, with the LoRA in them.
fn added_inputs(lora: &Path, sample: &Tensor) -> [(&'static str, Tensor); 2] {
    let model = Model::load(&golden("sdxl-tiny"), &Device::Cpu, DType::F32).expect("a model");
    let file = LoraFile::read(lora).expect("a LoRA");
    file.apply(&model, 1.0).expect("it applies");
    let (_, _, height, width) = sample.dims4().expect("latents");
    let prompts = ["a red house, ink", "night"];
    let conditioning = model.encode_prompts(&prompts, height * 2, width * 2);
    let added = conditioning.expect("conditions").added.expect("of SDXL");
    [("text_embeds", added.text_embeds), ("time_ids", added.time_ids)]
}

#[tokio::test]
async fn a_lora_has_the_gradients_that_peft_gives() {
    for arch in ["sd15", "sdxl"] {
        let recorded = read(&golden(&format!("lora/{arch}.safetensors")));
        let wanted = read(&golden(&format!("lora/{arch}-gradients.safetensors")));
        let names = [
            ("sample", "sample"),
            ("timestep", "timestep"),
            ("target", "target"),
            ("encoder_hidden_states", "context.full"),
        ];
        let mut inputs = names.map(|(name, said)| (name, recorded[said].clone())).to_vec();
        let file = golden(&format!("lora/{arch}-full-peft.safetensors"));
        if arch == "sdxl" {
            inputs.extend(added_inputs(&file, &recorded["sample"]));
        }
        let folder = folder();
        let mut task = task(folder.path(), &format!("{arch}-tiny"), ProbePart::LoraGrads, &inputs);
        task.lora = Some(LoraUse {
            path: file,
            strength: 1.0,
        });
        let outputs = outputs(task).await;
        // Of the text encoders, whose states are given here, PEFT recorded what it gets through them.
        let of_unet = |tensors: &Tensors| tensors.keys().filter(|name| name.starts_with("unet.")).count();
        assert_eq!(of_unet(&outputs), of_unet(&wanted));
        for (name, wanted) in wanted.iter().filter(|(name, _)| !name.starts_with("text_encoder")) {
            assert!(error(&outputs[name], wanted) < GRADIENT, "{arch} {name}");
        }
    }
}

#[tokio::test]
async fn a_lora_counts_by_its_strength() {
    let (folder, (inputs, plain)) = (folder(), unet_inputs("sd15"));
    let mut moved = Vec::new();
    for strength in [0.0, 0.5, 1.0] {
        let mut task = task(folder.path(), "sd15-tiny", ProbePart::Unet, &inputs);
        task.lora = Some(LoraUse {
            path: golden("lora/sd15-full-kohya.safetensors"),
            strength,
        });
        moved.push(error(&outputs(task).await["sample"], &plain));
    }
    assert!(
        moved[0] < NETWORK && moved[0] < moved[1] && moved[1] < moved[2],
        "{moved:?}"
    );
}

#[tokio::test]
async fn an_input_that_does_not_fit_is_named_with_its_shapes() {
    let mut worker = worker().await;
    let (inputs, _) = unet_inputs("sdxl");
    let without = |name: &str| -> Vec<_> { inputs.iter().filter(|(own, _)| *own != name).cloned().collect() };
    let short = |name: &'static str, x: &Tensor| (name, x.narrow(1, 0, 5).expect("it is wider"));
    for (name, _) in &inputs {
        let folder = folder();
        let lacking = task(folder.path(), "sdxl-tiny", ProbePart::Unet, &without(name));
        let said = failure(&mut worker, Task::Probe(lacking)).await;
        let Failure::RequestInvalid {
            fault: RequestFault::Input { input, found, .. },
        } = said
        else {
            panic!("{name}: {said:?}")
        };
        assert_eq!((input.as_str(), found), (*name, None));
    }
    for name in ["time_ids", "text_embeds"] {
        let (_, whole) = inputs.iter().find(|(own, _)| *own == name).expect("an input");
        let mut wrong = without(name);
        wrong.push(short(name, whole));
        let folder = folder();
        let wrong = task(folder.path(), "sdxl-tiny", ProbePart::Unet, &wrong);
        let said = failure(&mut worker, Task::Probe(wrong)).await;
        let fault = RequestFault::Input {
            input: name.to_owned(),
            found: Some(vec![2, 5]),
            wanted: vec![Some(2), Some(whole.dims()[1])],
        };
        assert_eq!(said, Failure::RequestInvalid { fault });
    }
}
