//! Training from outside: every adapter learns, and what was learnt is found again in its file.

use std::path::Path;

use atelier_engine::lora::{LoraFile, Naming, write};
use atelier_engine::train::{Control, TrainRequest, TrainSettings, TrainingPicture, train};
use image::{Rgb, RgbImage};

use crate::golden::{ARCHITECTURES, Golden, error, model, path};

/// What a half-precision file rounds.
const HALF: f64 = 1e-3;

/// Two steps of everything that can learn.
fn request(folder: &Path) -> TrainRequest {
    let pictures = (0..4u32).map(|i| {
        let path = folder.join(format!("{i}.png"));
        let stripes = RgbImage::from_fn(32, 32, |x, y| Rgb([(x * 7 + i) as u8, (y * 5) as u8, (i * 40) as u8]));
        stripes.save(&path).expect("a picture");
        TrainingPicture {
            path,
            crop: None,
            quarter_turns: 0,
            tags: vec!["stripes".into()],
        }
    });
    TrainRequest {
        trigger: "striped".into(),
        pictures: pictures.collect(),
        folder: folder.to_owned(),
        output: folder.join("style.safetensors"),
        metadata: Default::default(),
        resume: false,
        memory_available_bytes: None,
        settings: TrainSettings {
            steps: 2,
            rank: 2,
            alpha: 2.0,
            learning_rate: 1e-2,
            warmup_steps: 0,
            weight_decay: 0.0,
            batch: 2,
            accumulation: 1,
            min_snr_gamma: None,
            caption_dropout: 0.0,
            feed_forward: true,
            convolutions: true,
            text_encoder: true,
            flip: false,
            resolution: 32,
            recompute: Some(true),
            checkpoint_every: 0,
            sample_every: 0,
            samples: Vec::new(),
            seed: 3,
        },
    }
}

#[test]
fn every_adapter_of_every_architecture_learns() {
    for architecture in ARCHITECTURES {
        let (model, folder) = (model(architecture), tempfile::tempdir().expect("a folder"));
        let trained = train(&model, &request(folder.path()), &mut |_| Control::Continue).expect("it trains");
        // The way up begins at zero, and any gradient at all moves it.
        assert_eq!(trained.health.problems, [], "{architecture}");
        let receipt = LoraFile::read(&trained.output)
            .and_then(|file| file.check(&model))
            .expect("it fits");
        assert_eq!(receipt.layers, trained.health.layers as usize);
        assert!(receipt.base_model_matches);
    }
}

/// Layers are written as diffusers and kohya's trainer write them.
#[test]
fn files_hold_what_those_of_others_hold() {
    let folder = tempfile::tempdir().expect("a folder");
    for architecture in ARCHITECTURES {
        let model = model(architecture);
        let read = |name: &Path| LoraFile::read(name).expect("a LoRA");
        let kohya = read(&path(&format!("lora/{architecture}-full-kohya.safetensors")));
        let layers = kohya.layers_of(&model).expect("its layers");
        for (naming, name) in [(Naming::Kohya, "kohya"), (Naming::Peft, "peft")] {
            let ours = folder.path().join(format!("{architecture}-{name}.safetensors"));
            write(&ours, &layers, &Default::default(), naming, model.text.len()).expect("written");
            let ours = Golden::open(ours.to_str().expect("a plain path"));
            let theirs = Golden::open(&format!("lora/{architecture}-full-{name}.safetensors"));
            assert_eq!(ours.names().len(), theirs.names().len(), "{architecture} {name}");
            for tensor in theirs.names() {
                // transformers 5 leaves `text_model` out; both are read everywhere.
                let older = tensor.replacen("text_encoder.encoder", "text_encoder.text_model.encoder", 1);
                let found = ours.find(&tensor).or_else(|| ours.find(&older));
                let found = found.unwrap_or_else(|| panic!("{architecture} {name}: {tensor} is missing"));
                let mut wanted = theirs.get(&tensor);
                if naming == Naming::Peft && tensor.ends_with("lora_B.weight") {
                    // alpha 3 of rank 2 is multiplied in.
                    wanted = (wanted * 1.5).expect("scaled");
                }
                assert!(error(&found, &wanted) < HALF, "{architecture} {name}: {tensor}");
            }
        }
    }
}
