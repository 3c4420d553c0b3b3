//! Observations counted in buckets.

use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicU64, fence};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use super::Instrument;
use super::buckets::{Buckets, Lanes};
use super::slot::{self, NO_SLOT, PerSlot};
use crate::MetricType;
use crate::family::{Bucket, HistogramValue, MetricValue};

/// Observations such as latencies and sizes, counted in buckets.
///
/// Clones are handles of the same histogram. Observing takes no lock: every thread has buckets of its own
/// (8 bytes each, and some 50 more), and readers look again if they meet a writer. So what is read is
/// consistent: the buckets always add up to the count, and the sum is of exactly these observations.
///
/// ```
/// use metrics_core::instrument::{Buckets, Histogram};
/// let latency = Histogram::new(Buckets::new([0.1, 1.0])?);
/// latency.observe(0.05);
/// latency.observe(0.5);
/// latency.observe(5.0);
/// let seen = latency.snapshot();
/// assert_eq!((seen.count(), seen.sum, seen.counts.as_slice()), (3, 5.55, &[1, 1, 1][..]));
/// # Ok::<(), metrics_core::instrument::BucketError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Histogram(Arc<Core>);

#[derive(Debug)]
struct Core {
    lanes: Lanes,
    buckets: Buckets,
    shards: PerSlot<Shard>,
    /// For threads without a slot.
    shared: Mutex<Option<Snapshot>>,
    /// Held by the one reader; writers do not know it.
    reader: Mutex<()>,
}

/// What a histogram has seen.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Snapshot {
    /// Observations per bucket, not cumulative; the last bucket goes up to +Inf.
    pub counts: Vec<u64>,
    /// Sum of all observations.
    pub sum: f64,
}

impl Snapshot {
    fn empty(buckets: usize) -> Self {
        Self { counts: vec![0; buckets], sum: 0.0 }
    }

    /// Number of all observations.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }
}

impl Histogram {
    /// A histogram without observations.
    pub fn new(buckets: Buckets) -> Self {
        Self(Arc::new(Core {
            lanes: Lanes::new(&buckets),
            buckets,
            shards: PerSlot::new(),
            shared: Mutex::new(None),
            reader: Mutex::new(()),
        }))
    }

    /// Counts one observation; NaN falls into the last bucket and makes the sum NaN.
    #[inline]
    pub fn observe(&self, value: f64) {
        let core = &*self.0;
        let index = core.lanes.index(value);
        let slot = slot::current();
        if slot == NO_SLOT {
            core.observe_shared(index, value);
        } else {
            let shard = core.shards.get_or_init(slot, || Shard::new(core.buckets.bounds().len() + 1));
            shard.observe(index, value);
        }
    }

    /// Counts a duration, in seconds.
    #[inline]
    pub fn observe_duration(&self, duration: Duration) {
        self.observe(duration.as_secs_f64());
    }

    /// The upper bounds of its buckets.
    pub fn buckets(&self) -> &Buckets {
        &self.0.buckets
    }

    /// What it has seen so far.
    pub fn snapshot(&self) -> Snapshot {
        let core = &*self.0;
        let _only_reader = core.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let shared = core.shared.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut total = shared.unwrap_or_else(|| Snapshot::empty(core.buckets.bounds().len() + 1));
        for shard in core.shards.iter() {
            shard.add_to(&mut total);
        }
        total
    }
}

impl Default for Histogram {
    fn default() -> Self {
        Self::new(Buckets::default())
    }
}

impl Core {
    #[cold]
    fn observe_shared(&self, index: usize, value: f64) {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let shared = shared.get_or_insert_with(|| Snapshot::empty(self.buckets.bounds().len() + 1));
        shared.counts[index] += 1;
        shared.sum += value;
    }
}

/// The observations of one slot's threads.
///
/// A reader that meets the writer again and again asks it to go to the other side: then this side comes to rest.
#[derive(Debug)]
struct Shard {
    /// The writer is asked to use the second side.
    turned: AtomicBool,
    first: Side,
    second: OnceLock<Side>,
}

/// How often a reader looks before it asks the writer to turn.
const PATIENCE: u32 = 64;

impl Shard {
    fn new(buckets: usize) -> Self {
        Self { turned: AtomicBool::new(false), first: Side::new(buckets), second: OnceLock::new() }
    }

