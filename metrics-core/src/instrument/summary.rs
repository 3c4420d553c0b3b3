//! Sum, count and quantiles of what was observed lately.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::Instrument;
use super::histogram::{Cells, Native};
use super::slot::{self, NO_SLOT, PerSlot};
use crate::family::MetricValue;
use crate::histogram::upper_bound;
use crate::{MetricType, Timestamp};

/// A window is forgotten in this many steps.
const STEPS: i64 = 5;

/// Sum and count of observations and, if wished, quantiles over a sliding window of time.
///
/// Quantiles of several programs cannot be combined, so prefer a [`Histogram`](super::Histogram) unless exact bounds are
/// unknown and one program is all there is. They are off by 0.14 % at most, as long as a window's smallest and largest
/// value differ by less than a factor of 200, and by little more beyond.
///
/// ```
/// use std::time::Duration;
/// use metrics_core::instrument::Summary;
/// let now = || 0; // your clock, in milliseconds
/// let latency = Summary::with_quantiles([0.5, 0.99], Duration::from_secs(600), now);
/// (1..=100).for_each(|n| latency.observe(f64::from(n)));
/// assert_eq!((latency.count(), latency.sum()), (100, 5050.0));
/// assert!((latency.quantile(0.5) - 50.0).abs() < 0.1);
/// ```
#[derive(Clone)]
pub struct Summary(Arc<Core>);

struct Core {
    quantiles: Box<[f64]>,
    /// Milliseconds that one step of the window lasts; no window without.
    step: Option<i64>,
    clock: Box<dyn Fn() -> Timestamp + Send + Sync>,
    sketch: Native,
    shards: PerSlot<Mutex<Shard>>,
    shared: Mutex<Shard>,
}

/// What the threads of one slot have seen.
#[derive(Debug, Default)]
struct Shard {
    count: u64,
    sum: f64,
    /// Steps of the window with their number, oldest first.
    steps: VecDeque<(i64, Cells)>,
}

impl Summary {
    /// A summary of sum and count alone.
    pub fn new() -> Self {
        Self::build(Box::default(), None, || 0)
    }

    /// A summary that shows these quantiles, 0 … 1, of what was observed within the last `window`. `clock` tells the
    /// time in milliseconds.
    pub fn with_quantiles(
        quantiles: impl IntoIterator<Item = f64>,
        window: Duration,
        clock: impl Fn() -> Timestamp + Send + Sync + 'static,
    ) -> Self {
        let mut quantiles: Vec<f64> = quantiles.into_iter().filter(|q| (0.0..=1.0).contains(q)).collect();
        quantiles.sort_by(f64::total_cmp);
        quantiles.dedup();
        let step = i64::try_from(window.as_millis()).unwrap_or(i64::MAX) / STEPS;
        Self::build(quantiles.into(), Some(step.max(1)), clock)
    }

    fn build(
        quantiles: Box<[f64]>,
        step: Option<i64>,
        clock: impl Fn() -> Timestamp + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(Core {
            quantiles,
            step,
            clock: Box::new(clock),
            // The finest schema; its 256 buckets per doubling are enough for eight doublings.
            sketch: Native::new(1.0).max_buckets(2048),
            shards: PerSlot::new(),
            shared: Mutex::default(),
        }))
    }

    /// Counts one observation; NaN counts for sum and count alone.
    pub fn observe(&self, value: f64) {
        let core = &*self.0;
        let step = core.step.map(|length| (core.clock)().div_euclid(length));
        let slot = slot::current();
        let shard =
            if slot == NO_SLOT { &core.shared } else { core.shards.get_or_init(slot, Mutex::default) };
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        shard.count += 1;
        shard.sum += value;
        if let Some(step) = step {
            shard.cells(step, &core.sketch).observe(value, &core.sketch);
        }
    }

    /// How many observations there were in all.
    pub fn count(&self) -> u64 {
        self.totals().0
    }

    /// The sum of all observations.
    pub fn sum(&self) -> f64 {
        self.totals().1
    }

    fn totals(&self) -> (u64, f64) {
        self.0.all_shards(|(count, sum), shard| (count + shard.count, sum + shard.sum), (0, 0.0))
    }

    /// A quantile of what was observed within the window; NaN if nothing was, or if there is no window.
    pub fn quantile(&self, quantile: f64) -> f64 {
        quantile_of(&self.0.window(), quantile)
    }
}

