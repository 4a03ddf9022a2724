//! LoRA files of every naming, applied and differentiated, against diffusers and PEFT.

use atelier_engine::lora::{LoraFile, Naming};
use atelier_engine::model::Model;
use atelier_engine::ops::AdapterGradients;
use candle_core::Tensor;

use crate::golden::{ARCHITECTURES, Golden, NETWORK, close, error, model, path};

/// Relative error of gradients, which sum over more terms than outputs do.
const GRADIENT: f64 = 1e-3;
const PROMPTS: [&str; 2] = ["a red house, ink", "night"];

fn read(name: &str) -> LoraFile {
    LoraFile::read(&path(&format!("lora/{name}.safetensors"))).expect("a LoRA")
}

/// What the UNet predicts for the recorded input, through the text encoders.
fn predict(model: &Model, golden: &Golden, gradients: Option<&AdapterGradients>) -> Tensor {
    let sample = golden.get("sample");
    let (_, _, height, width) = sample.dims4().expect("latents");
    let conditioning = model
        .encode_prompts(&PROMPTS, height * 2, width * 2)
        .expect("conditions");
    let output = model
        .unet
        .forward(&sample, &golden.get("timestep"), &conditioning, gradients);
    output.expect("a prediction")
}

fn files(architecture: &str) -> Vec<(String, Naming)> {
    let mut files = vec![
        (format!("{architecture}-full-peft"), Naming::Peft),
        (format!("{architecture}-full-kohya"), Naming::Kohya),
    ];
    if architecture == "sdxl" {
        files.push((format!("{architecture}-full-original"), Naming::Kohya));
    }
    files
}

#[test]
fn a_lora_of_any_naming_does_what_it_does_in_diffusers() {
    for architecture in ARCHITECTURES {
        let model = model(architecture);
        let golden = Golden::open(&format!("lora/{architecture}.safetensors"));
        let plain = predict(&model, &golden, None);
        close("plain", &plain, &golden.get("plain"), NETWORK);
        for (name, naming) in files(architecture) {
            let file = read(&name);
            assert_eq!(file.naming(), naming, "{name}");
            for (strength, wanted) in [(1.0, "full.1"), (0.6, "full.0.6")] {
                let receipt = file.apply(&model, strength).expect("it applies");
                assert_eq!(receipt.layers_matched, receipt.layers, "{name}");
                close(
                    &format!("{name} × {strength}"),
                    &predict(&model, &golden, None),
                    &golden.get(wanted),
                    NETWORK,
                );
                model.clear_adapters();
            }
        }
        for naming in ["peft", "older"] {
            let name = format!("{architecture}-attention-{naming}");
            read(&name).apply(&model, 1.0).expect("it applies");
            close(
                &name,
                &predict(&model, &golden, None),
                &golden.get("attention.1"),
                NETWORK,
            );
            model.clear_adapters();
        }
        read(&format!("{architecture}-full-kohya"))
            .apply(&model, 1.0)
            .expect("it applies");
        read(&format!("{architecture}-attention-peft"))
            .apply(&model, 0.6)
            .expect("it applies");
        close("both", &predict(&model, &golden, None), &golden.get("both"), NETWORK);
        model.clear_adapters();
        assert_eq!(
            error(&predict(&model, &golden, None), &plain),
            0.0,
            "adapters leave no trace"
        );
    }
}

#[test]
fn a_lora_for_another_model_changes_nothing() {
    let golden = Golden::open("lora/sd15.safetensors");
    let model = model("sd15");
    let plain = predict(&model, &golden, None);
    for name in ["sdxl-full-kohya", "sdxl-full-original", "sdxl-full-peft"] {
        assert!(read(name).apply(&model, 1.0).is_err(), "{name}");
        assert_eq!(error(&predict(&model, &golden, None), &plain), 0.0, "{name}");
    }
}

#[test]
fn every_gradient_is_that_of_peft() {
    for architecture in ARCHITECTURES {
        let model = model(architecture);
        let golden = Golden::open(&format!("lora/{architecture}.safetensors"));
        let wanted = Golden::open(&format!("lora/{architecture}-gradients.safetensors"));
        for recompute in [false, true] {
            let layers = read(&format!("{architecture}-full-peft"))
                .learn(&model, 1.0)
                .expect("it learns");
            let parameters = layers
                .iter()
                .flat_map(|layer| [&layer.learning.down, &layer.learning.up]);
            let gradients = AdapterGradients::new(parameters.cloned().collect());
            let output = predict(&model, &golden, recompute.then_some(&gradients));
            let loss = output
                .sub(&golden.get("target"))
                .and_then(|x| x.sqr())
                .and_then(|x| x.mean_all());
            let loss = loss.expect("a loss");
            close(
                "loss",
                &loss.reshape(1).expect("a number"),
                &wanted.get("loss"),
                NETWORK,
            );
            gradients.backward(&loss).expect("gradients");
            let (mut worst, mut compared) = (0f64, 0);
            for layer in &layers {
                let pair = [
                    (&layer.down_in_file, &layer.learning.down),
                    (&layer.up_in_file, &layer.learning.up),
                ];
                for ((name, shape), parameter) in pair {
                    let (found, wanted) = (gradients.of(parameter), wanted.find(name));
                    // SDXL reads its first text encoder before the last layer, which therefore learns nothing, in PEFT neither.
                    if architecture == "sdxl" && name.starts_with("text_encoder.") && name.contains(".layers.1.") {
                        assert!(found.is_none() && wanted.is_none(), "{name} has a gradient");
                        continue;
                    }
                    let found = found.unwrap_or_else(|| panic!("{name} has no gradient"));
                    let found = found.reshape(shape.as_slice()).expect("the file's shape");
                    let error = error(&found, &wanted.expect("a recorded gradient"));
                    assert!(error <= GRADIENT, "{architecture} {name}: {error:.1e}");
                    worst = worst.max(error);
                    compared += 1;
                }
            }
            println!("{architecture}, recompute {recompute}: worst gradient {worst:.1e}");
            assert_eq!(compared, wanted.names().len() - 1);
            model.clear_adapters();
        }
    }
}
