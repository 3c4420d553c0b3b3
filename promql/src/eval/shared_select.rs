//! One selection for all parts of a query that ask for the same.
//!
//! `a / (a + b)` finds `a` once. What is known to be asked for more than once is also read once: the first reader of a
//! series leaves a copy of its floats for the others.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

use metrics_core::{
    Column, Columns, LabelSet, Matcher, Select, SelectError, SelectRequest, SeriesSet, TimeRange,
};
use parking_lot::Mutex;

/// Most samples that are kept for other readers: 64 MB of times and values.
const MOST_KEPT: usize = 4 << 20;

/// A store that is asked the same only once. For one query: nothing that is added later is seen.
pub(super) struct SharedSelect<'s> {
    store: &'s dyn Select,
    /// The matchers of selectors that occur more than once.
    repeated: Vec<&'s [Matcher]>,
    known: Mutex<Vec<Known<'s>>>,
}

struct Known<'s> {
    matchers: Vec<Matcher>,
    range: TimeRange,
    set: Arc<dyn SeriesSet + 's>,
}

impl<'s> SharedSelect<'s> {
    pub(super) fn new(store: &'s dyn Select, repeated: Vec<&'s [Matcher]>) -> Self {
        Self { store, repeated, known: Mutex::default() }
    }

    fn find(&self, matchers: &[Matcher], range: TimeRange) -> Option<Arc<dyn SeriesSet + 's>> {
        let known = self.known.lock();
        let same = known.iter().find(|k| k.range == range && k.matchers == matchers);
        same.map(|k| k.set.clone())
    }
}

impl fmt::Debug for SharedSelect<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedSelect").field("repeated", &self.repeated).finish_non_exhaustive()
    }
}

impl Select for SharedSelect<'_> {
    fn select(&self, request: &SelectRequest<'_>) -> Result<Box<dyn SeriesSet + '_>, SelectError> {
        let SelectRequest { matchers, range, hints } = request;
        if hints.limit > 0 || hints.labels_only || !self.repeated.contains(matchers) {
            return self.store.select(request);
        }
        if let Some(set) = self.find(matchers, *range) {
            return Ok(Box::new(Shared(set)));
        }
        let set: Arc<dyn SeriesSet> = Arc::new(ReadOnce::new(self.store.select(request)?));
        self.known.lock().push(Known { matchers: matchers.to_vec(), range: *range, set: set.clone() });
        Ok(Box::new(Shared(set)))
    }
}

/// A selection that others have as well.
struct Shared<'s>(Arc<dyn SeriesSet + 's>);

impl SeriesSet for Shared<'_> {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn labels(&self, series: usize) -> &LabelSet {
        self.0.labels(series)
    }

    fn read(&self, series: usize, into: &mut Columns) -> Result<(), SelectError> {
        self.0.read(series, into)
    }
}

/// Keeps what was read, as far as there is room.
struct ReadOnce<'s> {
    set: Box<dyn SeriesSet + 's>,
    kept: Vec<OnceLock<Floats>>,
    samples: AtomicUsize,
}

/// The floats of a series that has nothing else.
struct Floats {
    column: Column<f64>,
    starts: Vec<i64>,
}

impl<'s> ReadOnce<'s> {
    fn new(set: Box<dyn SeriesSet + 's>) -> Self {
        let mut kept = Vec::new();
        kept.resize_with(set.len(), OnceLock::new);
        Self { set, kept, samples: AtomicUsize::new(0) }
    }

    fn keep(&self, series: usize, read: &Columns) {
        let samples = read.floats.timestamps.len();
        let has_room = || self.samples.fetch_add(samples, Relaxed).saturating_add(samples) <= MOST_KEPT;
        if let Some(slot) = self.kept.get(series)
            && read.histograms.timestamps.is_empty()
            && slot.get().is_none()
            && has_room()
        {
            slot.get_or_init(|| Floats { column: read.floats.clone(), starts: read.float_starts.clone() });
        }
    }
}

