//! Tokenizers, text encoders, UNet and VAE against transformers and diffusers.

use atelier_engine::model::Model;
use atelier_engine::unet::{AddedConditions, Conditioning};
use serde_json::Value;

use crate::golden::{ARCHITECTURES, Golden, NETWORK, close, ids, model, path};

/// Compares text encoders, UNet and VAE of `model` with what is recorded for its architecture.
pub(crate) fn compare(model: &Model, architecture: &str) {
    let golden = Golden::open(&format!("{architecture}.safetensors"));
    let what = |name: &str| format!("{architecture} {name}");
    for (i, part) in model.text.iter().enumerate() {
        let encoding = part
            .encoder
            .forward(&ids(&golden.get(&format!("text.{i}.ids"))))
            .expect("an encoding");
        let states = [
            ("last_hidden_state", encoding.last_hidden_state),
            ("penultimate", encoding.penultimate),
            ("pooled", encoding.pooled),
        ];
        for (name, found) in states {
            let name = format!("text.{i}.{name}");
            close(&what(&name), &found, &golden.get(&name), NETWORK);
        }
    }
    for case in ["square", "pair", "wide", "odd", "uneven"] {
        let get = |name: &str| golden.get(&format!("unet.{case}.{name}"));
        let added = golden
            .find(&format!("unet.{case}.text_embeds"))
            .map(|text_embeds| AddedConditions {
                text_embeds,
                time_ids: get("time_ids"),
            });
        let conditioning = Conditioning {
            context: get("context"),
            added,
        };
        let found = model
            .unet
            .forward(&get("sample"), &get("timestep"), &conditioning, None);
        close(
            &what(&format!("unet.{case}")),
            &found.expect("a prediction"),
            &get("output"),
            NETWORK,
        );
    }
    for case in ["square", "wide"] {
        let get = |name: &str| golden.get(&format!("vae.{case}.{name}"));
        let (mean, logvar) = model.vae.encode(&get("pixels")).expect("latents");
        close(&what("vae mean"), &mean, &get("mean"), NETWORK);
        close(&what("vae logvar"), &logvar, &get("logvar"), NETWORK);
        let decoded = model.vae.decode(&get("latents")).expect("pixels");
        close(&what("vae decoded"), &decoded, &get("decoded"), NETWORK);
    }
}

#[test]
fn every_part_computes_what_diffusers_computes() {
    for architecture in ARCHITECTURES {
        compare(&model(architecture), architecture);
    }
}

#[test]
fn prompts_are_spelt_as_transformers_spells_them() {
    for architecture in ARCHITECTURES {
        let model = model(architecture);
        let text = std::fs::read_to_string(path(&format!("{architecture}-tokens.json"))).expect("recorded tokens");
        let rows: Vec<Value> = serde_json::from_str(&text).expect("rows");
        assert_eq!(rows.len(), 9);
        for row in rows {
            let prompt = row["prompt"].as_str().expect("a prompt");
            for (part, key) in model.text.iter().zip(["tokenizer", "tokenizer_2"]) {
                let wanted: Vec<u32> = serde_json::from_value(row[key].clone()).expect("ids");
                assert_eq!(
                    part.tokenizer.encode(prompt).expect("ids"),
                    wanted,
                    "{architecture} {key}: {prompt:?}"
                );
            }
        }
    }
}
