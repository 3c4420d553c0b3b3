//! `asinh`, `acosh` and `atanh` by the formulas of FreeBSD's msun, which the original uses. Those of the standard library
//! overflow where twice the argument does.

use std::f64::consts::LN_2;

use super::logarithm::ln;

/// From here on one under a root beside the square is lost.
const LARGE: f64 = (1u64 << 28) as f64;

pub(super) fn asinh(value: f64) -> f64 {
    let x = value.abs();
    let result = if x > LARGE {
        ln(x) + LN_2
    } else if x > 2.0 {
        ln(2.0 * x + 1.0 / ((x * x + 1.0).sqrt() + x))
    } else if x < 1.0 / LARGE {
        x
    } else {
        (x + x * x / (1.0 + (1.0 + x * x).sqrt())).ln_1p()
    };
    result.copysign(value)
}

pub(super) fn acosh(x: f64) -> f64 {
    if x >= LARGE {
        ln(x) + LN_2
    } else if x > 2.0 {
        ln(2.0 * x - 1.0 / (x + (x * x - 1.0).sqrt()))
    } else if x >= 1.0 {
        let t = x - 1.0;
        (t + (2.0 * t + t * t).sqrt()).ln_1p()
    } else {
        f64::NAN
    }
}

pub(super) fn atanh(value: f64) -> f64 {
    let x = value.abs();
    let double = x + x;
    let result = if x < 1.0 / LARGE {
        x
    } else if x < 0.5 {
        0.5 * (double + double * x / (1.0 - x)).ln_1p()
    } else {
        0.5 * (double / (1.0 - x)).ln_1p()
    };
    result.copysign(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the original answers.
    #[test]
    fn inverses_to_the_last_digit() {
        for (x, answer) in [
            (6.0, 2.491779852644912),
            (14.0, 3.3334775868839928),
            (0.7, 0.6526665660823557),
            (1e9, 21.416413017506354),
        ] {
            assert_eq!(asinh(x), answer, "{x}");
        }
        for (x, answer) in [(1.5, 0.9624236501192069), (6.0, 2.477888730288475), (1e9, 21.416413017506354)] {
            assert_eq!(acosh(x), answer, "{x}");
        }
        for (x, answer) in
            [(0.3, 0.30951960420311175), (0.7, 0.8673005276940531), (0.999, 3.8002011672501994)]
        {
            assert_eq!(atanh(x), answer, "{x}");
        }
    }

    #[test]
    fn nothing_overflows() {
        assert_eq!(asinh(-9.3e307), -709.8167851298912);
        assert_eq!(acosh(f64::MAX), 710.4758600739439);
        assert_eq!([asinh(f64::INFINITY), acosh(f64::INFINITY), atanh(1.0)], [f64::INFINITY; 3]);
    }

    #[test]
    fn what_is_not_defined_is_no_number() {
        assert!(
            acosh(0.999).is_nan()
                && atanh(1.001).is_nan()
                && asinh(f64::NAN).is_nan()
                && acosh(f64::NAN).is_nan()
        );
    }

    #[test]
    fn they_invert_at_every_size() {
        for exponent in -300..6 {
            let x = 1.7 * 10f64.powi(exponent);
            let close = |a: f64, b: f64| (a - b).abs() <= 1e-12 * b.abs();
            assert!(close(asinh(-x), -(x.asinh())) || close(asinh(-x).sinh(), -x), "asinh({x})");
            assert!(close(atanh(x.tanh()), x) || x > 1.0, "atanh(tanh {x})");
            assert!(close(acosh(1.0 + x).cosh(), 1.0 + x), "acosh(1 + {x})");
        }
        assert_eq!(atanh(-0.0).to_bits(), (-0.0f64).to_bits());
    }
}
