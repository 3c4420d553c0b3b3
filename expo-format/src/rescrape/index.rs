//! Lines by the hash of their series, built once per page and only when lines moved.

use std::hash::{BuildHasher, RandomState};

/// Line numbers sorted by hash. The hash is seeded anew for every page, so that no target can choose colliding
/// series.
#[derive(Debug)]
pub(super) struct SeriesIndex {
    seed: RandomState,
    sorted: Vec<(u64, u32)>,
}

impl SeriesIndex {
    pub(super) fn new<'a>(series: impl Iterator<Item = &'a [u8]>) -> Self {
        let seed = RandomState::new();
        let mut sorted: Vec<(u64, u32)> = (0..).zip(series).map(|(at, s)| (seed.hash_one(s), at)).collect();
        sorted.sort_unstable();
        Self { seed, sorted }
    }

    /// Lines whose series may be this one, in order.
    pub(super) fn candidates(&self, series: &[u8]) -> impl Iterator<Item = usize> + use<'_> {
        let hash = self.seed.hash_one(series);
        let from = self.sorted.partition_point(|(h, _)| *h < hash);
        self.sorted[from..].iter().take_while(move |(h, _)| *h == hash).map(|(_, at)| *at as usize)
    }
}
