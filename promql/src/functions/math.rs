//! Functions of one float, and the extremes of two.

use super::{inverse_hyperbolic, logarithm, trigonometric};

/// A function that maps each float of a vector.
pub(crate) type FloatFunction = fn(f64) -> f64;

/// The function of that name.
pub(crate) fn float_function(name: &str) -> Option<FloatFunction> {
    Some(match name {
        "abs" => f64::abs,
        "ceil" => f64::ceil,
        "floor" => f64::floor,
        "exp" => f64::exp,
        "sqrt" => f64::sqrt,
        "ln" => logarithm::ln,
        "log2" => logarithm::log2,
        "log10" => logarithm::log10,
        "sin" => trigonometric::sin,
        "cos" => trigonometric::cos,
        "tan" => trigonometric::tan,
        "asin" => f64::asin,
        "acos" => f64::acos,
        "atan" => f64::atan,
        "sinh" => f64::sinh,
        "cosh" => f64::cosh,
        "tanh" => f64::tanh,
        "asinh" => inverse_hyperbolic::asinh,
        "acosh" => inverse_hyperbolic::acosh,
        "atanh" => inverse_hyperbolic::atanh,
        "rad" => |v| v * std::f64::consts::PI / 180.0,
        "deg" => |v| v * 180.0 / std::f64::consts::PI,
        "sgn" => |v| {
            if v < 0.0 {
                -1.0
            } else if v > 0.0 {
                1.0
            } else {
                v
            }
        },
        _ => return None,
    })
}

/// Rounds to a multiple of `nearest`, halves upwards.
pub(crate) fn round(value: f64, nearest: f64) -> f64 {
    // Multiplying by the inverse causes fewer rounding errors than dividing.
    let inverse = 1.0 / nearest;
    (value * inverse + 0.5).floor() / inverse
}

/// Keeps a value between two bounds.
pub(crate) fn clamp(value: f64, lower: f64, upper: f64) -> f64 {
    larger(lower, smaller(upper, value))
}

/// The larger of two; +Inf beats NaN, which beats all others. Zero is larger than minus zero.
pub(crate) fn larger(a: f64, b: f64) -> f64 {
    if a == f64::INFINITY || b == f64::INFINITY {
        return f64::INFINITY;
    }
    if a.is_nan() || b.is_nan() {
        return f64::NAN;
    }
    if a == 0.0 && b == 0.0 {
        return if a.is_sign_negative() { b } else { a };
    }
    if a > b { a } else { b }
}

/// The smaller of two; -Inf beats NaN, which beats all others. Minus zero is smaller than zero.
pub(crate) fn smaller(a: f64, b: f64) -> f64 {
    -larger(-a, -b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn infinity_beats_nan() {
        assert_eq!(larger(f64::NAN, f64::INFINITY), f64::INFINITY);
        assert_eq!(smaller(f64::NEG_INFINITY, f64::NAN), f64::NEG_INFINITY);
        assert!(larger(f64::NAN, 1.0).is_nan() && smaller(f64::NAN, 1.0).is_nan());
        assert!(larger(-0.0, 0.0).is_sign_positive() && smaller(0.0, -0.0).is_sign_negative());
        assert_eq!(clamp(5.0, 0.0, 3.0), 3.0);
    }

    #[test]
    fn halves_round_up() {
        assert_eq!([round(2.5, 1.0), round(-2.5, 1.0), round(0.17, 0.1)], [3.0, -2.0, 0.2]);
    }
}
