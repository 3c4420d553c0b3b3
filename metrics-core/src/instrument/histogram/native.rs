//! Exponential buckets, made where observations fall.

use std::collections::BTreeMap;

use super::Snapshot;
use crate::Span;
use crate::histogram::{MAX_EXPONENTIAL_SCHEMA, MIN_EXPONENTIAL_SCHEMA, ResetHint, bucket_index};

/// The resolution of a native histogram.
///
/// ```
/// use metrics_core::instrument::Native;
/// // Each bucket at most 10 % wider than the last, and no more than a hundred of them.
/// let fine = Native::new(1.1).max_buckets(100);
/// assert_eq!(fine.schema(), 3);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Native {
    schema: i32,
    max_buckets: usize,
    zero_threshold: f64,
}

impl Native {
    /// Buckets that grow by `factor` at most from one to the next. Factors of 1 and below are taken for the finest
    /// growth that there is, 1.0027.
    pub fn new(factor: f64) -> Self {
        let finest = f64::from(MAX_EXPONENTIAL_SCHEMA);
        let coarsest = f64::from(MIN_EXPONENTIAL_SCHEMA);
        // base = 2^(2^-schema); NaN, from factors below 1, ends as the finest.
        let schema = -factor.log2().log2().floor();
        let schema = if schema.is_nan() { finest } else { schema.clamp(coarsest, finest) };
        Self { schema: schema as i32, max_buckets: 160, zero_threshold: 2f64.powi(-128) }
    }

    /// How many buckets there may be; from then on they are merged in pairs. 160 unless told otherwise.
    #[must_use]
    pub fn max_buckets(mut self, count: usize) -> Self {
        self.max_buckets = count.max(1);
        self
    }

    /// Values of at most this magnitude count as zero. 2^-128 unless told otherwise.
    #[must_use]
    pub fn zero_threshold(mut self, threshold: f64) -> Self {
        self.zero_threshold = if threshold > 0.0 { threshold } else { 0.0 };
        self
    }

    /// The schema to begin with: buckets grow by `2^(2^-schema)`.
    pub fn schema(&self) -> i32 {
        self.schema
    }

    pub(super) fn threshold(&self) -> f64 {
        self.zero_threshold
    }
}

/// Exponential buckets that one thread at a time changes.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::instrument) struct Cells {
    schema: i32,
    zero_count: u64,
    positive: Run,
    negative: Run,
}

impl Cells {
    pub(in crate::instrument) fn new(native: &Native) -> Self {
        Self { schema: native.schema, zero_count: 0, positive: Run::default(), negative: Run::default() }
    }

    /// NaN falls into no bucket.
    pub(in crate::instrument) fn observe(&mut self, value: f64, native: &Native) {
        if value.is_nan() {
        } else if value.abs() <= native.zero_threshold || value == 0.0 {
            self.zero_count += 1;
        } else {
            let index = bucket_index(value, self.schema);
            let run = if value > 0.0 { &mut self.positive } else { &mut self.negative };
            if run.add(index, 1) {
                self.limit(native.max_buckets);
            }
        }
    }

    fn limit(&mut self, max_buckets: usize) {
        while self.positive.used + self.negative.used > max_buckets && self.schema > MIN_EXPONENTIAL_SCHEMA {
            self.coarsen(self.schema - 1);
        }
    }

    fn coarsen(&mut self, schema: i32) {
        while self.schema > schema {
            self.positive = self.positive.halved();
            self.negative = self.negative.halved();
            self.schema -= 1;
        }
    }

    /// Adds positive buckets of the schema to begin with.
    pub(super) fn add(&mut self, zeros: u64, buckets: impl Iterator<Item = (i32, u64)>, native: &Native) {
        self.zero_count += zeros;
        for (index, n) in buckets {
            self.positive.add(coarser(index, native.schema - self.schema), n);
            self.limit(native.max_buckets);
        }
    }

    /// Adds what another has seen.
    pub(in crate::instrument) fn merge(&mut self, other: &Self, native: &Native) {
        self.coarsen(other.schema);
        let mut other = other.clone();
        other.coarsen(self.schema);
        self.zero_count += other.zero_count;
        for (index, n) in other.positive.iter() {
            self.positive.add(index, n);
        }
        for (index, n) in other.negative.iter() {
            self.negative.add(index, n);
        }
        self.limit(native.max_buckets);
    }

