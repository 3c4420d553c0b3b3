//! The lines of one classic histogram, and what they make together.

use std::sync::Arc;

use metrics_core::histogram::CUSTOM_BUCKETS_SCHEMA;
use metrics_core::{FloatHistogram, Histogram, Span, Value};

/// Empty buckets up to which two runs of integer buckets are joined.
const MAX_GAP: u32 = 2;

/// Buckets, count and sum so far.
#[derive(Debug, Default)]
pub(super) struct Collected {
    /// Bounds and cumulative counts, bounds rising.
    buckets: Vec<(f64, f64)>,
    count: Option<f64>,
    sum: f64,
    /// Whether the lines contradict each other.
    is_broken: bool,
}

impl Collected {
    pub(super) fn clear(&mut self) {
        self.buckets.clear();
        (self.count, self.sum, self.is_broken) = (None, 0.0, false);
    }

    /// Adds a bucket; the first of two with the same bound counts.
    pub(super) fn bucket(&mut self, bound: f64, count: f64) {
        let at = self.buckets.partition_point(|(other, _)| *other < bound);
        if self.buckets.get(at).is_some_and(|(other, _)| *other == bound) {
            return;
        }
        let is_below = |(_, other): &(f64, f64)| count < *other;
        let is_above = |(_, other): &(f64, f64)| count > *other;
        let before = at.checked_sub(1).and_then(|before| self.buckets.get(before));
        if count < 0.0 || before.is_some_and(is_below) || self.buckets.get(at).is_some_and(is_above) {
            self.is_broken = true;
        } else {
            self.buckets.insert(at, (bound, count));
        }
    }

    pub(super) fn count(&mut self, count: f64) {
        self.is_broken |= count < 0.0;
        self.count = Some(count);
    }

    pub(super) fn sum(&mut self, sum: f64) {
        self.sum = sum;
    }

    /// The native histogram; `None` if there is no such histogram. Counts that are all whole make one of integers.
    pub(super) fn convert(&mut self) -> Option<Value> {
        let last = self.buckets.last().copied();
        let count = self.count.or(last.map(|(_, count)| count)).unwrap_or(0.0);
        if last.is_none_or(|(bound, _)| bound != f64::INFINITY) {
            self.buckets.push((f64::INFINITY, count));
        }
        let of_buckets = self.buckets.last().map_or(0.0, |(_, count)| *count);
        if self.is_broken || count != of_buckets {
            return None;
        }
        let spans = vec![Span { offset: 0, length: u32::try_from(self.buckets.len()).ok()? }];
        let bounds = self.buckets.iter().map(|(bound, _)| *bound).filter(|b| *b != f64::INFINITY);
        let all_whole = self.buckets.iter().all(|(_, count)| is_whole(*count));
        if all_whole {
            let mut histogram = Histogram {
                schema: CUSTOM_BUCKETS_SCHEMA,
                count: count as u64,
                sum: self.sum,
                positive_spans: spans,
                positive_buckets: self.deltas(),
                custom_values: bounds.collect(),
                ..Histogram::default()
            };
            histogram.compact_with_gaps(MAX_GAP);
            return histogram.validate().is_ok().then(|| Value::Histogram(Arc::new(histogram)));
        }
        let mut histogram = FloatHistogram {
            schema: CUSTOM_BUCKETS_SCHEMA,
            count,
            sum: self.sum,
            positive_spans: spans,
            positive_buckets: self.own_counts().collect(),
            custom_values: bounds.collect(),
            ..FloatHistogram::default()
        };
        histogram.compact();
        histogram.validate().is_ok().then(|| Value::FloatHistogram(Arc::new(histogram)))
    }

    /// The count of each bucket by itself.
    fn own_counts(&self) -> impl Iterator<Item = f64> {
        let below = std::iter::once(0.0).chain(self.buckets.iter().map(|(_, count)| *count));
        self.buckets.iter().zip(below).map(|((_, count), below)| count - below)
    }

    /// Those counts as differences from bucket to bucket.
    fn deltas(&self) -> Vec<i64> {
        let mut last = 0;
        let delta = |count: f64| {
            let delta = count as i64 - last;
            last = count as i64;
            delta
        };
        self.own_counts().map(delta).collect()
    }
}

fn is_whole(count: f64) -> bool {
    count.fract() == 0.0 && count.abs() < i64::MAX as f64
}
