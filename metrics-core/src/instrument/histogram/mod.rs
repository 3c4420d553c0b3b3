//! Observations counted in buckets.

mod exemplars;
mod native;
mod shard;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::buckets::Buckets;
use super::slot::{self, NO_SLOT, PerSlot};
use super::{Instrument, Kept};
use crate::family::{Bucket, HistogramValue, MetricValue};
use crate::{Exemplar, MetricType};

use exemplars::Exemplars;
pub(super) use native::Cells;
pub use native::Native;
use shard::{Shard, Window};

/// Observations such as latencies and sizes, counted in buckets.
///
/// Buckets are classic ones, with bounds chosen beforehand, or [`Native`] ones, which are made where observations fall,
/// or both at once. Clones are handles of the same histogram.
///
/// Every thread has buckets of its own (8 bytes per classic bucket and some 50 more; 2 kB more if there are native ones),
/// so threads do not wait for each other. Observing takes no lock, unless a native bucket lies far from where the thread's
/// observations usually fall: readers look again if they meet a writer. What is
/// read is consistent: the buckets always add up to the count, and the sum is of exactly these observations.
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
    /// That up to +Inf alone if there are no classic ones.
    buckets: Buckets,
    classic: bool,
    shards: PerSlot<Shard>,
    /// If there are native buckets: where those go that are far from the others.
    locked: Option<Box<Locked>>,
    shared: Mutex<Option<Snapshot>>,
    exemplars: Exemplars,
    /// Held by the one reader; writers do not know it.
    reader: Mutex<()>,
}

/// What a window has no place for, in shards that are locked for each observation, by threads that hardly ever meet.
#[derive(Debug)]
struct Locked {
    native: Native,
    shards: PerSlot<Mutex<(Snapshot, Cells)>>,
    shared: Mutex<(Snapshot, Cells)>,
}

/// What a histogram has seen.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Snapshot {
    /// Observations per classic bucket, not cumulative; the last bucket goes up to +Inf and is the only one if there
    /// are no classic buckets.
    pub counts: Vec<u64>,
    /// Sum of all observations.
    pub sum: f64,
    /// The native histogram, if there is one.
    pub native: Option<crate::Histogram>,
}

impl Snapshot {
    fn empty(buckets: usize) -> Self {
        Self { counts: vec![0; buckets], sum: 0.0, native: None }
    }

    /// Number of all observations.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    fn observe(&mut self, index: usize, value: f64) {
        if let Some(count) = self.counts.get_mut(index) {
            *count += 1;
            self.sum += value;
        }
    }

    fn merge(&mut self, other: &Self) {
        for (to, n) in self.counts.iter_mut().zip(&other.counts) {
            *to += n;
        }
        self.sum += other.sum;
    }
}

impl Histogram {
    /// A histogram of classic buckets.
    pub fn new(buckets: Buckets) -> Self {
        Self::build(Some(buckets), None)
    }

    /// A histogram of native buckets alone. Only scrapers that take protobuf see more of it than sum and count.
    ///
    /// ```
    /// use metrics_core::instrument::{Histogram, Native};
    /// let sizes = Histogram::native(Native::new(2.0));
    /// sizes.observe(3.0);
    /// sizes.observe(4.0);
    /// let native = sizes.snapshot().native.unwrap();
    /// assert_eq!((native.schema, native.count, native.positive_buckets), (0, 2, vec![2]));
    /// ```
    pub fn native(native: Native) -> Self {
        Self::build(None, Some(native))
    }

    /// A histogram of classic and native buckets at once.
    pub fn with_native(buckets: Buckets, native: Native) -> Self {
        Self::build(Some(buckets), Some(native))
    }

    fn build(buckets: Option<Buckets>, native: Option<Native>) -> Self {
        let classic = buckets.is_some();
        let buckets = buckets.unwrap_or_else(|| Buckets::from_rising(&[]));
        let empty = Snapshot::empty(buckets.count());
        let locked = native.map(|native| {
            let shared = Mutex::new((empty, Cells::new(&native)));
            Box::new(Locked { native, shards: PerSlot::new(), shared })
        });
        Self(Arc::new(Core {
            exemplars: Exemplars::new(buckets.count()),
            buckets,
            classic,
            shards: PerSlot::new(),
            locked,
            shared: Mutex::new(None),
            reader: Mutex::new(()),
        }))
    }

    /// Counts one observation; NaN falls into the last classic bucket and makes the sum NaN.
    #[inline]
    pub fn observe(&self, value: f64) {
        let core = &*self.0;
        let index = core.buckets.index(value);
        let counted = core.shards.get(slot::if_known()).is_some_and(|shard| shard.observe(index, value));
        if !counted {
            core.observe_first(index, value);
        }
    }

    /// Counts a duration, in seconds.
    #[inline]
    pub fn observe_duration(&self, duration: Duration) {
        self.observe(duration.as_secs_f64());
    }

