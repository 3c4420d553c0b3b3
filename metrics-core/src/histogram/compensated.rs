//! Sums of many histograms without the loss of small counts beside large ones.

use super::arith::{same_bounds, union};
use super::resolution::merged;
use super::spans::indexed;
use super::zero::{Beside, beyond_zero};
use super::{Combined, FloatHistogram, IncompatibleBuckets, Span, custom};
use crate::kahan_add;

/// A running sum of histograms that keeps the rounding error of every count and of the sum of observations.
///
/// ```
/// use metrics_core::histogram::{CompensatedHistogram, FloatHistogram};
/// let one = |sum| FloatHistogram { count: 1.0, sum, ..FloatHistogram::default() };
/// let mut total = CompensatedHistogram::new(one(1e100));
/// total.add(&one(1.0)).unwrap();
/// total.add(&one(-1e100)).unwrap();
/// assert_eq!(total.into_total().sum, 1.0);
/// ```
#[derive(Debug, Clone)]
pub struct CompensatedHistogram {
    sum: FloatHistogram,
    /// Same layout as `sum`; absent until something is added.
    errors: Option<FloatHistogram>,
}

/// A count and its rounding error.
type Cell = (f64, f64);

impl CompensatedHistogram {
    /// Starts with one histogram.
    pub fn new(first: FloatHistogram) -> Self {
        Self { sum: first, errors: None }
    }

    /// Adds another, reconciling as [`FloatHistogram::add`] does.
    ///
    /// # Errors
    /// As [`FloatHistogram::add`]; the sum is left as it was.
    pub fn add(&mut self, other: &FloatHistogram) -> Result<Combined, IncompatibleBuckets> {
        self.sum.check_compatible(other)?;
        let mut seen = Combined {
            reset_hints_collide: self.sum.join_reset_hint(other.reset_hint),
            ..Combined::default()
        };
        let sum = &mut self.sum;
        let errors = self.errors.get_or_insert_with(|| no_errors(sum));
        if !sum.has_custom_buckets() {
            let beside = Beside {
                zero: &mut errors.zero_count,
                positive: &mut errors.positive_buckets,
                negative: &mut errors.negative_buckets,
            };
            let (count, error) = sum.reconcile_zero_buckets(other, Some(beside));
            (sum.zero_count, errors.zero_count) = kahan_add(count, sum.zero_count, errors.zero_count);
            (sum.zero_count, errors.zero_count) = kahan_add(error, sum.zero_count, errors.zero_count);
        }
        (sum.count, errors.count) = kahan_add(other.count, sum.count, errors.count);
        (sum.sum, errors.sum) = kahan_add(other.sum, sum.sum, errors.sum);
        if sum.has_custom_buckets() && !same_bounds(&sum.custom_values, &other.custom_values) {
            seen.bounds_reconciled = true;
            custom::combine(sum, other, 1.0, Some(&mut errors.positive_buckets));
        } else {
            let schema = sum.schema.min(other.schema);
            let frame = Frame {
                schema,
                shift: sum.schema - schema,
                other_shift: other.schema - schema,
                threshold: sum.bucket_threshold(),
            };
            sum.schema = schema;
            frame.add(
                (&mut sum.positive_spans, &mut sum.positive_buckets, &mut errors.positive_buckets),
                (&other.positive_spans, &other.positive_buckets),
            );
            frame.add(
                (&mut sum.negative_spans, &mut sum.negative_buckets, &mut errors.negative_buckets),
                (&other.negative_spans, &other.negative_buckets),
            );
        }
        errors.schema = sum.schema;
        errors.zero_threshold = sum.zero_threshold;
        errors.custom_values.clone_from(&sum.custom_values);
        errors.positive_spans.clone_from(&sum.positive_spans);
        errors.negative_spans.clone_from(&sum.negative_spans);
        Ok(seen)
    }

    /// Multiplies the sum and its errors.
    pub fn scale(&mut self, factor: f64) -> &mut Self {
        self.sum.scale(factor);
        self.errors.iter_mut().for_each(|e| {
            e.scale(factor);
        });
        self
    }

    /// Divides the sum and its errors.
    pub fn divide(&mut self, divisor: f64) -> &mut Self {
        self.sum.divide(divisor);
        self.errors.iter_mut().for_each(|e| {
            e.divide(divisor);
        });
        self
    }

    /// Whether the sum has an infinite count.
    pub fn has_overflow(&self) -> bool {
        self.sum.has_overflow()
    }

    /// The sum with its errors made good.
    pub fn into_total(self) -> FloatHistogram {
        let mut total = self.sum;
        if let Some(errors) = self.errors {
            // Both have the same kind of buckets, so that adding cannot fail.
            let _ = total.add(&errors);
        }
        total
    }
}

fn no_errors(of: &FloatHistogram) -> FloatHistogram {
    FloatHistogram {
        reset_hint: of.reset_hint,
        schema: of.schema,
        zero_threshold: of.zero_threshold,
        positive_spans: of.positive_spans.clone(),
        negative_spans: of.negative_spans.clone(),
        positive_buckets: vec![0.0; of.positive_buckets.len()],
        negative_buckets: vec![0.0; of.negative_buckets.len()],
        custom_values: of.custom_values.clone(),
        ..FloatHistogram::default()
    }
}

/// What both sides are brought to before their buckets are added.
struct Frame {
    schema: i32,
    shift: i32,
    other_shift: i32,
    threshold: f64,
}

impl Frame {
    fn add(
        &self,
        (spans, buckets, errors): (&mut Vec<Span>, &mut Vec<f64>, &mut Vec<f64>),
        (more, values): (&[Span], &[f64]),
    ) {
        if self.shift == 0 && self.other_shift == 0 && self.threshold == 0.0 && spans == more {
            for ((bucket, error), value) in buckets.iter_mut().zip(errors).zip(values) {
                (*bucket, *error) = kahan_add(*value, *bucket, *error);
            }
            return;
        }
        let own = indexed(spans, buckets).zip(errors.iter().copied()).map(|((i, b), e)| (i, (b, e)));
        let others = indexed(more, values).map(|(i, b)| (i, (b, 0.0)));
        let own = merged(own, self.shift, join_exactly);
        let others = merged(others, self.other_shift, join_exactly);
        let own_cells = super::spans::Indexes::new(&own.spans).zip(own.buckets.iter().copied());
        let skipped = others.buckets.len()
            - beyond_zero(&others.spans, &vec![0.0; others.buckets.len()], self.schema, self.threshold)
                .count();
        let other_cells =
            super::spans::Indexes::new(&others.spans).zip(others.buckets.iter().copied()).skip(skipped);
        let layout = union(own_cells, other_cells, |a: Cell, b: Cell| {
            let sum = kahan_add(b.0, a.0, a.1);
            if b.1 == 0.0 { sum } else { kahan_add(b.1, sum.0, sum.1) }
        });
        *buckets = layout.buckets.iter().map(|c| c.0).collect();
        *errors = layout.buckets.iter().map(|c| c.1).collect();
        *spans = layout.spans;
    }
}

fn join_exactly(a: Cell, b: Cell) -> Cell {
    let (sum, error) = kahan_add(b.0, a.0, a.1);
    kahan_add(b.1, sum, error)
}
