//! The classic buckets of one slot's threads.

use std::sync::OnceLock;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicU64, fence};

use super::with_zeros;

/// The observations of one slot's threads.
///
/// A reader that meets the writer again and again asks it to go to the other side: then this side comes to rest.
#[derive(Debug)]
pub(super) struct Shard {
    /// The writer is asked to use the second side.
    turned: AtomicBool,
    first: Side,
    second: OnceLock<Side>,
}

/// How often a reader looks before it asks the writer to turn.
const PATIENCE: u32 = 64;

impl Shard {
    pub(super) fn new(buckets: usize) -> Self {
        Self { turned: AtomicBool::new(false), first: Side::new(buckets), second: OnceLock::new() }
    }

    #[inline]
    pub(super) fn observe(&self, index: usize, value: f64) {
        let second = if self.turned.load(Relaxed) { self.second.get() } else { None };
        second.unwrap_or(&self.first).observe(index, value);
    }

    /// Adds the observations to `counts` and returns their sum. Only one reader at a time, lest they turn the writer
    /// round and round.
    pub(super) fn add_to(&self, counts: &mut [u64]) -> f64 {
        with_zeros(counts.len(), |seen| {
            let mut total = 0.0;
            let mut count = |side: &Side, tries| {
                let sum = side.read(seen, tries);
                if let Some(sum) = sum {
                    counts.iter_mut().zip(&*seen).for_each(|(to, n)| *to += n);
                    total += sum;
                }
                sum.is_some()
            };
            if !count(&self.first, PATIENCE) {
                self.second.get_or_init(|| Side::new(self.first.buckets()));
                self.turned.store(true, Relaxed);
                count(&self.first, u32::MAX);
            }
            if let Some(second) = self.second.get() {
                self.turned.store(false, Relaxed);
                count(second, u32::MAX);
            }
            total
        })
    }
}

/// A sequence lock with a single writer, who never waits: the first cell is odd while it is at work. Then come the
/// sum's bits and the buckets.
#[derive(Debug)]
struct Side(Box<[AtomicU64]>);

impl Side {
    fn new(buckets: usize) -> Self {
        Self((0..2 + buckets).map(|_| AtomicU64::new(0)).collect())
    }

    fn buckets(&self) -> usize {
        self.0.len() - 2
    }

    #[inline]
    fn observe(&self, index: usize, value: f64) {
        let [sequence, sum, counts @ ..] = &*self.0 else { return };
        let Some(count) = counts.get(index) else { return };
        let before = sequence.load(Relaxed);
        sequence.store(before.wrapping_add(1), Relaxed);
        // Whoever sees one of the two stores below also sees the odd number above.
        fence(Release);
        count.store(count.load(Relaxed).wrapping_add(1), Relaxed);
        sum.store((f64::from_bits(sum.load(Relaxed)) + value).to_bits(), Relaxed);
        sequence.store(before.wrapping_add(2), Release);
    }

    /// Copies the counts to `seen` and returns the sum, unless the writer is in the way `tries` times in a row.
    fn read(&self, seen: &mut [u64], tries: u32) -> Option<f64> {
        let [sequence, sum, counts @ ..] = &*self.0 else { return None };
        for attempt in 1..=tries {
            let before = sequence.load(Acquire);
            if before % 2 == 0 {
                for (to, from) in seen.iter_mut().zip(counts) {
                    *to = from.load(Relaxed);
                }
                let sum = f64::from_bits(sum.load(Relaxed));
                fence(Acquire);
                if sequence.load(Relaxed) == before {
                    return Some(sum);
                }
            }
            // The writer needs a few nanoseconds, unless it was put off its core.
            if attempt % PATIENCE == 0 { std::thread::yield_now() } else { std::hint::spin_loop() }
        }
        None
    }
}
