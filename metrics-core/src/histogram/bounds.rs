//! Where buckets begin and end.

use super::{CUSTOM_BUCKETS_SCHEMA, FloatHistogram, MAX_EXPONENTIAL_SCHEMA, MIN_EXPONENTIAL_SCHEMA};

/// One bucket with its bounds.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Bucket {
    /// Lower bound.
    pub lower: f64,
    /// Upper bound.
    pub upper: f64,
    /// Whether the lower bound belongs to the bucket.
    pub lower_inclusive: bool,
    /// Whether the upper bound belongs to the bucket.
    pub upper_inclusive: bool,
    /// Observations inside.
    pub count: f64,
    /// Position within the schema; zero for the zero bucket.
    pub index: i32,
}

impl Bucket {
    /// Which part of the bucket's width, 0 … 1, lies below `value`, which must lie strictly inside.
    ///
    /// Custom buckets and the zero bucket are cut linearly, exponential ones on a logarithmic scale.
    pub fn fraction_below(&self, value: f64, linear: bool) -> f64 {
        if linear {
            return (value - self.lower) / (self.upper - self.lower);
        }
        let lower = self.lower.abs().log2();
        let upper = self.upper.abs().log2();
        let at = value.abs().log2();
        if value > 0.0 { (at - lower) / (upper - lower) } else { 1.0 - (at - upper) / (lower - upper) }
    }
}

/// The upper bound of the positive bucket with an index: `2^(index · 2^-schema)`, or a custom bound.
///
/// The bucket that ends at the largest float is closed there, the next one holds the infinities. An index
/// behind the custom bounds stands for +Inf, one before them for -Inf.
pub fn upper_bound(index: i32, schema: i32, custom_values: &[f64]) -> f64 {
    if schema != CUSTOM_BUCKETS_SCHEMA {
        return exponential_bound(index, schema);
    }
    match usize::try_from(index) {
        Ok(i) => custom_values.get(i).copied().unwrap_or(f64::INFINITY),
        Err(_) => f64::NEG_INFINITY,
    }
}

/// As [`upper_bound`], for exponential schemas.
pub(super) fn exponential_bound(index: i32, schema: i32) -> f64 {
    let schema = schema.clamp(MIN_EXPONENTIAL_SCHEMA, MAX_EXPONENTIAL_SCHEMA);
    if schema < 0 {
        let exponent = i64::from(index) << -schema;
        return if exponent == 1024 { f64::MAX } else { times_power_of_two(1.0, exponent) };
    }
    let buckets = 1i32 << schema;
    let fraction = FRACTIONS[schema as usize][(index & (buckets - 1)) as usize];
    let exponent = i64::from(index >> schema) + 1;
    if fraction == 0.5 && exponent == 1025 { f64::MAX } else { times_power_of_two(fraction, exponent) }
}

/// `fraction · 2^exponent`, rounded once, also where the result is subnormal.
fn times_power_of_two(fraction: f64, exponent: i64) -> f64 {
    let exponent = exponent.clamp(-1200, 1200) as i32;
    // One step could leave the range of exponents although the product does not; the first is exact.
    let first = exponent.clamp(-1000, 1000);
    fraction * 2f64.powi(first) * 2f64.powi(exponent - first)
}

/// Bounds between 0.5 and 1 for each schema from 0.
///
/// Computed exactly as the field's instruments compute theirs, rounding errors included, so that bounds
/// compare and print equal: every other bound is taken from the schema below, the rest are products.
pub(super) static FRACTIONS: [[f64; 256]; 9] = fractions();

const fn fractions() -> [[f64; 256]; 9] {
    const FACTORS: [f64; 9] = [
        2.0,
        // One unit in the last place below the square root of two.
        f64::from_bits(0x3ff6_a09e_667f_3bcc),
        1.189_207_115_002_721,
        1.090_507_732_665_257_7,
        1.044_273_782_427_413_8,
        1.021_897_148_654_116_6,
        1.010_889_286_051_700_5,
        1.005_429_901_112_802_7,
        1.002_711_275_050_202_5,
    ];
    // Behind a schema's last bound no value is above.
    let mut table = [[f64::INFINITY; 256]; 9];
    table[0][0] = 0.5;
    let mut schema = 1;
    while schema < table.len() {
        let mut i = 0;
        while i < 1 << schema {
            table[schema][i] = match i % 2 {
                0 => table[schema - 1][i / 2],
                _ => table[schema][i - 1] * FACTORS[schema],
            };
            i += 1;
        }
        schema += 1;
    }
    table
}

impl FloatHistogram {
    pub(super) fn positive_bucket(&self, index: i32, count: f64) -> Bucket {
        let lower = upper_bound(index.saturating_sub(1), self.schema, &self.custom_values);
        let upper = upper_bound(index, self.schema, &self.custom_values);
        let (lower_inclusive, upper_inclusive) = match self.has_custom_buckets() {
            true => (index == 0, true),
            false => (lower < 0.0, upper > 0.0),
        };
        Bucket { lower, upper, lower_inclusive, upper_inclusive, count, index }
    }

    pub(super) fn negative_bucket(&self, index: i32, count: f64) -> Bucket {
        let lower = -upper_bound(index, self.schema, &[]);
        let upper = -upper_bound(index.saturating_sub(1), self.schema, &[]);
        Bucket { lower, upper, lower_inclusive: lower < 0.0, upper_inclusive: upper > 0.0, count, index }
    }

    /// The zero bucket.
    pub fn zero_bucket(&self) -> Bucket {
        Bucket {
            lower: -self.zero_threshold,
            upper: self.zero_threshold,
            lower_inclusive: true,
            upper_inclusive: true,
            count: self.zero_count,
            index: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_of_two_are_bounds_of_every_schema() {
        for schema in MIN_EXPONENTIAL_SCHEMA..=MAX_EXPONENTIAL_SCHEMA {
            assert_eq!(exponential_bound(0, schema), 1.0);
            let index = if schema < 0 { 1 } else { 4 << schema };
            assert_eq!(
                exponential_bound(index, schema),
                2f64.powi(if schema < 0 { 1 << -schema } else { 4 })
            );
        }
    }

    #[test]
    fn the_last_bounds_are_the_largest_float_and_infinity() {
        for schema in 0..=MAX_EXPONENTIAL_SCHEMA {
            assert_eq!(exponential_bound(1024 << schema, schema), f64::MAX);
            assert_eq!(exponential_bound((1024 << schema) + 1, schema), f64::INFINITY);
        }
        assert_eq!(exponential_bound(64, -4), f64::MAX);
        assert_eq!(exponential_bound(65, -4), f64::INFINITY);
        assert_eq!(exponential_bound(-1074, 0), f64::from_bits(1));
        assert_eq!(exponential_bound(1, 1), f64::from_bits(0x3ff6_a09e_667f_3bcc));
    }
}
