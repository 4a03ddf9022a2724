//! What a training would see of a style's artworks, before any time is spent on it: the exact crop of each, which ones look alike,
//! which were turned, which have no tags.
//!
//! Sizes and crops follow the rule of the trainer (`engine/train/buckets`, `engine/train/pictures`): the shape nearest to the artwork's
//! own, the artwork scaled until it covers it, and its middle. The tests of the whole house hold the two side by side.

use std::collections::BTreeMap;

use atelier_contract::{ArtworkId, Refusal, StyleId};
use serde::Serialize;

use super::{Artwork, Crop};
use crate::models::Model;
use crate::tags::TagUse;
use crate::{Error, Library, styles};

/// Widest and tallest shape that training keeps.
const RATIO_MAX: f64 = 2.5;
/// What sizes of the starter are multiples of.
const UNIT_SMALL: u32 = 16;

/// What a training would see of a style's artworks.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct DatasetReport {
    /// Which style.
    pub style: StyleId,
    /// Artworks that training would use.
    pub valid: u32,
    /// Artworks that it would not.
    pub invalid: u32,
    /// Fewest that a training needs.
    pub valid_min: u32,
    /// Most that a training takes.
    pub valid_max: u32,
    /// Why it cannot begin yet.
    pub missing: Option<Refusal>,
    /// Those that training would use, in the order they came.
    pub artworks: Vec<ArtworkReport>,
    /// Pairs that look alike.
    pub near_duplicates: Vec<NearDuplicate>,
    /// Tags of those that training would use, the most used first.
    pub tags: Vec<TagUse>,
}

/// How training sees an artwork.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct ArtworkReport {
    /// Which.
    pub artwork: ArtworkId,
    /// The part that is seen, in pixels of the upright artwork.
    pub crop: Crop,
    /// Width and height at which it is seen, after turning.
    pub bucket: (u32, u32),
    /// Quarter turns clockwise after the crop.
    pub quarter_turns: u8,
    /// Whether it is smaller than what it is seen at.
    pub upscaled: bool,
    /// How many it has.
    pub tags: u32,
}

/// Two artworks that look alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct NearDuplicate {
    /// The one that is not used.
    pub artwork: ArtworkId,
    /// The one that it looks like.
    pub other: ArtworkId,
}

/// Looks at all artworks of a style as a training would.
///
/// # Errors
/// [`Refusal::StyleUnknown`], [`Error::Database`].
pub async fn report(library: &Library, style: StyleId, model: &Model) -> Result<DatasetReport, Error> {
    let found = styles::show(library, style).await?;
    let all = super::all(library, style).await?;
    let readiness = found.readiness();
    let shapes = shapes(model.native_size_px, unit(&model.architecture));
    let valid = || all.iter().filter(|artwork| artwork.is_valid);
    Ok(DatasetReport {
        style,
        valid: readiness.valid,
        invalid: readiness.invalid,
        valid_min: readiness.valid_min,
        valid_max: readiness.valid_max,
        missing: readiness.missing,
        artworks: valid().map(|artwork| seen(artwork, &shapes)).collect(),
        near_duplicates: all.iter().filter_map(near_duplicate).collect(),
        tags: count(valid().flat_map(|artwork| &artwork.tags)),
    })
}

fn near_duplicate(artwork: &Artwork) -> Option<NearDuplicate> {
    let Some(Refusal::ArtworkNearDuplicate { artwork: other, .. }) = &artwork.validation_reason else {
        return None;
    };
    Some(NearDuplicate {
        artwork: artwork.id,
        other: ArtworkId::try_from(*other).ok()?,
    })
}

/// What sizes are multiples of: pixels of a latent, halved once between every two levels of the network.
fn unit(architecture: &str) -> u32 {
    match architecture {
        "sdxl" => 32,
        "sd15-small" => UNIT_SMALL,
        _ => 64,
    }
}

/// Tags and by how many artworks, the most used first.
fn count<'a>(tags: impl Iterator<Item = &'a String>) -> Vec<TagUse> {
    let mut counted: BTreeMap<&str, i64> = BTreeMap::new();
    for tag in tags {
        *counted.entry(tag).or_default() += 1;
    }
    let named = |(name, usage_count): (&str, i64)| TagUse {
        name: name.to_owned(),
        usage_count,
    };
    let mut uses: Vec<_> = counted.into_iter().map(named).collect();
    uses.sort_by_key(|tag| std::cmp::Reverse(tag.usage_count));
    uses
}

