//! Quantiles of plain values.

use std::cmp::Ordering;

/// The quantile `q` of values, which are sorted on the way: between two values, their weighted mean.
///
/// NaN for no values or a `q` that is NaN; -Inf below 0; +Inf above 1.
pub(crate) fn quantile(q: f64, values: &mut [f64]) -> f64 {
    match trivial_quantile(q, values.len()) {
        Some(trivial) => trivial,
        None => {
            values.sort_unstable_by(|a, b| nan_first(*a, *b));
            let rank = Rank::of(q, values.len());
            rank.between(values[rank.lower], values[rank.upper])
        }
    }
}

/// Quantiles that need no look at the values.
pub(super) fn trivial_quantile(q: f64, count: usize) -> Option<f64> {
    if count == 0 || q.is_nan() {
        Some(f64::NAN)
    } else if q < 0.0 {
        Some(f64::NEG_INFINITY)
    } else if q > 1.0 {
        Some(f64::INFINITY)
    } else {
        None
    }
}

/// Rising, NaN before all numbers.
fn nan_first(a: f64, b: f64) -> Ordering {
    match (a.is_nan(), b.is_nan()) {
        (true, true) => Ordering::Equal,
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
        (false, false) => a.partial_cmp(&b).unwrap_or(Ordering::Equal),
    }
}

/// Where a quantile stands among sorted values.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rank {
    pub(super) lower: usize,
    pub(super) upper: usize,
    weight: f64,
}

impl Rank {
    pub(super) fn of(q: f64, count: usize) -> Self {
        let last = count as f64 - 1.0;
        let rank = q * last;
        let lower = rank.floor().max(0.0);
        let upper = (lower + 1.0).min(last);
        Self { lower: lower as usize, upper: upper as usize, weight: rank - rank.floor() }
    }

    pub(super) fn between(&self, lower: f64, upper: f64) -> f64 {
        lower * (1.0 - self.weight) + upper * self.weight
    }
}
