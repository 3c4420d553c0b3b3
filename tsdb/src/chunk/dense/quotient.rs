//! Integers divided by a power of ten: the very floats that dividing gives, for a third of its time.
//!
//! The reciprocal is taken as a sum of two floats, `high` with so few bits that its product with the integer is exact,
//! and `low` for the rest. For an integer below 2^b, `high` has 53 - b bits, `low` is below 2^(b - 52) of it, and the
//! rounding of the two products to their sum is that of the quotient itself unless the quotient is nearer than 2^(b - 51)
//! units to the middle of two floats. A quotient by 10^e keeps 1 / (2 × 5^e) units away from there: what would be left
//! of `n - middle × 10^e` is a whole number of halves of the last place. So b = 49 - e × log₂5 will do.

/// Powers of ten above this have too many bits for an exact rest of the reciprocal.
const MAX_EXPONENT: u8 = 10;

/// Added to integers below 2^51, it leaves the bits of a float that is so much larger than they are.
const OFFSET: f64 = (3u64 << 51) as f64;

/// Divides integers by a power of ten.
#[derive(Debug, Clone, Copy)]
pub(super) struct Quotient {
    ten: f64,
    high: f64,
    low: f64,
    /// Integers of so many bits are multiplied, not divided; none if 0.
    bits: u32,
}

impl Quotient {
    /// By a power of ten, 10^`exponent`.
    pub(super) fn by(ten: f64, exponent: u8) -> Self {
        let bits = if exponent <= MAX_EXPONENT { 49 - (7 * u32::from(exponent)).div_ceil(3) } else { 0 };
        let high = f64::from_bits((1.0 / ten).to_bits() >> bits << bits);
        // Both steps in the parentheses are exact: ten and high have 53 bits together, and their product is nearly 1.
        let low = (1.0 - high * ten) / ten;
        Self { ten, high, low, bits }
    }

    /// Appends the quotients of some integers.
    pub(super) fn extend(self, integers: &[i64], into: &mut Vec<f64>) {
        if self.are_small(integers) {
            into.extend(integers.iter().map(|n| {
                let n = small_float(*n);
                n * self.high + n * self.low
            }));
        } else {
            into.extend(integers.iter().map(|n| *n as f64 / self.ten));
        }
    }

    /// Whether all have so few bits that they may be multiplied.
    fn are_small(self, integers: &[i64]) -> bool {
        let limit = 1i64 << self.bits;
        let any = integers.iter().fold(0, |any, n| any | n.wrapping_add(limit));
        // A negative sum, or one of the limit's double, shows in the upper bits.
        self.bits > 0 && (any as u64) >> (self.bits + 1) == 0
    }
}

/// An integer below 2^51 as a float: as `as`, in a way that several are done at once.
#[inline(always)]
fn small_float(n: i64) -> f64 {
    f64::from_bits(n.wrapping_add(OFFSET.to_bits() as i64) as u64) - OFFSET
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decimal::{EXPONENTS, power};
    use proptest::prelude::*;

    fn check(n: i64, exponent: u8) {
        let ten = power(exponent).unwrap();
        let mut found = Vec::new();
        Quotient::by(ten, exponent).extend(&[n], &mut found);
        assert_eq!(found[0].to_bits(), (n as f64 / ten).to_bits(), "{n} / 10^{exponent}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]
        #[test]
        fn quotients_are_those_of_a_division(n: i64, shift in 0u32..64, exponent in 1..EXPONENTS) {
            check(n >> shift, exponent);
        }
    }

    /// Quotients as near to the middle of two floats as there are.
    #[test]
    fn the_nearest_to_the_middle_are_rounded_as_well() {
        for exponent in 1..=MAX_EXPONENT {
            let five = 5i128.pow(exponent.into());
            let bits = Quotient::by(power(exponent).unwrap(), exponent).bits;
            // n × 2^s = middle × 5^e + or - 1, where the middle is odd and has 54 bits.
            let mut inverse = 1;
            for shift in 0..64 {
                for rest in [inverse, five - inverse] {
                    let first = ((1i128 << 53) * five) >> shift;
                    let n = first - first % five + rest;
                    for n in (0..40).map(|k| n + k * five) {
                        if n > 0 && n >> bits == 0 {
                            check(n as i64, exponent);
                            check(-n as i64, exponent);
                        }
                    }
                }
                // Half of it, in numbers that count up to five.
                inverse = inverse * (five + 1) / 2 % five;
            }
        }
    }

    #[test]
    fn the_ends_of_what_is_multiplied() {
        for exponent in 1..EXPONENTS {
            let bits = Quotient::by(power(exponent).unwrap(), exponent).bits;
            for n in [(1i64 << bits) - 1, 1 << bits, (1 << bits) + 1, 1, 0] {
                check(n, exponent);
                check(-n, exponent);
            }
        }
    }
}