    #[inline]
    fn observe(&self, index: usize, value: f64) {
        let second = if self.turned.load(Relaxed) { self.second.get() } else { None };
        second.unwrap_or(&self.first).observe(index, value);
    }

    /// Only one reader at a time, lest they turn the writer round and round.
    fn add_to(&self, total: &mut Snapshot) {
        let buckets = total.counts.len();
        if !self.first.add_to(total, PATIENCE) {
            self.second.get_or_init(|| Side::new(buckets));
            self.turned.store(true, Relaxed);
            self.first.add_to(total, u32::MAX);
        }
        if let Some(second) = self.second.get() {
            self.turned.store(false, Relaxed);
            second.add_to(total, u32::MAX);
        }
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

    /// Adds what is here to `total`, unless the writer is in the way `tries` times in a row.
    fn add_to(&self, total: &mut Snapshot, tries: u32) -> bool {
        let [sequence, sum, counts @ ..] = &*self.0 else { return true };
        let mut seen = vec![0; counts.len()];
        for attempt in 1..=tries {
            let before = sequence.load(Acquire);
            if before % 2 == 0 {
                for (to, from) in seen.iter_mut().zip(counts) {
                    *to = from.load(Relaxed);
                }
                let sum = f64::from_bits(sum.load(Relaxed));
                fence(Acquire);
                if sequence.load(Relaxed) == before {
                    for (to, n) in total.counts.iter_mut().zip(seen) {
                        *to += n;
                    }
                    total.sum += sum;
                    return true;
                }
            }
            // The writer needs a few nanoseconds, unless it was put off its core.
            if attempt % PATIENCE == 0 { std::thread::yield_now() } else { std::hint::spin_loop() }
        }
        false
    }
}

impl Instrument for Histogram {
    const TYPE: MetricType = MetricType::Histogram;

    fn read(&self) -> MetricValue {
        let seen = self.snapshot();
        let bounds = self.buckets().bounds().iter().copied().chain([f64::INFINITY]);
        let mut cumulative = 0;
        let buckets = bounds
            .zip(&seen.counts)
            .map(|(upper_bound, n)| {
                cumulative += n;
                Bucket { upper_bound, cumulative_count: cumulative as f64, exemplar: None }
            })
            .collect();
        MetricValue::Histogram(HistogramValue {
            buckets,
            sum: seen.sum,
            count: cumulative as f64,
            ..HistogramValue::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writers observe only 1.0, so a consistent reading has sum == count == the buckets' total, and none is lost.
    #[test]
    fn every_reading_is_consistent_under_load() {
        let h = Histogram::new(Buckets::new([0.5, 1.0]).unwrap());
        let (stop, written) = (AtomicBool::new(false), AtomicU64::new(0));
        std::thread::scope(|s| {
            // One of them as a thread without slot does.
            for without_slot in [false, false, false, true] {
                let (h, stop, written) = (&h, &stop, &written);
                s.spawn(move || {
                    let mut n = 0;
                    while !stop.load(Relaxed) {
                        if without_slot {
                            h.0.observe_shared(1, 1.0)
                        } else {
                            h.observe(1.0)
                        }
                        n += 1;
                    }
                    written.fetch_add(n, Relaxed);
                });
            }
            let mut last = 0;
            let mut readings = 0;
            while readings < 300 || last == 0 {
                readings += 1;
                let seen = h.snapshot();
                assert_eq!(seen.sum, seen.count() as f64);
                assert_eq!(seen.counts, [0, seen.count(), 0]);
                assert!(seen.count() >= last, "a later reading has lost observations");
                last = seen.count();
            }
            stop.store(true, Relaxed);
        });
        assert_eq!(h.snapshot().count(), written.load(Relaxed));
        assert!(written.load(Relaxed) > 0);
    }

    #[test]
    fn shows_cumulative_buckets_up_to_infinity() {
        let h = Histogram::new(Buckets::new([1.0, 2.0]).unwrap());
        for v in [0.5, 1.0, 1.5, 9.0] {
            h.observe(v);
        }
        let MetricValue::Histogram(shown) = h.read() else { panic!("a histogram") };
        let pairs: Vec<_> = shown.buckets.iter().map(|b| (b.upper_bound, b.cumulative_count)).collect();
        assert_eq!(pairs, [(1.0, 2.0), (2.0, 3.0), (f64::INFINITY, 4.0)]);
        assert_eq!((shown.count, shown.sum), (4.0, 12.0));
    }
}
