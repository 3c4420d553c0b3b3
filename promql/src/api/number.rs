//! Numbers of answers, digit by digit as the original prints them.

use std::fmt::Write;

use metrics_core::Timestamp;
use metrics_core::number::format_decimal;

/// Seconds: an integer, or exactly three decimals.
pub(super) fn push_timestamp(out: &mut String, at: Timestamp) {
    if at < 0 {
        out.push('-');
    }
    let (seconds, millis) = (at.unsigned_abs() / 1000, at.unsigned_abs() % 1000);
    out.push_str(itoa::Buffer::new().format(seconds));
    if millis > 0 {
        let _ = write!(out, ".{millis:03}");
    }
}

/// A float between quotes, with an exponent below 1e-6 and from 1e21.
pub(super) fn push_float(out: &mut String, value: f64) {
    out.push('"');
    if value == value.trunc() && value.abs() < 9e15 {
        if value == 0.0 && value.is_sign_negative() {
            out.push('-');
        }
        out.push_str(itoa::Buffer::new().format(value as i64));
    } else if value.is_finite() {
        push_finite(out, value);
    } else {
        out.push_str(&format_decimal(value));
    }
    out.push('"');
}

fn push_finite(out: &mut String, value: f64) {
    let mut buffer = zmij::Buffer::new();
    let text = buffer.format_finite(value);
    match text.split_once('e') {
        None => out.push_str(text.strip_suffix(".0").unwrap_or(text)),
        Some(_) if (1e-6..1e21).contains(&value.abs()) => out.push_str(&format_decimal(value)),
        Some((mantissa, exponent)) => {
            let (sign, digits) = match exponent.strip_prefix('-') {
                Some(digits) => ('-', digits),
                None => ('+', exponent.trim_start_matches('+')),
            };
            let _ = write!(out, "{mantissa}e{sign}{digits:0>2}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn float(value: f64) -> String {
        let mut out = String::new();
        push_float(&mut out, value);
        out.trim_matches('"').to_owned()
    }

    #[test]
    fn floats_as_the_original_prints_them() {
        for (value, text) in [
            (1e-7, "1e-07"),
            (1e-6, "0.000001"),
            (1e21, "1e+21"),
            (1e20, "100000000000000000000"),
            (1.5e300, "1.5e+300"),
            (123_456_789.125, "123456789.125"),
            (1e16, "10000000000000000"),
            (-0.0, "-0"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
            (0.1 + 0.2, "0.30000000000000004"),
            (5e-324, "5e-324"),
            (9.007_199_254_740_993e15, "9007199254740992"),
            // Two are equally close: the even one.
            (-(2f64.powi(-25)), "-2.9802322387695312e-08"),
        ] {
            assert_eq!(float(value), text);
        }
    }

    #[test]
    fn timestamps_have_no_or_three_decimals() {
        for (at, text) in [(0, "0"), (1000, "1"), (-1, "-0.001"), (123_400, "123.400"), (10, "0.010")] {
            let mut out = String::new();
            push_timestamp(&mut out, at);
            assert_eq!(out, text);
        }
    }

    proptest::proptest! {
        #[test]
        fn floats_read_back_the_same(bits: u64) {
            let value = f64::from_bits(bits);
            let back: f64 = float(value).parse().unwrap();
            proptest::prop_assert!(back.to_bits() == value.to_bits() || value.is_nan() && back.is_nan());
        }
    }
}