    /// All buckets by rising upper bound: schema, sign, index and count. Zero has no index.
    pub(in crate::instrument) fn rising(&self) -> impl Iterator<Item = (f64, Option<i32>, u64)> + '_ {
        let negative = self.negative.iter().rev().map(|(index, n)| (-1.0, Some(index), n));
        let positive = self.positive.iter().map(|(index, n)| (1.0, Some(index), n));
        negative.chain([(0.0, None, self.zero_count)]).chain(positive).filter(|(_, _, n)| *n > 0)
    }

    pub(in crate::instrument) fn schema(&self) -> i32 {
        self.schema
    }

    /// The model that pages show.
    pub(super) fn histogram(&self, native: &Native, seen: &Snapshot) -> crate::Histogram {
        let (mut positive_spans, positive_buckets) = self.positive.spans();
        let (negative_spans, negative_buckets) = self.negative.spans();
        if positive_spans.is_empty()
            && negative_spans.is_empty()
            && native.zero_threshold == 0.0
            && self.zero_count == 0
        {
            // Without this nothing would tell it from a classic histogram.
            positive_spans.push(Span { offset: 0, length: 0 });
        }
        crate::Histogram {
            reset_hint: ResetHint::Unknown,
            schema: self.schema,
            zero_threshold: native.zero_threshold,
            zero_count: self.zero_count,
            count: seen.count(),
            sum: seen.sum,
            positive_spans,
            negative_spans,
            positive_buckets,
            negative_buckets,
            custom_values: Vec::new(),
        }
    }
}

/// The bucket that a bucket becomes part of when the schema falls by so much: upper bounds are kept by every other one.
fn coarser(index: i32, by: i32) -> i32 {
    ((index - 1) >> by) + 1
}

/// Buckets of one sign: dense while they lie together, as latencies do, sparse where they are far apart.
#[derive(Debug, Clone, PartialEq, Default)]
struct Run {
    /// Index of the first dense bucket.
    first: i32,
    dense: Vec<u64>,
    sparse: BTreeMap<i32, u64>,
    /// How many buckets are not empty.
    used: usize,
}

/// How far the dense part may reach.
const MAX_DENSE: usize = 512;

impl Run {
    /// Adds to a bucket; says whether it was empty.
    fn add(&mut self, index: i32, n: u64) -> bool {
        if self.dense.is_empty() {
            self.first = index;
            self.dense.push(0);
        }
        let offset = i64::from(index) - i64::from(self.first);
        if offset < 0 && self.dense.len() as i64 - offset <= MAX_DENSE as i64 {
            self.dense.splice(0..0, std::iter::repeat_n(0, offset.unsigned_abs() as usize));
            self.first = index;
        } else if offset >= self.dense.len() as i64 && offset < MAX_DENSE as i64 {
            self.dense.resize(offset as usize + 1, 0);
        }
        let place = usize::try_from(i64::from(index) - i64::from(self.first)).ok();
        let count = match place.and_then(|p| self.dense.get_mut(p)) {
            Some(count) => {
                // What lay here before the dense part reached so far moves in.
                if *count == 0 && !self.sparse.is_empty() {
                    *count = self.sparse.remove(&index).unwrap_or(0);
                }
                count
            }
            None => self.sparse.entry(index).or_insert(0),
        };
        let was_empty = *count == 0;
        *count += n;
        self.used += usize::from(was_empty && n > 0);
        was_empty
    }

