//! What the studio shows of a training and what the trainer does: two rooms that must not know each other follow one rule.

use atelier_engine::model::Model;
use atelier_engine::train;
use atelier_studio::artworks;
use candle_core::{DType, Device};

/// Resolution and unit of the starter, of SD 1.5 and of SDXL.
const MODELS: [(u32, u32); 3] = [(128, STARTER_UNIT), (512, 64), (1024, 32)];
const STARTER_UNIT: u32 = 16;

#[test]
fn the_studio_shows_the_size_at_which_the_trainer_sees() {
    let sides = (1..=60).map(|i| 7 * i * i % 4001 + 16 * i);
    let sides: Vec<_> = sides.chain([1, 64, 512, 768, 1024, 1280, 10_000]).collect();
    for (resolution, unit) in MODELS {
        let mut seen = std::collections::BTreeSet::new();
        for &width in &sides {
            for &height in &sides {
                let shown = artworks::bucket((width, height), resolution, unit);
                let trained = train::bucket((width, height), resolution, unit);
                assert_eq!(shown, trained, "{width}×{height} at {resolution} in steps of {unit}");
                seen.insert(shown);
            }
        }
        assert!(seen.len() > 8, "the sizes reach only {seen:?}");
    }
}

#[test]
fn the_starter_is_trained_at_multiples_that_the_studio_knows() {
    let starter = atelier_tests::workspace().join("models/starter");
    let model = Model::load(&starter, &Device::Cpu, DType::F32).expect("the starter loads");
    assert_eq!(model.size_multiple(), STARTER_UNIT as usize);
    assert_eq!(model.native_size(), 128);
}