impl Default for Summary {
    fn default() -> Self {
        Self::new()
    }
}

impl Core {
    fn all_shards<T>(&self, mut fold: impl FnMut(T, &Shard) -> T, start: T) -> T {
        let shards = self.shards.iter().chain([&self.shared]);
        shards.fold(start, |all, shard| fold(all, &shard.lock().unwrap_or_else(PoisonError::into_inner)))
    }

    /// All that the window still holds.
    fn window(&self) -> Cells {
        let now = self.step.map_or(0, |length| (self.clock)().div_euclid(length));
        let merge = |mut all: Cells, shard: &Shard| {
            let fresh = shard.steps.iter().filter(|(step, _)| now - step < STEPS);
            fresh.for_each(|(_, cells)| all.merge(cells, &self.sketch));
            all
        };
        self.all_shards(merge, Cells::new(&self.sketch))
    }
}

impl Shard {
    fn cells(&mut self, step: i64, sketch: &Native) -> &mut Cells {
        let newest = self.steps.back().map(|(newest, _)| *newest);
        // A clock that was set back keeps writing into the newest step.
        if newest.is_none_or(|newest| newest < step) {
            while self.steps.front().is_some_and(|(oldest, _)| step - oldest >= STEPS) {
                self.steps.pop_front();
            }
            self.steps.push_back((step, Cells::new(sketch)));
        }
        let last = self.steps.len() - 1;
        &mut self.steps[last].1
    }
}

/// The value at a rank, taken for the middle of its bucket.
fn quantile_of(cells: &Cells, quantile: f64) -> f64 {
    let total: u64 = cells.rising().map(|(_, _, n)| n).sum();
    let rank = (quantile * total as f64).ceil().max(1.0);
    let mut seen = 0;
    for (sign, index, n) in cells.rising() {
        seen += n;
        if seen as f64 >= rank {
            let bound = |index| upper_bound(index, cells.schema(), &[]);
            return index.map_or(0.0, |i| sign * bound(i - 1).sqrt() * bound(i).sqrt());
        }
    }
    f64::NAN
}

impl Instrument for Summary {
    const TYPE: MetricType = MetricType::Summary;

    fn read(&self) -> MetricValue {
        let (count, sum) = self.totals();
        let window = self.0.window();
        let quantiles = self.0.quantiles.iter().map(|q| (*q, quantile_of(&window, *q))).collect();
        MetricValue::Summary { quantiles, sum, count }
    }
}

impl fmt::Debug for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Summary").field("quantiles", &self.0.quantiles).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

    #[test]
    fn the_window_slides() {
        let time = Arc::new(AtomicI64::new(0));
        let clock = Arc::clone(&time);
        let s = Summary::with_quantiles([1.0], Duration::from_secs(10), move || clock.load(Relaxed));
        assert!(s.quantile(1.0).is_nan());
        s.observe(100.0);
        time.store(5_000, Relaxed);
        s.observe(-1.0);
        assert!((s.quantile(1.0) - 100.0).abs() < 0.2);
        assert!((s.quantile(0.0) + 1.0).abs() < 0.01);
        time.store(11_000, Relaxed);
        assert!((s.quantile(1.0) + 1.0).abs() < 0.01, "the first observation is forgotten");
        s.observe(f64::NAN);
        time.store(60_000, Relaxed);
        let MetricValue::Summary { quantiles, sum, count } = s.read() else { panic!("a summary") };
        assert!(quantiles[0].1.is_nan() && sum.is_nan());
        assert_eq!(count, 3);
    }

    #[test]
    fn without_window_there_is_no_quantile() {
        let s = Summary::new();
        s.observe(2.0);
        assert_eq!(s.read(), MetricValue::Summary { quantiles: vec![], sum: 2.0, count: 1 });
    }

    proptest! {
        #[test]
        fn quantiles_are_close(mut values in proptest::collection::vec(1.0..100.0f64, 1..200), q in 0.0..=1.0f64) {
            let s = Summary::with_quantiles([], Duration::from_secs(60), || 0);
            values.iter().for_each(|v| s.observe(*v));
            values.sort_by(f64::total_cmp);
            let exact = values[((q * values.len() as f64).ceil() as usize).max(1) - 1];
            prop_assert!((s.quantile(q) / exact - 1.0).abs() <= 0.0015, "{} for {exact}", s.quantile(q));
        }
    }
}
