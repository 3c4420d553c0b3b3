//! Upper bounds of a classic histogram's buckets.

use std::fmt;
use std::sync::Arc;

/// The usual bounds, in seconds, for the latency of a network service.
const USUAL: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Upper bounds of a classic histogram's buckets, rising; the bucket up to +Inf is always there besides.
///
/// ```
/// use metrics_core::instrument::Buckets;
/// assert_eq!(Buckets::exponential(1.0, 2.0, 4).unwrap().bounds(), [1.0, 2.0, 4.0, 8.0]);
/// assert!(Buckets::new([2.0, 1.0]).is_err());
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Buckets(Arc<[f64]>);

impl Buckets {
    /// Buckets with these upper bounds; a last bound of +Inf may be given or left out.
    ///
    /// # Errors
    /// [`BucketError`] unless every bound is larger than the one before.
    pub fn new(bounds: impl IntoIterator<Item = f64>) -> Result<Self, BucketError> {
        let mut bounds: Vec<f64> = bounds.into_iter().collect();
        if bounds.last() == Some(&f64::INFINITY) {
            bounds.pop();
        }
        if let Some(position) = bounds.iter().position(|b| b.is_nan() || *b == f64::INFINITY) {
            return Err(BucketError::NotANumber { position });
        }
        if let Some(i) = bounds.windows(2).position(|w| w[0] >= w[1]) {
            return Err(BucketError::NotRising { position: i + 1, before: bounds[i], bound: bounds[i + 1] });
        }
        Ok(Self(bounds.into()))
    }

    /// These bounds, if they are finite and rise; checked by the compiler where the result is a constant.
    ///
    /// # Panics
    /// If they are not.
    #[doc(hidden)]
    pub const fn rising(bounds: &[f64]) -> &[f64] {
        let mut at = 0;
        while at < bounds.len() {
            assert!(bounds[at].is_finite(), "a bucket bound is not finite");
            assert!(at == 0 || bounds[at - 1] < bounds[at], "a bucket bound is not above the one before");
            at += 1;
        }
        bounds
    }

    /// Buckets with bounds that [`Buckets::rising`] has checked.
    #[doc(hidden)]
    pub fn from_rising(bounds: &[f64]) -> Self {
        Self(bounds.into())
    }

    /// `count` bounds from `start`, each `width` above the last.
    ///
    /// # Errors
    /// [`BucketError`] if such bounds would not rise.
    pub fn linear(start: f64, width: f64, count: usize) -> Result<Self, BucketError> {
        Self::new((0..count).map(|i| start + width * i as f64))
    }

    /// `count` bounds from `start`, each `factor` times the last.
    ///
    /// # Errors
    /// [`BucketError`] if such bounds would not rise.
    pub fn exponential(start: f64, factor: f64, count: usize) -> Result<Self, BucketError> {
        Self::new(std::iter::successors(Some(start), |b| Some(b * factor)).take(count))
    }

    /// The bounds, without +Inf.
    pub fn bounds(&self) -> &[f64] {
        &self.0
    }
}

/// Bounds laid out for the search: in lanes that are compared at once, the last one filled up with +Inf.
#[derive(Debug, Clone)]
pub(super) struct Lanes {
    lanes: Box<[[f64; LANE]]>,
    count: usize,
}

const LANE: usize = 4;

impl Lanes {
    pub(super) fn new(bounds: &[f64]) -> Self {
        let lane = |bounds: &[f64]| {
            let mut lane = [f64::INFINITY; LANE];
            lane[..bounds.len()].copy_from_slice(bounds);
            lane
        };
        Self { lanes: bounds.chunks(LANE).map(lane).collect(), count: bounds.len() }
    }

    /// How many buckets there are, that up to +Inf included.
    pub(super) fn buckets(&self) -> usize {
        self.count + 1
    }

    /// Which bucket a value falls into: the first whose bound is not below it; NaN falls into the last.
    #[inline]
    pub(super) fn index(&self, value: f64) -> usize {
        // Adding up comparisons has no branch to mispredict; beyond this many, halving is faster nevertheless.
        let index = if self.lanes.len() <= 16 {
            self.lanes.iter().map(|lane| below(lane, value)).sum()
        } else {
            let before = self.lanes.partition_point(|lane| below(lane, value) == LANE);
            before * LANE + self.lanes.get(before).map_or(0, |lane| below(lane, value))
        };
        // NaN is counted against the filling too.
        index.min(self.count)
    }
}

/// How many bounds of a lane are below a value, all of them if it is NaN.
#[inline]
#[allow(clippy::neg_cmp_op_on_partial_ord)] // The negation is what sends NaN to the end.
fn below(lane: &[f64; LANE], value: f64) -> usize {
    lane.iter().map(|bound| u64::from(!(value <= *bound))).sum::<u64>() as usize
}

impl Default for Buckets {
    /// 5 ms to 10 s, the usual bounds for the latency of a network service.
    fn default() -> Self {
        Self(Arc::from(USUAL))
    }
}

/// Why bucket bounds were refused.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum BucketError {
    /// A bound is NaN, or +Inf before the end.
    NotANumber {
        /// The place of the bound, from 0.
        position: usize,
    },
    /// A bound is not above the one before.
    NotRising {
        /// The place of the bound, from 0.
        position: usize,
        /// The bound before.
        before: f64,
        /// The bound.
        bound: f64,
    },
}

impl fmt::Display for BucketError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotANumber { position } => write!(f, "bucket bound {position} is not a finite number"),
            Self::NotRising { position, before, bound } => {
                write!(f, "bucket bound {position} is {bound}, not above {before}")
            }
        }
    }
}

impl std::error::Error for BucketError {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_bound_belongs_to_its_bucket() {
        let b = Lanes::new(Buckets::new([-1.0, 0.0, 2.5, f64::INFINITY]).unwrap().bounds());
        let cases = [(-2.0, 0), (-1.0, 0), (-0.0, 1), (0.0, 1), (0.1, 2), (2.5, 2), (2.6, 3)];
        for (value, index) in cases {
            assert_eq!(b.index(value), index, "{value}");
        }
        assert_eq!((b.index(f64::INFINITY), b.index(f64::NAN), b.index(f64::NEG_INFINITY)), (3, 3, 0));
    }

    #[test]
    fn wrong_bounds_are_named() {
        assert_eq!(
            Buckets::new([1.0, f64::NAN]).unwrap_err().to_string(),
            "bucket bound 1 is not a finite number"
        );
        assert_eq!(Buckets::linear(1.0, 0.0, 2).unwrap_err().to_string(), "bucket bound 1 is 1, not above 1");
        assert!(Buckets::new([f64::INFINITY, 1.0]).is_err());
        assert!(Buckets::new([]).unwrap().bounds().is_empty());
    }

    proptest! {
        #[test]
        fn few_and_many_bounds_agree(bounds in proptest::collection::btree_set(-1000i32..1000, 0..150), value in -1100i32..1100) {
            let b = Lanes::new(Buckets::new(bounds.iter().map(|b| f64::from(*b))).unwrap().bounds());
            let expected = bounds.iter().filter(|b| **b < value).count();
            prop_assert_eq!(b.index(f64::from(value)), expected);
        }
    }
}