    /// The buckets that are not empty, by rising index.
    fn iter(&self) -> impl DoubleEndedIterator<Item = (i32, u64)> + '_ {
        let end = self.first.saturating_add(self.dense.len() as i32);
        let dense = self.dense.iter().enumerate().map(|(i, n)| (self.first + i as i32, *n));
        let before = self.sparse.range(..self.first).map(|(i, n)| (*i, *n));
        let after = self.sparse.range(end..).map(|(i, n)| (*i, *n));
        // Within the dense part's reach there may be a bucket that has not moved in yet.
        let inside = move |(i, n): (i32, u64)| (i, n + self.sparse.get(&i).copied().unwrap_or(0));
        before.chain(dense.map(inside)).chain(after).filter(|(_, n)| *n > 0)
    }

    /// The same with buckets twice as wide.
    fn halved(&self) -> Self {
        let mut wide = Self::default();
        for (index, n) in self.iter() {
            wide.add(coarser(index, 1), n);
        }
        wide
    }

    /// Spans and deltas; gaps of one or two buckets are cheaper filled than spanned.
    fn spans(&self) -> (Vec<Span>, Vec<i64>) {
        let (mut spans, mut deltas) = (Vec::<Span>::new(), Vec::new());
        let (mut next, mut before) = (0, 0i64);
        for (index, n) in self.iter() {
            let gap = index - next;
            match spans.last_mut() {
                Some(span) if gap <= 2 => {
                    for _ in 0..gap {
                        deltas.push(-before);
                        before = 0;
                    }
                    span.length += gap as u32 + 1;
                }
                _ => spans.push(Span { offset: gap, length: 1 }),
            }
            deltas.push(n as i64 - before);
            before = n as i64;
            next = index + 1;
        }
        (spans, deltas)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cells(native: &Native, values: &[f64]) -> Cells {
        let mut cells = Cells::new(native);
        values.iter().for_each(|v| cells.observe(*v, native));
        cells
    }

    #[test]
    fn factors_choose_schemas() {
        let cases =
            [(1.1, 3), (2.0, 0), (1.5, 1), (4.0, -1), (65536.0, -4), (1e300, -4), (1.000001, 8), (0.5, 8)];
        for (factor, schema) in cases {
            assert_eq!(Native::new(factor).schema(), schema, "{factor}");
        }
    }

    #[test]
    fn spans_bridge_small_gaps() {
        let native = Native::new(2.0);
        let seen = Snapshot::empty(1);
        // Buckets 0, 1, 4, 5 twice, and 20.
        let h = cells(&native, &[1.0, 2.0, 16.0, 32.0, 32.0, 1e6, 0.0, -3.0]).histogram(&native, &seen);
        assert_eq!(h.positive_spans, [Span { offset: 0, length: 6 }, Span { offset: 14, length: 1 }]);
        assert_eq!(h.positive_buckets, [1, 0, -1, 0, 1, 1, -1]);
        assert_eq!(h.negative_spans, [Span { offset: 2, length: 1 }]);
        assert_eq!((h.negative_buckets, h.zero_count), (vec![1], 1));
    }

    #[test]
    fn too_many_buckets_are_merged_in_pairs() {
        let native = Native::new(1.1).max_buckets(10);
        let values: Vec<f64> = (1..2000).map(f64::from).collect();
        let cells = cells(&native, &values);
        assert!(cells.positive.used <= 10 && cells.schema < 3);
        assert_eq!(cells.positive.iter().map(|(_, n)| n).sum::<u64>(), 1999);
    }

    proptest! {
        /// Merging what was seen apart is seeing all together, at the coarser of the two resolutions.
        #[test]
        fn merging_equals_seeing_all(
            a in proptest::collection::vec(proptest::num::f64::NORMAL | proptest::num::f64::ZERO, 0..40),
            b in proptest::collection::vec(-1e3..1e3f64, 0..40),
        ) {
            let native = Native::new(1.3).max_buckets(1000);
            let mut merged = cells(&native, &a);
            merged.merge(&cells(&native, &b), &native);
            let together = cells(&native, &[a, b].concat());
            prop_assert_eq!(merged.rising().collect::<Vec<_>>(), together.rising().collect::<Vec<_>>());
        }

        /// The shape that pages show is a valid histogram.
        #[test]
        fn shown_histograms_are_valid(values in proptest::collection::vec(proptest::num::f64::ANY, 0..100)) {
            let native = Native::new(1.05).max_buckets(20);
            let mut seen = Snapshot::empty(1);
            for v in &values {
                seen.counts[0] += 1;
                seen.sum += v;
            }
            let shown = cells(&native, &values).histogram(&native, &seen);
            prop_assert!(shown.validate().is_ok(), "{:?}: {:?}", shown.validate(), shown);
        }
    }
}