fn shapes(resolution: u32, unit: u32) -> Vec<(u32, u32)> {
    let side = (resolution / unit * unit).max(unit);
    let other = |one: u32| (side * side / one / unit * unit).max(unit);
    let mut shapes = vec![(side, side)];
    let mut long = side + unit;
    while f64::from(long) / f64::from(other(long)) <= RATIO_MAX {
        shapes.push((long, other(long)));
        shapes.push((other(long), long));
        long += unit;
    }
    shapes
}

/// Width and height at which training sees an artwork of this size: of a model for squares of `resolution` pixels, whose sizes are multiples of
/// `unit`.
#[must_use]
pub fn bucket(size: (u32, u32), resolution: u32, unit: u32) -> (u32, u32) {
    nearest(size, &shapes(resolution, unit))
}

fn nearest((width, height): (u32, u32), shapes: &[(u32, u32)]) -> (u32, u32) {
    let wanted = (f64::from(width) / f64::from(height)).ln();
    let distance = |(width, height): (u32, u32)| (wanted - (f64::from(width) / f64::from(height)).ln()).abs();
    let nearest = shapes
        .iter()
        .copied()
        .min_by(|a, b| distance(*a).total_cmp(&distance(*b)));
    nearest.unwrap_or((width, height))
}

fn seen(artwork: &Artwork, shapes: &[(u32, u32)]) -> ArtworkReport {
    let part = artwork.crop.unwrap_or(Crop {
        left_px: 0,
        top_px: 0,
        width_px: artwork.width_px,
        height_px: artwork.height_px,
    });
    let lies = artwork.quarter_turns % 2 == 1;
    let turned = |(width, height): (u32, u32)| if lies { (height, width) } else { (width, height) };
    let (width, height) = turned((part.width_px, part.height_px));
    let bucket = nearest((width, height), shapes);
    // As large a part of the bucket's shape as fits, in the middle.
    let scale = (f64::from(bucket.0) / f64::from(width)).max(f64::from(bucket.1) / f64::from(height));
    let fits = |side: u32, most: u32| ((f64::from(side) / scale).round() as u32).clamp(1, most);
    let (width_px, height_px) = turned((fits(bucket.0, width), fits(bucket.1, height)));
    ArtworkReport {
        artwork: artwork.id,
        crop: Crop {
            left_px: part.left_px + (part.width_px - width_px) / 2,
            top_px: part.top_px + (part.height_px - height_px) / 2,
            width_px,
            height_px,
        },
        bucket,
        quarter_turns: artwork.quarter_turns,
        upscaled: scale > 1.0,
        tags: u32::try_from(artwork.tags.len()).unwrap_or(u32::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn artwork(width_px: u32, height_px: u32, quarter_turns: u8) -> Artwork {
        Artwork {
            id: ArtworkId::try_from(1).expect("above zero"),
            style: StyleId::try_from(1).expect("above zero"),
            path: "a.png".into(),
            file_name: "a.png".into(),
            width_px,
            height_px,
            crop: None,
            quarter_turns,
            is_valid: true,
            validation_reason: None,
            tags: Vec::new(),
            created_at: String::new(),
        }
    }

    #[test]
    fn the_middle_of_an_artwork_is_seen() {
        let report = seen(&artwork(1000, 900, 0), &shapes(512, 64));
        assert_eq!(report.bucket, (512, 512));
        let middle = Crop {
            left_px: 50,
            top_px: 0,
            width_px: 900,
            height_px: 900,
        };
        assert_eq!(report.crop, middle);
        assert!(!report.upscaled);
    }

    #[test]
    fn a_turned_artwork_is_seen_as_it_was_turned() {
        let report = seen(&artwork(600, 1000, 1), &shapes(512, 64));
        assert_eq!(report.bucket, (640, 384));
        assert_eq!((report.crop.width_px, report.crop.height_px), (600, 1000));
    }
}
