//! Zero buckets of different widths.

use super::spans::indexed;
use super::{FloatHistogram, Span};
use crate::kahan_add;

/// Counts that stand beside the buckets of a histogram: the rounding errors of a compensated sum.
#[derive(Debug)]
pub(super) struct Beside<'a> {
    pub(super) zero: &'a mut f64,
    pub(super) positive: &'a mut [f64],
    pub(super) negative: &'a mut [f64],
}

impl FloatHistogram {
    /// Widens zero buckets until both histograms have the same, which does not cut through a populated
    /// bucket of either. Changes this one; returns the other's zero count in terms of the new width, and that
    /// count's rounding error.
    pub(super) fn reconcile_zero_buckets(
        &mut self,
        other: &Self,
        mut errors: Option<Beside<'_>>,
    ) -> (f64, f64) {
        let (mut count, mut threshold, mut error) = (other.zero_count, other.zero_threshold, 0.0);
        // Each turn widens the narrower one to a bucket bound of its own, so the loop ends; a threshold that
        // is not a number never compares equal and ends it at once.
        while threshold != self.zero_threshold {
            let before = (threshold, self.zero_threshold);
            if self.zero_threshold > threshold {
                (count, threshold, error) = other.zero_count_within(self.zero_threshold, None);
            }
            if threshold > self.zero_threshold {
                let (own, widened, own_error) = self.zero_count_within(threshold, errors.as_ref());
                (self.zero_count, self.zero_threshold) = (own, widened);
                if let Some(errors) = &mut errors {
                    *errors.zero = own_error;
                }
                self.empty_buckets_within_zero(errors.as_mut());
            }
            if before == (threshold, self.zero_threshold) {
                break;
            }
        }
        (count, error)
    }

    /// What the zero count would be with a wider zero bucket: `(count, threshold, rounding error)`. The
    /// threshold is moved outwards where it would cut through a populated bucket.
    pub(super) fn zero_count_within(&self, wider: f64, errors: Option<&Beside<'_>>) -> (f64, f64, f64) {
        let own_error = errors.map_or(0.0, |e| *e.zero);
        if wider <= self.zero_threshold {
            return (self.zero_count, wider, own_error);
        }
        let mut threshold = wider;
        let mut error = own_error;
        'again: loop {
            let mut count = self.zero_count;
            let mut take = |bucket: f64, beside: Option<f64>| {
                (count, error) = kahan_add(bucket, count, error);
                if let Some(beside) = beside {
                    (count, error) = kahan_add(beside, count, error);
                }
            };
            for (i, bucket) in self.positive().enumerate() {
                if bucket.lower >= threshold {
                    break;
                }
                take(bucket.count, errors.and_then(|e| e.positive.get(i).copied()));
                if bucket.upper > threshold {
                    if bucket.count != 0.0 {
                        threshold = bucket.upper;
                    }
                    break;
                }
            }
            for (i, bucket) in self.negative().enumerate() {
                if bucket.upper <= -threshold {
                    break;
                }
                take(bucket.count, errors.and_then(|e| e.negative.get(i).copied()));
                if bucket.lower < -threshold {
                    if bucket.count != 0.0 {
                        // The positive buckets were judged by the old threshold.
                        threshold = -bucket.lower;
                        continue 'again;
                    }
                    break;
                }
            }
            return (count, threshold, error);
        }
    }

    /// Empties the buckets inside the zero bucket; their counts are already part of its count.
    fn empty_buckets_within_zero(&mut self, errors: Option<&mut Beside<'_>>) {
        let threshold = self.zero_threshold;
        let positive = self.positive().take_while(|b| b.lower < threshold).count();
        let negative = self.negative().take_while(|b| b.upper > -threshold).count();
        self.positive_buckets.iter_mut().take(positive).for_each(|b| *b = 0.0);
        self.negative_buckets.iter_mut().take(negative).for_each(|b| *b = 0.0);
        match errors {
            Some(errors) => {
                errors.positive.iter_mut().take(positive).for_each(|b| *b = 0.0);
                errors.negative.iter_mut().take(negative).for_each(|b| *b = 0.0);
            }
            None => {
                self.compact();
            }
        }
    }
}

/// Buckets whose upper bound lies beyond the zero bucket.
pub(super) fn beyond_zero<'a>(
    spans: &'a [Span],
    buckets: &'a [f64],
    schema: i32,
    threshold: f64,
) -> impl Iterator<Item = (i32, f64)> + Clone + 'a {
    indexed(spans, buckets).skip_while(move |(i, _)| {
        threshold > 0.0 && super::bounds::exponential_bound(*i, schema) <= threshold
    })
}
