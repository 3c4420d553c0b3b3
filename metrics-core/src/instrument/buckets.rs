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
pub struct Buckets {
    bounds: Arc<[f64]>,
    map: Map,
}

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
        Ok(Self::from_rising(&bounds))
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
        Self { bounds: bounds.into(), map: Map::of(bounds) }
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
        &self.bounds
    }

    /// How many buckets there are, that up to +Inf included.
    pub(super) fn count(&self) -> usize {
        self.bounds.len() + 1
    }

    /// Which bucket a value falls into: the first whose bound is not below it; NaN falls into the last.
    #[inline]
    pub(super) fn index(&self, value: f64) -> usize {
        let mut index = self.map.start(value);
        while let Some(bound) = self.bounds.get(index)
            && is_below(*bound, value)
        {
            index += 1;
        }
        index
    }
}

/// Where to look for a value's bucket: the range from the first bound to the last is divided into cells, narrow ones where
/// numbers are small, as floats are, and each cell knows how many bounds are below it. Few cells have a bound in them,
/// hardly any two.
#[derive(Debug, Clone, PartialEq)]
struct Map {
    /// Bounds below each cell, one cell before the first bound and one behind the last included.
    below: Arc<[u32]>,
    /// Cell of the first bound.
    first: i64,
    /// How many floats share a cell, as a power of two.
    shift: u32,
}

/// How many cells there may be at least, and how many for each bound.
const CELLS: u64 = 128;
const CELLS_PER_BOUND: u64 = 4;

impl Map {
    fn of(bounds: &[f64]) -> Self {
        let (Some(lowest), Some(highest)) = (bounds.first(), bounds.last()) else {
            return Self { below: [0].into(), first: 0, shift: 63 };
        };
        let (lowest, highest) = (rank(*lowest), rank(*highest));
        let most = CELLS.max(CELLS_PER_BOUND * bounds.len() as u64);
        // The first shift leaves room for differences, the last one a cell for each sign.
        let fits = |shift: &u32| (highest >> shift).abs_diff(lowest >> shift) < most;
        let shift = (2..63).find(fits).unwrap_or(63);
        let first = lowest >> shift;
        let below_cell = |cell: i64| bounds.partition_point(|bound| rank(*bound) >> shift < cell) as u32;
        let below = (first - 1..=(highest >> shift) + 1).map(below_cell).collect();
        Self { below, first, shift }
    }

    /// How many bounds are below the value's cell.
    #[inline]
    fn start(&self, value: f64) -> usize {
        let cell = (rank(value) >> self.shift) - self.first + 1;
        let cell = cell.min(self.below.len() as i64 - 1).max(0);
        self.below.get(cell as usize).map_or(0, |below| *below as usize)
    }
}

/// Numbers in the order of the floats; those of a NaN are beyond infinity, on either side.
#[inline]
fn rank(value: f64) -> i64 {
    // The addition makes the two zeros one.
    let bits = (value + 0.0).to_bits() as i64;
    bits ^ ((bits >> 63) as u64 >> 1) as i64
}

#[inline]
#[allow(clippy::neg_cmp_op_on_partial_ord)] // The negation is what sends NaN to the end.
fn is_below(bound: f64, value: f64) -> bool {
    !(value <= bound)
}

impl Default for Buckets {
    /// 5 ms to 10 s, the usual bounds for the latency of a network service.
    fn default() -> Self {
        Self::from_rising(&USUAL)
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
        let b = Buckets::new([-1.0, 0.0, 2.5, f64::INFINITY]).unwrap();
        let cases = [(-2.0, 0), (-1.0, 0), (-0.0, 1), (0.0, 1), (0.1, 2), (2.5, 2), (2.6, 3)];
        for (value, index) in cases {
            assert_eq!(b.index(value), index, "{value}");
        }
        let far =
            [f64::INFINITY, f64::NAN, -f64::NAN, f64::NEG_INFINITY, f64::MIN_POSITIVE, -f64::MIN_POSITIVE];
        assert_eq!(far.map(|value| b.index(value)), [3, 3, 3, 0, 2, 1]);
        let none = Buckets::new([]).unwrap();
        assert_eq!((none.index(1.0), none.index(f64::NAN)), (0, 0));
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

    /// Each bound and its neighbours among the floats, for bounds of all kinds.
    #[test]
    fn bounds_are_found_to_the_bit() {
        let usual = Buckets::default();
        let cases = [
            usual.bounds().to_vec(),
            (-50..50).map(f64::from).collect(),
            (0..300).map(|n| 1.1f64.powi(n)).collect(),
            vec![f64::MIN, -1e-300, -0.0, 5e-324, 1.0, 1.0f64.next_up(), f64::MAX],
            vec![7.0],
        ];
        for bounds in cases {
            let b = Buckets::new(bounds.iter().copied()).unwrap();
            for (i, bound) in bounds.iter().enumerate() {
                for value in [bound.next_down(), *bound, bound.next_up()] {
                    let expected = bounds.iter().filter(|bound| **bound < value).count();
                    assert_eq!(b.index(value), expected, "{value} near bound {i} of {bounds:?}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn any_value_falls_behind_the_bounds_below_it(
            bounds in proptest::collection::btree_set(-1000i32..1000, 0..150),
            value in prop_oneof![proptest::num::f64::ANY, -1100f64..1100.0],
        ) {
            let b = Buckets::new(bounds.iter().map(|b| f64::from(*b))).unwrap();
            let expected = bounds.iter().filter(|b| is_below(f64::from(**b), value)).count();
            prop_assert_eq!(b.index(value), expected);
        }
    }
}
