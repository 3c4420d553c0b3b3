//! Counter resets between a histogram and the one before it.

use super::arith::same_bounds;
use super::resolution::coarser_index;
use super::spans::indexed;
use super::zero::beyond_zero;
use super::{FloatHistogram, ResetHint, Span};

impl FloatHistogram {
    /// Whether a counter reset lies between `previous` and this one: some count fell, or the resolution rose,
    /// or a populated bucket vanished. A hint that says so, or denies it, is believed.
    pub fn detect_reset(&self, previous: &Self) -> bool {
        match self.reset_hint {
            ResetHint::Reset => return true,
            ResetHint::NotReset => return false,
            ResetHint::Unknown | ResetHint::Gauge => {}
        }
        if self.count < previous.count {
            return true;
        }
        if self.has_custom_buckets() != previous.has_custom_buckets() {
            return true;
        }
        if self.has_custom_buckets() && !same_bounds(&self.custom_values, &previous.custom_values) {
            return self.common_bucket_fell(previous);
        }
        if self.schema > previous.schema || self.zero_threshold < previous.zero_threshold {
            return true;
        }
        let (zero_count, threshold, _) = previous.zero_count_within(self.zero_threshold, None);
        // Otherwise a populated bucket of the previous histogram lies across the edge of the zero bucket.
        if threshold != self.zero_threshold || self.zero_count < zero_count {
            return true;
        }
        let shift = if self.has_custom_buckets() { 0 } else { previous.schema - self.schema };
        let fell = |spans: &[Span], buckets: &[f64], before: &[Span], previous: &[f64]| {
            let threshold = self.bucket_threshold();
            let now = beyond_zero(spans, buckets, self.schema, threshold);
            let before = coarse(indexed(before, previous), shift).skip_while(|(i, _)| {
                threshold > 0.0 && super::bounds::exponential_bound(*i, self.schema) <= threshold
            });
            bucket_fell(now, before)
        };
        fell(
            &self.positive_spans,
            &self.positive_buckets,
            &previous.positive_spans,
            &previous.positive_buckets,
        ) || fell(
            &self.negative_spans,
            &self.negative_buckets,
            &previous.negative_spans,
            &previous.negative_buckets,
        )
    }

    /// For custom buckets with different bounds: whether the count between two common bounds fell.
    fn common_bucket_fell(&self, previous: &Self) -> bool {
        let (mut now, mut before) = (Rollup::new(self), Rollup::new(previous));
        let bounds = |h: &Self, at: usize| h.custom_values.get(at).copied().unwrap_or(f64::INFINITY);
        let (mut i, mut j) = (0, 0);
        while i <= self.custom_values.len() && j <= previous.custom_values.len() {
            let (a, b) = (bounds(self, i), bounds(previous, j));
            if a == b {
                if now.up_to(a) < before.up_to(a) {
                    return true;
                }
                i += 1;
                j += 1;
            } else if a < b {
                i += 1;
            } else {
                j += 1;
            }
        }
        false
    }
}

/// Sums of neighbouring custom buckets.
struct Rollup<I: Iterator<Item = super::Bucket>> {
    buckets: std::iter::Peekable<I>,
}

impl<'a> Rollup<Box<dyn Iterator<Item = super::Bucket> + 'a>> {
    fn new(h: &'a FloatHistogram) -> Self {
        let buckets: Box<dyn Iterator<Item = super::Bucket> + 'a> = Box::new(h.positive());
        Self { buckets: buckets.peekable() }
    }
}

impl<I: Iterator<Item = super::Bucket>> Rollup<I> {
    /// The count of all further buckets that end at or below a bound.
    fn up_to(&mut self, bound: f64) -> f64 {
        let mut sum = 0.0;
        while let Some(bucket) = self.buckets.next_if(|b| b.upper <= bound) {
            sum += bucket.count;
        }
        sum
    }
}

/// Merges neighbours that fall into one bucket of a schema that is coarser by `shift`.
fn coarse(buckets: impl Iterator<Item = (i32, f64)>, shift: i32) -> impl Iterator<Item = (i32, f64)> {
    let mut buckets =
        buckets.map(move |(i, c)| (if shift > 0 { coarser_index(i, shift) } else { i }, c)).peekable();
    std::iter::from_fn(move || {
        let (index, mut count) = buckets.next()?;
        while let Some((_, more)) = buckets.next_if(|(i, _)| shift > 0 && *i == index) {
            count += more;
        }
        Some((index, count))
    })
}

fn bucket_fell(now: impl Iterator<Item = (i32, f64)>, before: impl Iterator<Item = (i32, f64)>) -> bool {
    let mut now = now.peekable();
    for (index, count) in before {
        while now.next_if(|(i, _)| *i < index).is_some() {}
        let fell = match now.peek() {
            Some((i, current)) if *i == index => *current < count,
            _ => count != 0.0,
        };
        if fell {
            return true;
        }
    }
    false
}
