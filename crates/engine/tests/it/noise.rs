//! Noise against `torch.randn`.

use atelier_engine::noise::NoiseSource;

use crate::golden::{Golden, error};

/// The logarithm, sine and cosine of f32 differ in the last place between libraries.
const LAST_PLACES: f64 = 1e-6;

#[test]
fn a_seed_draws_the_numbers_that_pytorch_draws() {
    let golden = Golden::open("noise.safetensors");
    let mut draws = 0;
    for name in golden.names().iter().filter(|name| !name.ends_with(".again")) {
        let (seed, shape) = name.split_once('.').expect("seed.shape");
        let shape: Vec<usize> = shape.split('x').map(|side| side.parse().expect("a size")).collect();
        let mut source = NoiseSource::new(seed.parse().expect("a seed"));
        for wanted in [name.clone(), format!("{name}.again")] {
            let found = source.draw(&shape).expect("noise");
            let error = error(&found, &golden.get(&wanted));
            assert!(error <= LAST_PLACES, "{wanted}: {error:.1e}");
            draws += 1;
        }
    }
    assert_eq!(draws, 64);
}

#[test]
fn the_upper_half_of_a_seed_counts() {
    let draw = |seed| {
        NoiseSource::new(seed)
            .draw(&[32])
            .expect("noise")
            .to_vec1::<f32>()
            .expect("numbers")
    };
    assert_eq!(draw(5 << 32 | 7), draw(5 << 32 | 7));
    assert_ne!(draw(5 << 32 | 7), draw(7));
    assert_ne!(draw(5 << 32 | 7), draw(6 << 32 | 7));
}