impl SeriesSet for ReadOnce<'_> {
    fn len(&self) -> usize {
        self.set.len()
    }

    fn labels(&self, series: usize) -> &LabelSet {
        self.set.labels(series)
    }

    fn read(&self, series: usize, into: &mut Columns) -> Result<(), SelectError> {
        if let Some(Floats { column, starts }) = self.kept.get(series).and_then(OnceLock::get) {
            into.clear();
            into.floats.timestamps.extend_from_slice(&column.timestamps);
            into.floats.values.extend_from_slice(&column.values);
            into.float_starts.extend_from_slice(starts);
            return Ok(());
        }
        self.set.read(series, into)?;
        self.keep(series, into);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Engine, Options};
    use metrics_core::{Append, MemStore, SeriesRef};
    use std::sync::atomic::AtomicU64;

    /// Counts selections, and series that are read.
    struct Counting {
        store: MemStore,
        selections: AtomicU64,
        reads: AtomicU64,
    }

    struct CountingSet<'a> {
        set: Box<dyn SeriesSet + 'a>,
        reads: &'a AtomicU64,
    }

    impl Select for Counting {
        fn select(&self, request: &SelectRequest<'_>) -> Result<Box<dyn SeriesSet + '_>, SelectError> {
            self.selections.fetch_add(1, Relaxed);
            Ok(Box::new(CountingSet { set: self.store.select(request)?, reads: &self.reads }))
        }
    }

    impl SeriesSet for CountingSet<'_> {
        fn len(&self) -> usize {
            self.set.len()
        }

        fn labels(&self, series: usize) -> &LabelSet {
            self.set.labels(series)
        }

        fn read(&self, series: usize, into: &mut Columns) -> Result<(), SelectError> {
            self.reads.fetch_add(1, Relaxed);
            self.set.read(series, into)
        }
    }

    /// Ten series each of `a` and `b`, rising by one and by two every 15 seconds.
    fn store() -> Counting {
        let store = MemStore::default();
        let mut batch = store.batch();
        for (name, by) in [("a", 1), ("b", 2)] {
            for instance in 0..10 {
                let labels = LabelSet::from_pairs([("__name__", name), ("instance", &instance.to_string())]);
                for i in 0..100i64 {
                    let value = (by * i) as f64;
                    batch.append_float(SeriesRef::UNKNOWN, &labels, i * 15_000, value).unwrap();
                }
            }
        }
        batch.commit().unwrap();
        Counting { store, selections: AtomicU64::new(0), reads: AtomicU64::new(0) }
    }

    /// How often a query selects and reads, and that its answer is that of a store which is asked every time.
    fn asked(query: &str) -> (u64, u64) {
        let store = store();
        let engine = Engine::new(Options::default());
        let range = (600_000, 1_200_000, 60_000);
        let answer = engine.range(&store, query, range.0, range.1, range.2).unwrap();
        assert!(!matches!(&answer.value, crate::QueryValue::Matrix(series) if series.is_empty()), "{query}");
        let apart = query.replacen("a[", r#"{__name__=~"a"}["#, 1).replacen("(a", r#"({__name__=~"a"}"#, 1);
        assert_ne!(apart, query);
        let expected = engine.range(&store.store, &apart, range.0, range.1, range.2).unwrap();
        assert_eq!(answer.value, expected.value, "{query}");
        assert_eq!(answer.stats.total_samples, expected.stats.total_samples, "{query}");
        (store.selections.into_inner(), store.reads.into_inner())
    }

    #[test]
    fn what_is_the_same_is_selected_and_read_once() {
        assert_eq!(asked("a / (a + on(instance) b)"), (2, 20));
        assert_eq!(asked("rate(a[5m]) / rate(a[5m])"), (1, 10));
        assert_eq!(asked("a * on(instance) b - (a * on(instance) b)"), (2, 20));
        assert_eq!(asked("sum(max_over_time(a[5m])) + sum(min_over_time(a[5m]))"), (1, 10));
    }

    #[test]
    fn what_differs_is_not() {
        assert_eq!(asked("sum(a) + sum(a offset 1m)"), (2, 20));
        assert_eq!(asked("rate(a[5m]) / rate(a[1m])"), (2, 20));
    }
}
