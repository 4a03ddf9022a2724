//! What is asked for, and what it comes to: defaults by model, the prompt, the size of every aspect ratio.

use std::path::PathBuf;

use atelier_contract::{AspectRatio, Number, Refusal, Tag};
use atelier_worker_protocol::Sampler;
use serde::{Deserialize, Serialize};

use crate::picture::provenance::{ModelFacts, StyleFacts};

/// Samplers by the names that users know.
pub const SAMPLERS: [(&str, Sampler); 5] = [
    ("ddim", Sampler::Ddim),
    ("euler", Sampler::Euler),
    ("euler-a", Sampler::EulerA),
    ("dpmpp-2m-karras", Sampler::Dpmpp2mKarras),
    ("unipc", Sampler::Unipc),
];

/// Most pictures of one order.
pub const COUNT_MAX: u32 = 64;
/// Most steps of a sampler.
pub const STEPS_MAX: u32 = 150;
/// Highest weight of guidance.
pub const GUIDANCE_MAX: f64 = 30.0;
/// Strengths that make sense lie well inside.
pub const STRENGTH_MAX: f64 = 4.0;

/// Pictures that a person asks for.
#[derive(Debug, Clone, Default)]
pub struct Order {
    /// Names and strengths (1 as trained), in order.
    pub styles: Vec<(String, f64)>,
    /// Ordered.
    pub tags: Vec<Tag>,
    /// What should be absent.
    pub negative: Vec<Tag>,
    /// Width to height.
    pub aspect: AspectRatio,
    /// Of the first picture; the next ones count up. Random when `None`.
    pub seed: Option<u64>,
    /// How many.
    pub count: u32,
    /// `None`: what suits the model.
    pub steps: Option<u32>,
    /// `None`: what suits the model.
    pub guidance: Option<f64>,
    /// `None`: what suits the model.
    pub sampler: Option<Sampler>,
    /// Id or path; `None`: the first style's, or the starter.
    pub model: Option<String>,
    /// Where copies of the pictures go.
    pub out: Option<PathBuf>,
}

impl Order {
    /// # Errors
    /// [`Refusal::NumberOutOfRange`], and [`Refusal::NothingToMake`] when nothing at all is asked for.
    pub(super) fn check(&self) -> Result<(), Refusal> {
        let within = |number: Number, value: f64, min: f64, max: f64| {
            if (min..=max).contains(&value) {
                Ok(())
            } else {
                Err(number.out_of_range(value, min, max))
            }
        };
        within(Number::Count, self.count.into(), 1.0, COUNT_MAX.into())?;
        within(Number::Steps, self.steps.unwrap_or(1).into(), 1.0, STEPS_MAX.into())?;
        within(Number::Guidance, self.guidance.unwrap_or(1.0), 0.0, GUIDANCE_MAX)?;
        for (_, strength) in &self.styles {
            within(Number::Strength, *strength, -STRENGTH_MAX, STRENGTH_MAX)?;
        }
        if self.styles.is_empty() && self.tags.is_empty() {
            return Err(Refusal::NothingToMake {});
        }
        Ok(())
    }
}

/// All that decides about an order's pictures but their seeds: stands in the job and beside every generation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// The base model.
    pub model: ModelFacts,
    /// Where it is.
    pub model_path: PathBuf,
    /// In order, with what their files were when they were chosen.
    pub styles: Vec<StyleFacts>,
    /// Their files, relative to the library's folder.
    pub loras: Vec<String>,
    /// As the model reads it.
    pub prompt: String,
    /// What should be absent.
    pub negative_prompt: String,
    /// Without the styles' first tags.
    pub tags: Vec<String>,
    /// Width to height.
    pub aspect: AspectRatio,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Of the sampler.
    pub steps: u32,
    /// Weight of classifier-free guidance.
    pub guidance: f64,
    /// Which one.
    pub sampler: Sampler,
    /// Where copies go.
    pub out: Option<PathBuf>,
}