    /// Counts the exemplar's value and shows the exemplar with its bucket until a later one takes its place.
    ///
    /// ```
    /// use metrics_core::instrument::Histogram;
    /// use metrics_core::{Exemplar, LabelSet};
    /// let latency = Histogram::default();
    /// let trace = LabelSet::from_pairs([("trace_id", "4bf92f35")]);
    /// latency.observe_exemplar(Exemplar { labels: trace, value: 0.7, timestamp: None });
    /// assert_eq!(latency.snapshot().count(), 1);
    /// ```
    pub fn observe_exemplar(&self, exemplar: Exemplar) {
        self.observe(exemplar.value);
        self.0.exemplars.put(self.0.buckets.index(exemplar.value), exemplar);
    }

    /// The upper bounds of its classic buckets, if it has some.
    pub fn buckets(&self) -> Option<&Buckets> {
        self.0.classic.then_some(&self.0.buckets)
    }

    /// What it has seen so far.
    pub fn snapshot(&self) -> Snapshot {
        let core = &*self.0;
        let mut total = Snapshot::empty(core.buckets.count());
        let Some(locked) = &core.locked else {
            total.sum = core.add_to(&mut total.counts, |_, _| {});
            return total;
        };
        let mut all = Cells::new(&locked.native);
        total.sum = core.add_to(&mut total.counts, |window, counts| {
            let (zeros, buckets) = window.buckets(counts);
            all.add(zeros, buckets, &locked.native);
        });
        locked.add_to(&mut total, all);
        total
    }
}

impl Default for Histogram {
    fn default() -> Self {
        Self::new(Buckets::default())
    }
}

/// Nothing that a panic could leave half done happens under these locks.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Core {
    /// Adds what was seen without a lock to the counts of classic buckets, and returns the sum. Native buckets are
    /// handed to `windows`.
    fn add_to(&self, counts: &mut [u64], mut windows: impl FnMut(&Window, &[u64])) -> f64 {
        let _only_reader = lock(&self.reader);
        let mut sum = 0.0;
        if let Some(shared) = &*lock(&self.shared) {
            shared.counts.iter().zip(&mut *counts).for_each(|(n, to)| *to += n);
            sum = shared.sum;
        }
        for shard in self.shards.iter() {
            shard.read(|seen, its_sum| {
                counts.iter_mut().zip(seen).for_each(|(to, n)| *to += n);
                sum += its_sum;
                if let Some(window) = shard.window() {
                    windows(window, seen);
                }
            });
        }
        sum
    }

    /// Counts what the thread's shard has not: because it is not there yet, or cannot be, or has no place for the value.
    #[cold]
    #[inline(never)]
    fn observe_first(&self, index: usize, value: f64) {
        let slot = slot::current();
        let native = self.locked.as_ref().map(|locked| &locked.native);
        let make = || Shard::new(self.buckets.count(), native, value);
        if slot == NO_SLOT || !self.shards.get_or_init(slot, make).observe(index, value) {
            self.observe_locked(slot, index, value);
        }
    }

    fn observe_locked(&self, slot: u32, index: usize, value: f64) {
        let buckets = self.buckets.count();
        match &self.locked {
            Some(locked) => locked.observe(slot, index, value, buckets),
            None => lock(&self.shared).get_or_insert_with(|| Snapshot::empty(buckets)).observe(index, value),
        }
    }
}

impl Locked {
    fn observe(&self, slot: u32, index: usize, value: f64, buckets: usize) {
        let empty = || Mutex::new((Snapshot::empty(buckets), Cells::new(&self.native)));
        let shard = if slot == NO_SLOT { &self.shared } else { self.shards.get_or_init(slot, empty) };
        let (classic, cells) = &mut *lock(shard);
        classic.observe(index, value);
        cells.observe(value, &self.native);
    }

    /// Adds what is here to what was seen elsewhere.
    fn add_to(&self, total: &mut Snapshot, mut all: Cells) {
        for shard in self.shards.iter().chain([&self.shared]) {
            let (classic, cells) = &*lock(shard);
            total.merge(classic);
            all.merge(cells, &self.native);
        }
        total.native = Some(all.histogram(&self.native, total));
    }
}

impl Instrument for Histogram {
    const TYPE: MetricType = MetricType::Histogram;

    fn read(&self) -> MetricValue {
        let seen = self.snapshot();
        let mut shown =
            HistogramValue { sum: seen.sum, count: seen.count() as f64, ..HistogramValue::default() };
        if let Some(buckets) = self.buckets() {
            shown.buckets = Bucket::cumulate(buckets.bounds(), &seen.counts);
            for (bucket, exemplar) in shown.buckets.iter_mut().zip(self.0.exemplars.by_bucket()) {
                bucket.exemplar = exemplar;
            }
        }
        if seen.native.is_some() {
            shown.exemplars = self.0.exemplars.latest();
        }
        shown.native = seen.native.map(Into::into);
        MetricValue::Histogram(shown)
    }

