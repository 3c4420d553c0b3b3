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

/// A float between quotes.
pub(super) fn push_float(out: &mut String, value: f64) {
    out.push('"');
    push_digits(out, value);
    out.push('"');
}

/// The shortest digits that read back as the same float, with an exponent below 1e-6 and from 1e21.
pub(super) fn push_digits(out: &mut String, value: f64) {
    if let Some(thousandths) = whole_thousandths(value) {
        push_thousandths(out, thousandths, value.is_sign_negative());
    } else if (1e-5..1e16).contains(&value.abs()) {
        // Never with an exponent.
        let mut buffer = zmij::Buffer::new();
        let text = buffer.format_finite(value);
        out.push_str(text.strip_suffix(".0").unwrap_or(text));
    } else if !value.is_finite() || (1e-6..1e21).contains(&value.abs()) {
        out.push_str(&format_decimal(value));
    } else {
        push_scientific(out, value);
    }
}

/// A float as a number of thousandths, if it has at most fifteen digits and three of them behind the point. Decimals that
/// short are each a float of its own, so what reads back as the float has no shorter digits, nor others.
fn whole_thousandths(value: f64) -> Option<i64> {
    /// Floats of this size have no room for a fraction: what is added to it is rounded.
    const ROOM: f64 = 6_755_399_441_055_744.0;
    let scaled = value * 1000.0;
    let thousandths = (scaled + ROOM) - ROOM;
    (scaled.abs() < 1e15 && thousandths / 1000.0 == value).then_some(thousandths as i64)
}

fn push_thousandths(out: &mut String, thousandths: i64, is_negative: bool) {
    let (whole, mut rest) = (thousandths / 1000, (thousandths % 1000).unsigned_abs());
    if whole == 0 && is_negative {
        out.push('-');
    }
    out.push_str(itoa::Buffer::new().format(whole));
    if rest > 0 {
        out.push('.');
    }
    let mut unit = 100;
    while rest > 0 {
        out.push(char::from(b'0' + (rest / unit) as u8));
        rest %= unit;
        unit /= 10;
    }
}

fn push_scientific(out: &mut String, value: f64) {
    let mut buffer = zmij::Buffer::new();
    let text = buffer.format_finite(value);
    let Some((mantissa, exponent)) = text.split_once('e') else { return out.push_str(text) };
    let (sign, digits) = match exponent.strip_prefix('-') {
        Some(digits) => ('-', digits),
        None => ('+', exponent.trim_start_matches('+')),
    };
    let _ = write!(out, "{mantissa}e{sign}{digits:0>2}");
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
            (-0.25, "-0.25"),
            (-0.001, "-0.001"),
            (1234.5, "1234.5"),
            (4_294_967.305, "4294967.305"),
            (999_999_999_999.999, "999999999999.999"),
            (1_000_000_000_000.001, "1000000000000.001"),
            (-9_007_199_254_740_991.0, "-9007199254740991"),
            (4_503_599_627_370_495.5, "4503599627370495.5"),
            (0.000_999, "0.000999"),
            (0.000_01, "0.00001"),
            (0.000_009_5, "0.0000095"),
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

    /// What the fast ways take, the slow one prints alike.
    fn as_decimal(value: f64) -> Result<(), proptest::test_runner::TestCaseError> {
        let is_plain = value == 0.0 || (1e-6..1e21).contains(&value.abs());
        proptest::prop_assume!(is_plain);
        proptest::prop_assert_eq!(float(value), format_decimal(value));
        Ok(())
    }

    proptest::proptest! {
        #[test]
        fn short_decimals_as_all_others(digits in -1_100_000_000_000_000i64..1_100_000_000_000_000, places in 0..9) {
            as_decimal(digits as f64 / 10f64.powi(places))?;
        }

        #[test]
        fn neighbours_of_short_decimals_as_all_others(digits in -4_000_000_000i64..4_000_000_000, by in -2i64..3) {
            let near = digits as f64 / 1000.0;
            as_decimal(f64::from_bits((near.to_bits() as i64).wrapping_add(by) as u64))?;
        }

        #[test]
        fn floats_read_back_the_same(bits: u64) {
            let value = f64::from_bits(bits);
            let back: f64 = float(value).parse().unwrap();
            proptest::prop_assert!(back.to_bits() == value.to_bits() || value.is_nan() && back.is_nan());
        }
    }
}
