//! Scaling, adding, subtracting.

use std::iter::Peekable;

use super::spans::{Layout, indexed};
use super::zero::beyond_zero;
use super::{FloatHistogram, IncompatibleBuckets, ResetHint, Span, custom};

/// What was noticed while two histograms were combined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Combined {
    /// One said that a counter reset came before, the other that none did.
    pub reset_hints_collide: bool,
    /// Custom bounds differed and were reduced to those that both have.
    pub bounds_reconciled: bool,
}

impl FloatHistogram {
    /// Multiplies all counts and the sum. A negative factor makes a gauge of it.
    pub fn scale(&mut self, factor: f64) -> &mut Self {
        self.each_count(|c| *c *= factor);
        if factor < 0.0 {
            self.reset_hint = ResetHint::Gauge;
        }
        self
    }

    /// Divides all counts and the sum. Division by zero removes all buckets, a negative divisor makes a
    /// gauge of it.
    pub fn divide(&mut self, divisor: f64) -> &mut Self {
        self.each_count(|c| *c /= divisor);
        if divisor == 0.0 {
            self.positive_buckets.clear();
            self.negative_buckets.clear();
            self.positive_spans.clear();
            self.negative_spans.clear();
        } else if divisor < 0.0 {
            self.reset_hint = ResetHint::Gauge;
        }
        self
    }

    fn each_count(&mut self, change: impl Fn(&mut f64)) {
        change(&mut self.zero_count);
        change(&mut self.count);
        change(&mut self.sum);
        self.positive_buckets.iter_mut().chain(&mut self.negative_buckets).for_each(change);
    }

    /// Adds another histogram. Different zero buckets and schemas are reconciled to the coarser, different
    /// custom bounds to those in common.
    ///
    /// # Errors
    /// If one has custom buckets and the other exponential ones.
    pub fn add(&mut self, other: &Self) -> Result<Combined, IncompatibleBuckets> {
        self.combine(other, 1.0)
    }

    /// Subtracts another histogram, in the way of [`FloatHistogram::add`].
    ///
    /// # Errors
    /// As [`FloatHistogram::add`].
    pub fn subtract(&mut self, other: &Self) -> Result<Combined, IncompatibleBuckets> {
        self.combine(other, -1.0)
    }

    fn combine(&mut self, other: &Self, sign: f64) -> Result<Combined, IncompatibleBuckets> {
        self.check_compatible(other)?;
        let mut seen =
            Combined { reset_hints_collide: self.join_reset_hint(other.reset_hint), ..Combined::default() };
        if !self.has_custom_buckets() {
            let (zero_count, _) = self.reconcile_zero_buckets(other, None);
            self.zero_count += sign * zero_count;
        }
        self.count += sign * other.count;
        self.sum += sign * other.sum;
        if self.has_custom_buckets() && !same_bounds(&self.custom_values, &other.custom_values) {
            seen.bounds_reconciled = true;
            custom::combine(self, other, sign, None);
            return Ok(seen);
        }
        let reduced;
        let other = if other.schema > self.schema && !self.has_custom_buckets() {
            reduced = other.at_schema(self.schema);
            &reduced
        } else {
            self.reduce_resolution(other.schema);
            other
        };
        let (schema, threshold) = (self.schema, self.bucket_threshold());
        let add = |spans: &mut Vec<Span>, buckets: &mut Vec<f64>, more: &[Span], values: &[f64]| {
            if threshold == 0.0 && spans == more && buckets.len() == values.len() {
                buckets.iter_mut().zip(values).for_each(|(b, v)| *b += sign * v);
                return;
            }
            let others = beyond_zero(more, values, schema, threshold).map(|(i, v)| (i, sign * v));
            let layout = union(indexed(spans, buckets), others, |a, b| a + b);
            (*spans, *buckets) = (layout.spans, layout.buckets);
        };
        add(
            &mut self.positive_spans,
            &mut self.positive_buckets,
            &other.positive_spans,
            &other.positive_buckets,
        );
        add(
            &mut self.negative_spans,
            &mut self.negative_buckets,
            &other.negative_spans,
            &other.negative_buckets,
        );
        Ok(seen)
    }

    /// The width of the zero bucket below which another's buckets are left out; custom buckets have none.
    pub(super) fn bucket_threshold(&self) -> f64 {
        if self.has_custom_buckets() { 0.0 } else { self.zero_threshold }
    }

    pub(super) fn check_compatible(&self, other: &Self) -> Result<(), IncompatibleBuckets> {
        match self.has_custom_buckets() == other.has_custom_buckets() {
            true => Ok(()),
            false => Err(IncompatibleBuckets),
        }
    }

    /// Settles what the result says about counter resets. Returns whether the two contradict each other.
    pub(super) fn join_reset_hint(&mut self, other: ResetHint) -> bool {
        use ResetHint::{Gauge, Unknown};
        let (joined, collide) = match (self.reset_hint, other) {
            (a, b) if a == b => (a, false),
            (Gauge, _) | (_, Gauge) => (Gauge, false),
            (Unknown, _) | (_, Unknown) => (Unknown, false),
            _ => (Unknown, true),
        };
        self.reset_hint = joined;
        collide
    }

    /// Whether any count, bound or the sum is infinite.
    pub fn has_overflow(&self) -> bool {
        [self.zero_count, self.count, self.sum]
            .iter()
            .chain(&self.positive_buckets)
            .chain(&self.negative_buckets)
            .chain(&self.custom_values)
            .any(|v| v.is_infinite())
    }
}

/// Whether two lists of custom bounds are the same.
pub(super) fn same_bounds(a: &[f64], b: &[f64]) -> bool {
    a == b
}

/// Merges two rising sequences of cells; cells in both are joined.
pub(super) fn union<C: Copy>(
    a: impl Iterator<Item = (i32, C)>,
    b: impl Iterator<Item = (i32, C)>,
    join: impl Fn(C, C) -> C,
) -> Layout<C> {
    let mut layout = Layout::with_capacity(a.size_hint().0.max(b.size_hint().0));
    let (mut a, mut b) = (a.peekable(), b.peekable());
    loop {
        let (index, cell) = match (a.peek().copied(), b.peek().copied()) {
            (Some((i, x)), Some((j, y))) if i == j => {
                advance(&mut a, &mut b);
                (i, join(x, y))
            }
            (Some((i, x)), Some((j, _))) if i < j => {
                a.next();
                (i, x)
            }
            (Some(cell), None) => {
                a.next();
                cell
            }
            (_, Some(cell)) => {
                b.next();
                cell
            }
            (None, None) => return layout,
        };
        layout.push(index, cell);
    }
}

fn advance<T>(a: &mut Peekable<impl Iterator<Item = T>>, b: &mut Peekable<impl Iterator<Item = T>>) {
    a.next();
    b.next();
}
