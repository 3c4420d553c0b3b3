//! What one slot's threads have observed.

use std::sync::OnceLock;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicU64, fence};

use super::{Native, with_zeros};
use crate::histogram::{Grid, bucket_index};
use crate::instrument::slot::bump;

/// The observations of one slot's threads.
///
/// A reader that meets the writer again and again asks it to go to the other side: then this side comes to rest.
#[derive(Debug)]
pub(super) struct Shard {
    /// The writer is asked to use the second side.
    turned: AtomicBool,
    first: Side,
    second: OnceLock<Side>,
    /// Which native buckets have counts here, behind those of the classic buckets.
    window: Option<Window>,
}

/// How often a reader looks before it asks the writer to turn; under Miri, where it nearly always meets the writer, hardly
/// ever.
const PATIENCE: u32 = if cfg!(miri) { 2 } else { 64 };

impl Shard {
    /// Counts in so many classic buckets, and in native ones around `near`.
    pub(super) fn new(buckets: usize, native: Option<&Native>, near: f64) -> Self {
        let window = native.map(|native| Window::around(near, native, buckets));
        let counts = buckets + window.as_ref().map_or(0, |_| 1 + WINDOW);
        Self { turned: AtomicBool::new(false), first: Side::new(counts), second: OnceLock::new(), window }
    }

    /// Counts a value in a classic bucket, and in the native one if there are such; says `false`, and does not count it, if
    /// that one is not here.
    #[inline]
    pub(super) fn observe(&self, index: usize, value: f64) -> bool {
        match &self.window {
            None => self.side().observe(index, None, value),
            Some(window) => match window.place(value) {
                Some(place) => self.side().observe(index, Some(place), value),
                None => return false,
            },
        }
        true
    }

    #[inline]
    fn side(&self) -> &Side {
        let second = if self.turned.load(Relaxed) { self.second.get() } else { None };
        second.unwrap_or(&self.first)
    }

    /// Hands out the counts and their sum, once or twice. Only one reader at a time, lest they turn the writer round
    /// and round.
    pub(super) fn read(&self, mut add: impl FnMut(&[u64], f64)) {
        with_zeros(self.first.counts(), |seen| {
            let mut count = |side: &Side, tries| {
                let sum = side.read(seen, tries);
                if let Some(sum) = sum {
                    add(seen, sum);
                }
                sum.is_some()
            };
            if !count(&self.first, PATIENCE) {
                self.second.get_or_init(|| Side::new(self.first.counts()));
                self.turned.store(true, Relaxed);
                count(&self.first, u32::MAX);
            }
            if let Some(second) = self.second.get() {
                self.turned.store(false, Relaxed);
                count(second, u32::MAX);
            }
        });
    }

    pub(super) fn window(&self) -> Option<&Window> {
        self.window.as_ref()
    }
}

/// Native buckets of positive values that lie together: those where a thread's observations usually fall.
#[derive(Debug)]
pub(super) struct Window {
    grid: Grid,
    /// Larger values are neither zero nor so small that they are no normal numbers.
    small: f64,
    zero_threshold: f64,
    /// Where the count of zeros is among all counts; those of the buckets follow.
    zeros: usize,
    /// Index of the first bucket.
    first: i32,
}

/// How many buckets a window has: two thirds more than a histogram of the usual limit can show.
const WINDOW: usize = 256;

impl Window {
    fn around(value: f64, native: &Native, zeros: usize) -> Self {
        let near = if value.is_nan() || value == 0.0 { 1.0 } else { value };
        let first = bucket_index(near, native.schema()) - WINDOW as i32 / 2;
        let zero_threshold = native.threshold();
        let small = zero_threshold.max(f64::MIN_POSITIVE);
        Self { grid: Grid::new(native.schema()), small, zero_threshold, zeros, first }
    }

    /// Where the value is counted among all counts; negative and odd ones are counted elsewhere.
    #[inline]
    fn place(&self, value: f64) -> Option<usize> {
        if value > self.small && value < f64::INFINITY {
            let offset = self.grid.index(value, 0).wrapping_sub(self.first) as usize;
            (offset < WINDOW).then(|| self.zeros + 1 + offset)
        } else {
            (value.abs() <= self.zero_threshold || value == 0.0).then_some(self.zeros)
        }
    }

    /// The count of zeros, and index and count of every other bucket that is not empty.
    pub(super) fn buckets<'a>(&self, counts: &'a [u64]) -> (u64, impl Iterator<Item = (i32, u64)> + 'a) {
        let window = counts.get(self.zeros..).unwrap_or_default();
        let (zeros, rest) = window.split_first().unwrap_or((&0, &[]));
        (*zeros, (self.first..).zip(rest.iter().copied()).filter(|(_, n)| *n > 0))
    }
}

/// A sequence lock with a single writer, who never waits: the first cell is odd while it is at work. Then come the
/// sum's bits and the counts: those of the classic buckets, then those of the window, if there is one.
#[derive(Debug)]
struct Side(Box<[AtomicU64]>);

impl Side {
    fn new(counts: usize) -> Self {
        Self((0..2 + counts).map(|_| AtomicU64::new(0)).collect())
    }

    fn counts(&self) -> usize {
        self.0.len() - 2
    }

    /// Counts a value at one place, or at two.
    #[inline]
    fn observe(&self, index: usize, second: Option<usize>, value: f64) {
        let [sequence, sum, counts @ ..] = &*self.0 else { return };
        let Some(count) = counts.get(index) else { return };
        let before = sequence.load(Relaxed);
        sequence.store(before.wrapping_add(1), Relaxed);
        // Whoever sees one of the stores below also sees the odd number above.
        fence(Release);
        bump(count, 1);
        if let Some(count) = second.and_then(|second| counts.get(second)) {
            bump(count, 1);
        }
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