/// The sampler of this name.
///
/// # Errors
/// [`Refusal::SamplerUnknown`].
pub fn sampler_named(name: &str) -> Result<Sampler, Refusal> {
    SAMPLERS
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, sampler)| *sampler)
        .ok_or_else(|| Refusal::SamplerUnknown {
            sampler: name.to_owned(),
            known: SAMPLERS.map(|(name, _)| name.to_owned()).into(),
        })
}

/// The name of a sampler.
#[must_use]
pub fn sampler_name(sampler: Sampler) -> &'static str {
    match sampler {
        Sampler::Ddim => "ddim",
        Sampler::Euler => "euler",
        Sampler::EulerA => "euler-a",
        Sampler::Dpmpp2mKarras => "dpmpp-2m-karras",
        Sampler::Unipc => "unipc",
    }
}

/// First tags of the styles, then the tags: the form of the captions that the styles were trained with.
#[must_use]
pub fn prompt<'a>(styles: impl IntoIterator<Item = &'a str>, tags: impl IntoIterator<Item = &'a str>) -> String {
    styles.into_iter().chain(tags).collect::<Vec<_>>().join(", ")
}

/// Width and height in pixels: about as many as the model's own square has (for the large square 1.5 times its side), in steps
/// that models are trained on: an eighth of that side, 64 at most.
#[must_use]
pub fn size_of(aspect: AspectRatio, native_px: u32) -> (u32, u32) {
    let grain = (native_px / 8).clamp(8, 64) / 8 * 8;
    let fit = |pixels: f64| (pixels / f64::from(grain)).round().max(1.0) as u32 * grain;
    let side = f64::from(native_px);
    let pair = |short: f64, long: f64| {
        let short_px = fit(side * (short / long).sqrt());
        (short_px, fit(f64::from(short_px) * long / short))
    };
    let lying = |(short, long): (u32, u32)| (long, short);
    match aspect {
        AspectRatio::Square => (fit(side), fit(side)),
        AspectRatio::LargeSquare => (fit(side * 1.5), fit(side * 1.5)),
        AspectRatio::Tall => pair(1.0, 2.0),
        AspectRatio::WideUpright => pair(9.0, 16.0),
        AspectRatio::Portrait => pair(3.0, 4.0),
        AspectRatio::Wide => lying(pair(9.0, 16.0)),
        AspectRatio::Landscape => lying(pair(3.0, 4.0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_those_that_models_are_trained_on() {
        let sizes = |native| {
            AspectRatio::ALL
                .iter()
                .map(|aspect| size_of(*aspect, native))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            sizes(128),
            [
                (128, 128),
                (192, 192),
                (96, 192),
                (176, 96),
                (96, 176),
                (144, 112),
                (112, 144)
            ]
        );
        assert_eq!(sizes(512)[..4], [(512, 512), (768, 768), (384, 768), (704, 384)]);
        assert_eq!(sizes(1024)[2..4], [(704, 1408), (1344, 768)]);
    }

    #[test]
    fn every_size_is_a_multiple_of_eight() {
        for native in [16, 32, 72, 128, 512, 768, 1024] {
            for aspect in AspectRatio::ALL {
                let (width, height) = size_of(*aspect, native);
                assert!(
                    width % 8 == 0 && height % 8 == 0 && width > 0 && height > 0,
                    "{aspect} of {native}"
                );
            }
        }
    }

    #[test]
    fn an_unknown_sampler_is_told_all_five() {
        assert!(matches!(sampler_named("heun"), Err(Refusal::SamplerUnknown { known, .. }) if known.len() == 5));
        for (name, sampler) in SAMPLERS {
            assert_eq!(sampler_name(sampler), name);
        }
    }

    #[test]
    fn an_order_for_nothing_is_refused() {
        assert!(matches!(
            Order {
                count: 1,
                ..Order::default()
            }
            .check(),
            Err(Refusal::NothingToMake {})
        ));
        let order = Order {
            count: 65,
            tags: vec![Tag::parse("sea").expect("a tag")],
            ..Order::default()
        };
        assert!(matches!(order.check(), Err(Refusal::NumberOutOfRange { .. })));
    }
}