    fn refresh(&self, value: &mut MetricValue) {
        let core = &*self.0;
        match value {
            MetricValue::Histogram(shown)
                if core.locked.is_none()
                    && core.exemplars.is_empty()
                    && shown.buckets.len() == core.buckets.count() =>
            {
                with_zeros(shown.buckets.len(), |counts| {
                    shown.sum = core.add_to(counts, |_, _| {});
                    shown.count = Bucket::set_counts(&mut shown.buckets, counts);
                });
            }
            other => *other = self.read(),
        }
    }

    fn keep(self) -> Kept {
        Kept::Histogram(self)
    }

    #[inline]
    fn kept(kept: &Kept) -> Option<&Self> {
        if let Kept::Histogram(instrument) = kept { Some(instrument) } else { None }
    }
}

/// So many buckets are counted without allocating.
const FEW: usize = 32;

/// Lends so many zeros.
fn with_zeros<R>(count: usize, use_them: impl FnOnce(&mut [u64]) -> R) -> R {
    let mut few = [0; FEW];
    match few.get_mut(..count) {
        Some(zeros) => use_them(zeros),
        None => use_them(&mut vec![0; count]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LabelSet;
    use crate::family::NativeHistogram;
    use std::sync::atomic::Ordering::Relaxed;
    use std::sync::atomic::{AtomicBool, AtomicU64};

    /// Writers observe only 1.0, so a consistent reading has sum == count == the buckets' total, and none is lost.
    #[test]
    fn every_reading_is_consistent_under_load() {
        let buckets = Buckets::new([0.5, 1.0]).unwrap();
        hammer(Histogram::new(buckets.clone()));
        hammer(Histogram::with_native(buckets, Native::new(1.5)));
    }

    fn hammer(h: Histogram) {
        let (stop, written) = (AtomicBool::new(false), AtomicU64::new(0));
        std::thread::scope(|s| {
            // One of them as a thread without slot does.
            for without_slot in [false, false, false, true] {
                let (h, stop, written) = (&h, &stop, &written);
                s.spawn(move || {
                    let mut n = 0;
                    while !stop.load(Relaxed) {
                        if without_slot {
                            h.0.observe_locked(NO_SLOT, 1, 1.0)
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
            let enough = if cfg!(miri) { 2 } else { 300 };
            while readings < enough || last == 0 {
                readings += 1;
                let seen = h.snapshot();
                assert_eq!(seen.sum, seen.count() as f64);
                assert_eq!(seen.counts, [0, seen.count(), 0]);
                if let Some(native) = &seen.native {
                    assert_eq!(native.count, seen.count());
                    assert_eq!(native.validate(), Ok(()));
                }
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

    #[test]
    fn shows_native_buckets_and_exemplars() {
        let h = Histogram::with_native(Buckets::new([1.0, 2.0]).unwrap(), Native::new(2.0));
        let exemplar = |trace: &str, value| Exemplar {
            labels: LabelSet::from_pairs([("trace_id", trace)]),
            value,
            timestamp: Some(1000),
        };
        h.observe_exemplar(exemplar("a", 1.5));
        h.observe_exemplar(exemplar("b", 1.7));
        h.observe_exemplar(exemplar("c", 9.0));
        h.observe(f64::NAN);
        let MetricValue::Histogram(shown) = h.read() else { panic!("a histogram") };
        let kept: Vec<_> = shown.buckets.iter().map(|b| b.exemplar.clone()).collect();
        assert_eq!(kept, [None, Some(exemplar("b", 1.7)), Some(exemplar("c", 9.0))]);
        assert_eq!(shown.exemplars, [exemplar("a", 1.5), exemplar("b", 1.7), exemplar("c", 9.0)]);
        let Some(NativeHistogram::Counts(native)) = shown.native else { panic!("{shown:?}") };
        assert_eq!((native.count, native.positive_buckets.iter().sum::<i64>()), (4, 1));
        assert_eq!(shown.count, 4.0);
    }

    proptest::proptest! {
        /// Counting near each other without a lock, and far from each other with one, comes to the same.
        #[test]
        fn native_buckets_are_those_of_all_values(
            values in proptest::collection::vec(
                proptest::prop_oneof![4 => 0.001..10.0f64, 1 => proptest::num::f64::ANY, 1 => -1.0..1.0f64],
                0..60,
            ),
            max_buckets in 5usize..200,
        ) {
            let native = Native::new(1.1).max_buckets(max_buckets);
            let h = Histogram::with_native(Buckets::new([0.5, 1.0]).unwrap(), native);
            let mut plain = Cells::new(&native);
            for value in &values {
                h.observe(*value);
                plain.observe(*value, &native);
            }
            let seen = h.snapshot();
            let expected = plain.histogram(&native, &seen);
            let shown = seen.native.clone().unwrap();
            proptest::prop_assert_eq!(shown.count, values.len() as u64);
            let parts = |h: crate::Histogram| {
                (h.schema, h.zero_count, h.positive_spans, h.positive_buckets, h.negative_spans, h.negative_buckets)
            };
            proptest::prop_assert_eq!(parts(shown), parts(expected));
        }
    }
}
