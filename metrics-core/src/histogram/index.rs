//! Which bucket a value falls into: the inverse of [`upper_bound`](super::upper_bound).

use super::bounds::FRACTIONS;
use super::{MAX_EXPONENTIAL_SCHEMA, MIN_EXPONENTIAL_SCHEMA};

/// The index of the exponential bucket that a value's magnitude falls into; infinities fall into the bucket behind the
/// largest float's. `value` is neither zero nor NaN.
pub(crate) fn bucket_index(value: f64, schema: i32) -> i32 {
    let grid = Grid::new(schema);
    let magnitude = value.abs();
    if magnitude.is_infinite() {
        grid.index(f64::MAX, 0) + 1
    } else if magnitude < f64::MIN_POSITIVE {
        // Subnormal numbers are lifted into the normal ones first.
        grid.index(magnitude * 2f64.powi(54), -54)
    } else {
        grid.index(magnitude, 0)
    }
}

/// The buckets of one schema.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Grid {
    below: &'static [u16; CELLS],
    fractions: &'static [f64; 256],
    /// Each octave is divided in two so often.
    finer: u32,
    /// Octaves are joined in pairs so often.
    coarser: u32,
}

impl Grid {
    pub(crate) fn new(schema: i32) -> Self {
        let schema = schema.clamp(MIN_EXPONENTIAL_SCHEMA, MAX_EXPONENTIAL_SCHEMA);
        let finer = schema.max(0);
        let (below, fractions) = (&BELOW[finer as usize], &FRACTIONS[finer as usize]);
        Self { below, fractions, finer: finer as u32, coarser: (finer - schema) as u32 }
    }

    /// The index of the bucket that a normal positive number, times `2^exponent`, falls into.
    #[inline]
    pub(crate) fn index(&self, value: f64, exponent: i32) -> i32 {
        const EXPONENT_SHIFT: u32 = 52;
        const MANTISSA: u64 = (1 << EXPONENT_SHIFT) - 1;
        const HALF: u64 = 1022 << EXPONENT_SHIFT;
        let bits = value.to_bits();
        // value = fraction · 2 · 2^octave, with a fraction from 0.5 to below 1.
        let fraction = f64::from_bits(bits & MANTISSA | HALF);
        let octave = (bits >> EXPONENT_SHIFT) as i32 - 1023 + exponent;
        let cell = (bits & MANTISSA) >> (EXPONENT_SHIFT - 1 - self.finer);
        let below = self.below.get(cell as usize).copied().unwrap_or_default();
        let next = self.fractions.get(usize::from(below)).is_some_and(|bound| *bound < fraction);
        let index = i32::from(below) + i32::from(next) + (octave << self.finer);
        // Of the buckets that are joined the last one's upper bound remains.
        ((index - 1) >> self.coarser) + 1
    }
}

/// The cells that the finest schema's octave is divided into.
const CELLS: usize = 2 << MAX_EXPONENTIAL_SCHEMA;

/// By schema: an octave divided into twice as many equal cells as it has buckets, and how many bounds are below each
/// cell. No bucket is as narrow as a cell, so a comparison with one more bound finds a value's bucket.
static BELOW: [[u16; CELLS]; MAX_EXPONENTIAL_SCHEMA as usize + 1] = {
    let mut below = [[0; CELLS]; MAX_EXPONENTIAL_SCHEMA as usize + 1];
    let mut schema = 0;
    while schema < below.len() {
        let (mut cell, mut bounds) = (0, 0);
        while cell < 2 << schema {
            let start = 0.5 + 0.5 * cell as f64 / (2 << schema) as f64;
            while bounds < 1 << schema && FRACTIONS[schema][bounds] < start {
                bounds += 1;
            }
            below[schema][cell] = bounds as u16;
            cell += 1;
        }
        schema += 1;
    }
    below
};

#[cfg(test)]
mod tests {
    use super::super::{MAX_EXPONENTIAL_SCHEMA, MIN_EXPONENTIAL_SCHEMA, upper_bound};
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn powers_of_two_close_their_buckets() {
        assert_eq!([1.0, 1.5, 2.0, 2.1, -4.0].map(|v| bucket_index(v, 0)), [0, 1, 1, 2, 2]);
        assert_eq!([1.0, 2.0, 4.0, 5.0, 16.0, 17.0].map(|v| bucket_index(v, -1)), [0, 1, 1, 2, 2, 3]);
        assert_eq!(bucket_index(f64::INFINITY, 3), bucket_index(f64::MAX, 3) + 1);
        assert_eq!(bucket_index(f64::from_bits(1), 0), -1074);
    }

    /// The bounds themselves and their neighbours, where one cell too many or too few would show.
    #[test]
    fn bounds_close_their_buckets() {
        for schema in 0..=MAX_EXPONENTIAL_SCHEMA {
            for index in 0..1 << schema {
                let bound = upper_bound(index, schema, &[]);
                let found = [bound.next_down(), bound, bound.next_up()].map(|v| bucket_index(v, schema));
                assert_eq!(found, [index, index, index + 1], "schema {schema}");
            }
        }
    }

    proptest! {
        #[test]
        fn a_value_lies_within_its_bounds(
            value in proptest::num::f64::POSITIVE | proptest::num::f64::SUBNORMAL,
            schema in MIN_EXPONENTIAL_SCHEMA..=MAX_EXPONENTIAL_SCHEMA,
        ) {
            prop_assume!(value > 0.0);
            let index = bucket_index(value, schema);
            prop_assert!(value <= upper_bound(index, schema, &[]));
            prop_assert!(value > upper_bound(index - 1, schema, &[]) || upper_bound(index - 1, schema, &[]) == upper_bound(index, schema, &[]));
        }
    }
}
