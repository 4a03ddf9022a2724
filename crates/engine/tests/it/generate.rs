//! Whole pictures against diffusers' pipelines, and what a seed promises.

use std::ops::ControlFlow;

use atelier_engine::EngineError;
use atelier_engine::generate::{GenerateEvent, GenerateRequest, generate};
use atelier_engine::model::Model;
use atelier_engine::samplers::SamplerKind;
use image::RgbImage;

use crate::golden::{ARCHITECTURES, Golden, model};

/// Numbers that lie on the edge between two bytes may fall to either side.
const BYTE_DIFFERENCE_MAX: i16 = 1;

fn request(sampler: SamplerKind) -> GenerateRequest {
    GenerateRequest {
        prompt: "a red house, ink".into(),
        negative_prompt: "night, blue".into(),
        width: 64,
        height: 32,
        seeds: vec![7],
        steps: 6,
        guidance: 4.0,
        sampler,
        preview_every: 0,
    }
}

fn pictures(model: &Model, request: &GenerateRequest) -> Vec<RgbImage> {
    let mut pictures = Vec::new();
    generate(model, request, &mut |event| {
        if let GenerateEvent::Picture { picture, .. } = event {
            pictures.push(picture);
        }
        ControlFlow::Continue(())
    })
    .expect("pictures");
    pictures
}

#[test]
fn a_seed_gives_the_picture_that_diffusers_gives() {
    let golden = Golden::open("pictures.safetensors");
    for architecture in ARCHITECTURES {
        let model = model(architecture);
        for sampler in SamplerKind::ALL {
            for (negative, suffix) in [("night, blue", ""), ("", ".empty")] {
                let name = format!("{architecture}.{}{suffix}.pixels", sampler.name());
                let Some(wanted) = golden.find(&name) else { continue };
                let request = GenerateRequest {
                    negative_prompt: negative.into(),
                    ..request(sampler)
                };
                let found = pictures(&model, &request).remove(0);
                assert_eq!(wanted.dims(), [32, 64, 3]);
                let wanted = wanted.flatten_all().and_then(|x| x.to_vec1::<f32>()).expect("bytes");
                let differences = found.as_raw().iter().zip(&wanted);
                let most = differences
                    .map(|(&found, &wanted)| (i16::from(found) - wanted as i16).abs())
                    .max();
                println!("{name}: {most:?}");
                assert!(most <= Some(BYTE_DIFFERENCE_MAX), "{name}: bytes differ by {most:?}");
            }
        }
    }
}

#[test]
fn a_picture_depends_on_its_own_seed_alone() {
    let model = model("sd15");
    for sampler in [SamplerKind::EulerA, SamplerKind::Unipc] {
        let three = GenerateRequest {
            seeds: vec![3, 7, 1 << 40],
            preview_every: 2,
            ..request(sampler)
        };
        let (alone, three) = (pictures(&model, &request(sampler)), pictures(&model, &three));
        assert_eq!(alone[0], three[1]);
        assert_ne!(three[0], three[1]);
        assert_ne!(three[2], three[0]);
    }
}

#[test]
fn it_stops_at_the_step_where_it_is_told_to() {
    let model = model("sd15");
    let mut steps = 0;
    let result = generate(&model, &request(SamplerKind::Ddim), &mut |event| match event {
        GenerateEvent::Step { step, .. } => {
            steps = step;
            if step == 2 {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        }
        GenerateEvent::Preview { .. } | GenerateEvent::Decoding { .. } | GenerateEvent::Picture { .. } => {
            ControlFlow::Continue(())
        }
    });
    assert!(matches!(result, Err(EngineError::Cancelled)), "{result:?}");
    assert_eq!(steps, 2);
}

#[test]
fn previews_are_small_pictures_of_the_same_shape() {
    let model = model("sd15");
    let request = GenerateRequest {
        preview_every: 2,
        ..request(SamplerKind::Euler)
    };
    let mut previews = Vec::new();
    let result = generate(&model, &request, &mut |event| {
        if let GenerateEvent::Preview { step, picture, .. } = event {
            previews.push((step, picture.dimensions()));
        }
        ControlFlow::Continue(())
    });
    result.expect("pictures");
    assert_eq!(previews, [(2, (64, 32)), (4, (64, 32))]);
}

#[test]
fn a_size_that_the_model_cannot_make_is_refused() {
    let model = model("sd15");
    for (width, height) in [(0, 32), (30, 32), (64, 33)] {
        let request = GenerateRequest {
            width,
            height,
            ..request(SamplerKind::Ddim)
        };
        let result = generate(&model, &request, &mut |_| ControlFlow::Continue(()));
        assert!(
            matches!(result, Err(EngineError::RequestInvalid(_))),
            "{width}×{height}"
        );
    }
}
