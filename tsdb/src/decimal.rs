//! Floats as decimal integers: what most values of monitoring are in disguise.

/// Powers of ten that floats hold exactly.
const TENS: [f64; 15] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14];

/// How many exponents there are.
pub(crate) const EXPONENTS: u8 = TENS.len() as u8;

/// Integers are below this. There, at most one divided by a power of ten gives a float, and rounding finds it.
const LIMIT: f64 = (1u64 << 50) as f64;

/// Floats hold integers up to here exactly.
const LARGE_LIMIT: f64 = (1u64 << 53) as f64;

/// The power of ten of an exponent, if there is one.
pub(crate) fn power(exponent: u8) -> Option<f64> {
    TENS.get(usize::from(exponent)).copied()
}

/// The integer that gives this very float, to the bit, when it is divided by that power of ten.
#[inline]
pub(crate) fn integer(value: f64, exponent: u8) -> Option<i64> {
    integer_below(LIMIT, value, exponent)
}

/// As [`integer`], also between 2^50 and 2^53, where it need not be the only one.
#[inline]
pub(crate) fn large_integer(value: f64, exponent: u8) -> Option<i64> {
    integer_below(LARGE_LIMIT, value, exponent)
}

#[inline(always)]
fn integer_below(limit: f64, value: f64, exponent: u8) -> Option<i64> {
    if (value * TENS[usize::from(exponent)]).abs() >= limit {
        return None;
    }
    let n = nearest(value, exponent);
    // By bits: a negative zero does not come back.
    (float(n, exponent).to_bits() == value.to_bits()).then_some(n)
}

/// The integer of a float that is known to have one with that exponent: as [`integer`], without looking whether it does.
#[inline]
pub(crate) fn nearest(value: f64, exponent: u8) -> i64 {
    let scaled = value * TENS[usize::from(exponent)];
    (scaled + 0.5f64.copysign(scaled)) as i64
}

/// The float of an integer and an exponent.
#[inline]
pub(crate) fn float(n: i64, exponent: u8) -> f64 {
    // Most exponents are zero, and a division takes longer than the question.
    if exponent == 0 { n as f64 } else { n as f64 / TENS[usize::from(exponent)] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn decimals_are_found(n in -(1i64 << 50) + 1..1i64 << 50, exponent in 0..EXPONENTS) {
            let value = float(n, exponent);
            // Minus nothing is no decimal, and the integer is the only one.
            prop_assert_eq!(integer(value, exponent), Some(n));
        }

        #[test]
        fn whatever_is_found_comes_back(value: f64, exponent in 0..EXPONENTS) {
            for n in [integer(value, exponent), large_integer(value, exponent)].into_iter().flatten() {
                prop_assert_eq!(float(n, exponent).to_bits(), value.to_bits());
            }
        }
    }

    #[test]
    fn what_is_no_number_is_no_integer() {
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, 1e300, f64::MIN_POSITIVE] {
            assert!((0..EXPONENTS).all(|e| integer(value, e).is_none()), "{value}");
        }
    }
}
