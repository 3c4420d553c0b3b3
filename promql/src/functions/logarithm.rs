//! Logarithms by the formulas of FreeBSD's msun, which the original uses: their last digits are not always those of the
//! standard library.

use std::f64::consts::{LOG2_E, LOG10_E, SQRT_2};

/// The natural logarithm.
pub(super) fn ln(x: f64) -> f64 {
    /// The logarithm of two in two parts, the first with room for a product with an exponent.
    const LN_2_PARTS: [f64; 2] = [6.931_471_803_691_238e-1, 1.908_214_929_270_587_7e-10];
    /// Coefficients of the series in even and in odd powers of the square.
    const ODD: [f64; 4] = [
        6.666_666_666_666_735e-1,
        2.857_142_874_366_239e-1,
        1.818_357_216_161_805e-1,
        1.479_819_860_511_658_6e-1,
    ];
    const EVEN: [f64; 3] = [3.999_999_999_940_942e-1, 2.222_219_843_214_978_4e-1, 1.531_383_769_920_937_3e-1];
    if x.is_nan() || x == f64::INFINITY || x <= 0.0 {
        return x.ln();
    }
    let (mut fraction, mut exponent) = fraction_and_exponent(x);
    if fraction < SQRT_2 / 2.0 {
        fraction *= 2.0;
        exponent -= 1;
    }
    let (f, k) = (fraction - 1.0, f64::from(exponent));
    let s = f / (2.0 + f);
    let s2 = s * s;
    let s4 = s2 * s2;
    let odd = s2 * (ODD[0] + s4 * (ODD[1] + s4 * (ODD[2] + s4 * ODD[3])));
    let even = s4 * (EVEN[0] + s4 * (EVEN[1] + s4 * EVEN[2]));
    let half_square = 0.5 * f * f;
    k * LN_2_PARTS[0] - ((half_square - (s * (half_square + (odd + even)) + k * LN_2_PARTS[1])) - f)
}

/// The logarithm to base two; exact for its powers.
pub(super) fn log2(x: f64) -> f64 {
    if x.is_nan() || x == f64::INFINITY || x <= 0.0 {
        return x.log2();
    }
    let (fraction, exponent) = fraction_and_exponent(x);
    if fraction == 0.5 {
        return f64::from(exponent - 1);
    }
    ln(fraction) * LOG2_E + f64::from(exponent)
}

/// The logarithm to base ten.
pub(super) fn log10(x: f64) -> f64 {
    ln(x) * LOG10_E
}

/// A positive number as a fraction from one half up to one, and a power of two.
fn fraction_and_exponent(x: f64) -> (f64, i32) {
    const BITS: u32 = f64::MANTISSA_DIGITS - 1;
    const HALF: u64 = 0.5f64.to_bits() >> BITS;
    if x < f64::MIN_POSITIVE {
        let (fraction, exponent) = fraction_and_exponent(x * (1u64 << BITS) as f64);
        return (fraction, exponent - BITS as i32);
    }
    let bits = x.to_bits();
    let exponent = (bits >> BITS) as i32 - HALF as i32;
    (f64::from_bits(bits & ((1 << BITS) - 1) | HALF << BITS), exponent)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the original answers.
    const ANSWERS: [(f64, [f64; 3]); 7] = [
        (0.3, [-1.2039728043259361, -1.736965594166206, -0.5228787452803376]),
        (1.5, [0.4054651081081644, 0.5849625007211563, 0.17609125905568124]),
        (2.5, [0.9162907318741551, 1.3219280948873622, 0.3979400086720376]),
        (1000.0, [6.907755278982137, 9.965784284662087, 3.0]),
        (123456.789, [11.723646487185881, 16.913646648198387, 5.091514977169271]),
        (7.0, [1.9459101490553132, 2.807354922057604, 0.8450980400142568]),
        (0.001, [-6.907755278982137, -9.965784284662087, -3.0]),
    ];

    #[test]
    fn logarithms_to_the_last_digit() {
        for (x, expected) in ANSWERS {
            assert_eq!([ln(x), log2(x), log10(x)], expected, "{x}");
        }
        assert_eq!([log2(f64::from_bits(16)), log2(1024.0), ln(1.0)], [-1070.0, 10.0, 0.0]);
        assert_eq!(
            [ln(0.0), log2(-0.0), log10(f64::INFINITY)],
            [f64::NEG_INFINITY, f64::NEG_INFINITY, f64::INFINITY]
        );
        assert!(ln(-1.0).is_nan() && log2(f64::NAN).is_nan() && log10(-5.0).is_nan());
    }

    proptest::proptest! {
        #[test]
        fn logarithms_are_near_those_of_the_standard_library(bits in 0..f64::INFINITY.to_bits()) {
            let x = f64::from_bits(bits);
            let near = |a: f64, b: f64| a == b || (a - b).abs() <= 1e-14 * b.abs().max(1e-2);
            proptest::prop_assert!(near(ln(x), x.ln()) && near(log2(x), x.log2()) && near(log10(x), x.log10()), "{x}");
        }
    }
}
