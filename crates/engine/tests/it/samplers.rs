//! Whole trajectories against diffusers' schedulers.

use atelier_engine::config::SchedulerConfig;
use atelier_engine::noise::NoiseSource;
use atelier_engine::samplers::{Sampler, SamplerKind};
use candle_core::Tensor;

use crate::golden::{Golden, close, error, path};

/// diffusers computes its coefficients in f32, the engine in f64.
const TRAJECTORY: f64 = 1e-4;
/// Seed of the recorded noise of Euler a.
const ANCESTRAL_SEED: u64 = 71;

/// `variant.sampler.steps` of every recorded walk.
fn walks(golden: &Golden) -> Vec<(String, SamplerKind, usize)> {
    let names = golden.names().into_iter();
    let walks = names.filter_map(|name| name.strip_suffix(".timesteps").map(str::to_owned));
    walks
        .map(|walk| {
            let mut parts = walk.split('.');
            let mut next = || parts.next().expect("variant.sampler.steps").to_owned();
            let (variant, sampler, steps) = (next(), next(), next());
            let kind = sampler.parse().expect("a sampler");
            (variant, kind, steps.parse().expect("a number of steps"))
        })
        .collect()
}

#[test]
fn every_walk_is_that_of_diffusers() {
    let golden = Golden::open("samplers.safetensors");
    let (outputs, start) = (golden.get("outputs"), golden.get("start"));
    let walks = walks(&golden);
    assert_eq!(walks.len(), 83);
    for (variant, kind, steps) in walks {
        let walk = format!("{variant}.{}.{steps}", kind.name());
        let get = |what: &str| golden.get(&format!("{walk}.{what}"));
        let config = SchedulerConfig::read(&path(&format!("samplers/{variant}.json"))).expect("a configuration");
        let mut sampler = Sampler::new(kind, &config, steps).expect("a sampler");
        let timesteps: Vec<f32> = sampler.timesteps().iter().map(|&t| t as f32).collect();
        let wanted = get("timesteps").to_vec1::<f32>().expect("timesteps");
        for (found, wanted) in timesteps.iter().zip(&wanted) {
            assert!(
                (found - wanted).abs() < 2e-3,
                "{walk}: timesteps {timesteps:?}, wanted {wanted:?}"
            );
        }
        let sigma = get("init_noise_sigma").to_vec1::<f32>().expect("a number")[0];
        assert!(
            (sampler.init_noise_sigma() / f64::from(sigma) - 1.0).abs() < 1e-4,
            "{walk}: {sigma}"
        );
        let (mut after, mut shown) = (Vec::new(), Vec::new());
        let mut sample = (&start * f64::from(sigma)).expect("a tensor");
        let mut noise = NoiseSource::new(ANCESTRAL_SEED);
        for step in 0..steps {
            shown.push(sampler.scale_model_input(&sample, step).expect("an input"));
            let fresh = sampler
                .is_ancestral()
                .then(|| noise.draw(sample.dims()).expect("noise"));
            let output = outputs.get(step).expect("an output");
            sample = sampler.step(step, &output, &sample, fresh.as_ref()).expect("a step");
            after.push(sample.clone());
        }
        let after = Tensor::cat(&after, 0).expect("a trajectory");
        close(&walk, &after, &get("after"), TRAJECTORY);
        close(
            &format!("{walk}, last"),
            &sample,
            &get("after").narrow(0, steps - 1, 1).expect("the last"),
            TRAJECTORY,
        );
        if let Some(wanted) = golden.find(&format!("{walk}.shown")) {
            let shown = Tensor::cat(&shown, 0).expect("inputs");
            assert!(
                error(&shown, &wanted) <= TRAJECTORY,
                "{walk}: what the network is shown"
            );
        }
    }
}

#[test]
fn no_steps_and_too_many_are_refused() {
    let config = SchedulerConfig::stable_diffusion();
    for kind in SamplerKind::ALL {
        assert!(Sampler::new(kind, &config, 0).is_err());
        assert!(Sampler::new(kind, &config, 1000).is_err());
        assert!(Sampler::new(kind, &config, 1).is_ok());
    }
}
