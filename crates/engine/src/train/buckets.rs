//! Sizes at which pictures are seen, and in which order.

use super::chance::Chance;

/// Widest and tallest shape that is kept; what is longer is cut.
const RATIO_MAX: f64 = 2.5;

/// A size in pixels and the pictures that are seen at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bucket {
    pub(super) width: u32,
    pub(super) height: u32,
    /// Positions in the request.
    pub(super) pictures: Vec<usize>,
}

/// Puts pictures of these sizes into the buckets nearest to their shape: multiples of `unit` pixels with at most the area of a square of
/// `resolution`. Buckets without pictures are left out.
pub(super) fn sort(sizes: &[(u32, u32)], resolution: u32, unit: u32) -> Vec<Bucket> {
    let shapes = shapes(resolution, unit);
    let mut buckets: Vec<_> = shapes
        .iter()
        .map(|&(width, height)| Bucket {
            width,
            height,
            pictures: Vec::new(),
        })
        .collect();
    for (picture, &(width, height)) in sizes.iter().enumerate() {
        let wanted = (f64::from(width) / f64::from(height)).ln();
        let distance = |bucket: &Bucket| (wanted - (f64::from(bucket.width) / f64::from(bucket.height)).ln()).abs();
        if let Some(nearest) = buckets.iter_mut().min_by(|a, b| distance(a).total_cmp(&distance(b))) {
            nearest.pictures.push(picture);
        }
    }
    buckets.retain(|bucket| !bucket.pictures.is_empty());
    buckets
}

/// Width and height at which a picture of this size is seen, alone or among others.
pub fn bucket(size: (u32, u32), resolution: u32, unit: u32) -> (u32, u32) {
    let own = sort(&[size], resolution, unit);
    own.first().map_or(size, |bucket| (bucket.width, bucket.height))
}

fn shapes(resolution: u32, unit: u32) -> Vec<(u32, u32)> {
    let side = (resolution / unit * unit).max(unit);
    let area = u64::from(side) * u64::from(side);
    let other = |one: u32| ((area / u64::from(one)) as u32 / unit * unit).max(unit);
    let mut shapes = vec![(side, side)];
    let mut long = side + unit;
    while f64::from(long) / f64::from(other(long)) <= RATIO_MAX {
        shapes.push((long, other(long)));
        shapes.push((other(long), long));
        long += unit;
    }
    shapes
}

/// Which pictures are seen together, for any batch of the training.
pub(super) struct Order {
    buckets: Vec<Bucket>,
    batch: usize,
    seed: u64,
}

impl Order {
    pub(super) fn new(buckets: Vec<Bucket>, batch: usize, seed: u64) -> Self {
        Self { buckets, batch, seed }
    }

    fn batches_per_epoch(&self) -> usize {
        let batches = self
            .buckets
            .iter()
            .map(|bucket| bucket.pictures.len().div_ceil(self.batch));
        batches.sum()
    }

    /// The pictures of batch number `index`. Every picture is seen once an epoch; a bucket's last batch is filled up from its first.
    pub(super) fn batch(&self, index: u64) -> (&Bucket, Vec<usize>) {
        let per_epoch = self.batches_per_epoch() as u64;
        let mut chance = Chance::new(self.seed, "order", index / per_epoch);
        let mut batches = Vec::new();
        for bucket in &self.buckets {
            let mut pictures = bucket.pictures.clone();
            chance.shuffle(&mut pictures);
            let count = pictures.len().div_ceil(self.batch);
            let mut endless = pictures.into_iter().cycle();
            for _ in 0..count {
                batches.push((bucket, endless.by_ref().take(self.batch).collect()));
            }
        }
        chance.shuffle(&mut batches);
        batches.swap_remove((index % per_epoch) as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::{Order, shapes, sort};

    #[test]
    fn every_shape_fits_the_area_and_the_unit() {
        for (width, height) in shapes(512, 64) {
            assert!(width % 64 == 0 && height % 64 == 0 && width * height <= 512 * 512);
        }
        assert!(shapes(512, 64).contains(&(640, 384)));
    }

    #[test]
    fn pictures_go_where_their_shape_fits_best() {
        let buckets = sort(&[(1000, 1000), (3000, 2000), (900, 1000), (100, 1000)], 512, 64);
        assert_eq!(buckets[0].pictures, [0, 2]);
        assert_eq!((buckets[1].width, buckets[1].height), (640, 384));
        assert_eq!((buckets[2].width, buckets[2].height), (320, 768));
    }

    #[test]
    fn an_epoch_shows_every_picture() {
        let sizes: Vec<_> = (0..11).map(|i| (100, 100 + i % 2 * 100)).collect();
        let order = Order::new(sort(&sizes, 128, 32), 4, 5);
        let mut seen: Vec<_> = (0..order.batches_per_epoch() as u64)
            .flat_map(|index| order.batch(index).1)
            .collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen, (0..11).collect::<Vec<_>>());
    }
}
