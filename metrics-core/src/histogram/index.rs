//! Which bucket a value falls into: the inverse of [`upper_bound`](super::upper_bound).

use super::bounds::FRACTIONS;
use super::{MAX_EXPONENTIAL_SCHEMA, MIN_EXPONENTIAL_SCHEMA};

/// The index of the exponential bucket that a value's magnitude falls into; infinities fall into the bucket behind the
/// largest float's. `value` is neither zero nor NaN.
pub(crate) fn bucket_index(value: f64, schema: i32) -> i32 {
    let schema = schema.clamp(MIN_EXPONENTIAL_SCHEMA, MAX_EXPONENTIAL_SCHEMA);
    let infinite = value.is_infinite();
    let magnitude = if infinite { f64::MAX } else { value.abs() };
    let (fraction, exponent) = split(magnitude);
    let index = if schema > 0 {
        let bounds = &FRACTIONS[schema as usize][..1 << schema];
        let within = bounds.partition_point(|bound| *bound < fraction) as i32;
        within + ((exponent - 1) << schema)
    } else {
        // The upper bound, a power of two, belongs to the bucket.
        let octave = if fraction == 0.5 { exponent - 1 } else { exponent };
        let width = -schema;
        (octave + (1 << width) - 1) >> width
    };
    index + i32::from(infinite)
}

/// `magnitude = fraction · 2^exponent` with a fraction from 0.5 to below 1.
fn split(magnitude: f64) -> (f64, i32) {
    const EXPONENT_BITS: u64 = 0x7ff << 52;
    // Subnormal numbers are lifted into the normal ones first.
    let (lifted, offset) =
        if magnitude < f64::MIN_POSITIVE { (magnitude * 2f64.powi(54), -54) } else { (magnitude, 0) };
    let bits = lifted.to_bits();
    let exponent = ((bits & EXPONENT_BITS) >> 52) as i32 - 1022;
    (f64::from_bits((bits & !EXPONENT_BITS) | 1022 << 52), exponent + offset)
}

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
