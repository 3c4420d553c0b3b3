//! Histograms of OpenTelemetry as native histograms.

use metrics_core::histogram::{
    CUSTOM_BUCKETS_SCHEMA, MAX_EXPONENTIAL_SCHEMA, MIN_EXPONENTIAL_SCHEMA, ResetHint,
};
use metrics_core::{Histogram, STALE_NAN, STALE_NAN_BITS, Span};

use super::point::{Dense, Point};

/// The message has no threshold of its own; this is the field's smallest.
const ZERO_THRESHOLD: f64 = 1e-128;

/// Empty buckets up to which two runs are joined.
const MAX_GAP: i32 = 2;

/// A native histogram of an exponential one; `None` if its buckets are too coarse. Finer ones than the field's
/// finest are merged.
pub(super) fn exponential(point: &Point, is_delta: bool) -> Option<Histogram> {
    if point.scale < MIN_EXPONENTIAL_SCHEMA {
        return None;
    }
    let scale_down = u32::try_from(point.scale - MAX_EXPONENTIAL_SCHEMA).unwrap_or(0);
    let mut histogram = totals(point, is_delta);
    histogram.schema = point.scale.min(MAX_EXPONENTIAL_SCHEMA);
    histogram.zero_threshold = ZERO_THRESHOLD;
    histogram.zero_count = point.zero_count;
    // Index 0 begins above 1 there and ends at 1 here.
    (histogram.positive_spans, histogram.positive_buckets) = sparse(&point.positive, scale_down, 1);
    (histogram.negative_spans, histogram.negative_buckets) = sparse(&point.negative, scale_down, 1);
    Some(histogram)
}

/// A native histogram with custom buckets of one with explicit bounds.
pub(super) fn explicit(point: &Point, is_delta: bool) -> Histogram {
    let mut histogram = totals(point, is_delta);
    histogram.schema = CUSTOM_BUCKETS_SCHEMA;
    histogram.custom_values = point.bounds.clone();
    let dense = Dense { offset: 0, counts: point.bucket_counts.clone() };
    (histogram.positive_spans, histogram.positive_buckets) = sparse(&dense, 0, 0);
    histogram
}

fn totals(point: &Point, is_delta: bool) -> Histogram {
    let reset_hint = if is_delta { ResetHint::Gauge } else { ResetHint::Unknown };
    let (count, sum) = match point.is_stale {
        true => (STALE_NAN_BITS, STALE_NAN),
        false => (point.count, point.sum.unwrap_or(0.0)),
    };
    Histogram { reset_hint, count, sum, ..Histogram::default() }
}

/// Runs of buckets of which `2^scale_down` neighbours are merged into one. Empty buckets are left out, but for
/// small gaps.
fn sparse(dense: &Dense, scale_down: u32, shift: i32) -> (Vec<Span>, Vec<i64>) {
    let mut merged: Vec<(i32, i64)> = Vec::new();
    let shift_right = scale_down.min(31);
    for (at, count) in (0i32..).zip(&dense.counts) {
        let index = (dense.offset.saturating_add(at) >> shift_right).saturating_add(shift);
        let count = *count as i64;
        match merged.last_mut() {
            Some((last, sum)) if *last == index => *sum = sum.wrapping_add(count),
            _ => merged.push((index, count)),
        }
    }
    let (mut spans, mut deltas): (Vec<Span>, Vec<i64>) = (Vec::new(), Vec::new());
    let (mut next, mut last_count) = (0i32, 0i64);
    for (index, count) in merged.into_iter().filter(|(_, count)| *count != 0) {
        let gap = index.saturating_sub(next);
        match spans.last_mut() {
            Some(span) if gap <= MAX_GAP => {
                for _ in 0..gap {
                    deltas.push(-last_count);
                    last_count = 0;
                    span.length += 1;
                }
                span.length += 1;
            }
            _ => spans.push(Span { offset: gap, length: 1 }),
        }
        deltas.push(count.wrapping_sub(last_count));
        (last_count, next) = (count, index.saturating_add(1));
    }
    (spans, deltas)
}
