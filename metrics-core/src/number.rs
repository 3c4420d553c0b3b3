//! Floats as text, the two ways in which the field's programs print them.

/// The shortest decimal text that reads back as the same float, never with an exponent: `0.00000012`,
/// `1000000`, `NaN`, `+Inf`.
///
/// ```
/// use metrics_core::number::format_decimal;
/// assert_eq!(format_decimal(1e6), "1000000");
/// assert_eq!(format_decimal(f64::NEG_INFINITY), "-Inf");
/// ```
pub fn format_decimal(value: f64) -> String {
    special(value).map_or_else(|| plain(&shortest(value)), str::to_owned)
}

/// The shortest text that reads back as the same float, always with an exponent: `1e+00`, `2.5e-07`, `NaN`.
///
/// ```
/// use metrics_core::number::format_scientific;
/// assert_eq!(format_scientific(0.00000025), "2.5e-07");
/// ```
pub fn format_scientific(value: f64) -> String {
    special(value).map_or_else(|| with_exponent(&shortest(value)), str::to_owned)
}

/// The shortest text that reads back as the same float, with an exponent below 1e-4 and from 1e+6:
/// `123400`, `2.349209324e+06`, `0.01`, `1e-05`.
///
/// ```
/// use metrics_core::number::format_general;
/// assert_eq!(format_general(2349209.324), "2.349209324e+06");
/// assert_eq!(format_general(123400.0), "123400");
/// assert_eq!(format_general(0.00001), "1e-05");
/// ```
pub fn format_general(value: f64) -> String {
    match special(value) {
        Some(text) => text.to_owned(),
        None => with_exponent_rule(&shortest(value), 6),
    }
}

/// As [`format_general`], rounded to a number of significant digits, and with an exponent from as many
/// digits on: `0.33`, `12`, `1.2e+03`.
///
/// ```
/// use metrics_core::number::format_significant;
/// assert_eq!(format_significant(1234.0, 2), "1.2e+03");
/// assert_eq!(format_significant(0.5, 2), "0.5");
/// ```
pub fn format_significant(value: f64, digits: usize) -> String {
    match special(value) {
        Some(text) => text.to_owned(),
        None => with_exponent_rule(&format!("{value:.*e}", digits.max(1) - 1), digits.max(1)),
    }
}

fn special(value: f64) -> Option<&'static str> {
    match value {
        v if v.is_nan() => Some("NaN"),
        f64::INFINITY => Some("+Inf"),
        f64::NEG_INFINITY => Some("-Inf"),
        _ => None,
    }
}

/// The shortest digits that read back as the same float, as `d.ddde±x`. Where two are equally close, the even one, as
/// the field's programs print it; Rust rounds up there.
fn shortest(value: f64) -> String {
    let text = format!("{value:e}");
    even_instead(value, &text).unwrap_or(text)
}

/// The even neighbour of digits that were rounded up from the very middle.
fn even_instead(value: f64, text: &str) -> Option<String> {
    // Only of so many bits behind the point the exact decimal is one digit longer than the shortest.
    const BITS: f64 = (1u64 << 26) as f64;
    let (mantissa, exponent) = text.split_once('e')?;
    let (rest, last) = mantissa.split_at(mantissa.len() - 1);
    let odd = last.parse::<u8>().ok().filter(|d| d % 2 == 1)?;
    let digits = mantissa.bytes().filter(u8::is_ascii_digit).count();
    if digits < 16 || (value * BITS).fract() != 0.0 {
        return None;
    }
    let exact = format!("{value:.40e}");
    let below = format!("{rest}{}", odd - 1);
    let behind = exact.strip_prefix(&below)?.split_once('e')?.0.strip_prefix('5')?;
    let even = format!("{below}e{exponent}");
    (behind.bytes().all(|d| d == b'0') && even.parse() == Ok(value)).then_some(even)
}

/// Rewrites `d.ddde±x` plainly if the exponent lies in `-4 .. limit`, else with two exponent digits.
fn with_exponent_rule(scientific: &str, limit: usize) -> String {
    let (sign, digits, exponent) = parts(scientific);
    let digits = digits.trim_end_matches('0');
    match exponent < -4 || exponent >= limit as i32 {
        true => in_scientific(sign, digits, exponent),
        false => in_full(sign, digits, exponent),
    }
}

fn plain(scientific: &str) -> String {
    let (sign, digits, exponent) = parts(scientific);
    in_full(sign, &digits, exponent)
}

fn with_exponent(scientific: &str) -> String {
    let (sign, digits, exponent) = parts(scientific);
    in_scientific(sign, &digits, exponent)
}

/// Sign, digits and exponent of `d.ddde±x`.
fn parts(scientific: &str) -> (&str, String, i32) {
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((scientific, "0"));
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |m| ("-", m));
    (sign, mantissa.replace('.', ""), exponent.parse().unwrap_or(0))
}

fn in_scientific(sign: &str, digits: &str, exponent: i32) -> String {
    let (first, rest) = digits.split_at_checked(1).unwrap_or(("0", ""));
    let point = if rest.is_empty() { "" } else { "." };
    let exponent_sign = if exponent < 0 { '-' } else { '+' };
    format!("{sign}{first}{point}{rest}e{exponent_sign}{:02}", exponent.abs())
}

fn in_full(sign: &str, digits: &str, exponent: i32) -> String {
    if exponent < 0 {
        return format!("{sign}0.{}{digits}", "0".repeat((-exponent - 1) as usize));
    }
    let whole = exponent as usize + 1;
    match digits.split_at_checked(whole) {
        Some((whole, rest)) if !rest.is_empty() => format!("{sign}{whole}.{rest}"),
        _ => format!("{sign}{digits}{}", "0".repeat(whole - digits.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn general_switches_to_exponents_at_the_edges() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (0.125, "0.125"),
            (-32.5, "-32.5"),
            (999_999.0, "999999"),
            (1e6, "1e+06"),
            (0.0001, "0.0001"),
            (0.000_05, "5e-05"),
            (1.5e300, "1.5e+300"),
            (f64::INFINITY, "+Inf"),
        ] {
            assert_eq!(format_general(value), text);
        }
    }

    #[test]
    fn of_two_equally_close_the_even_one() {
        for (value, text) in [
            (2f64.powi(-25), "2.9802322387695312e-08"),
            (-(2f64.powi(-25)), "-2.9802322387695312e-08"),
            // The even neighbour is another float.
            (2f64.powi(-24), "5.960464477539063e-08"),
            (3.0 * 2f64.powi(-25), "8.940696716308594e-08"),
        ] {
            assert_eq!(format_scientific(value), text);
        }
        assert_eq!(format_decimal(2f64.powi(-25)), "0.000000029802322387695312");
    }

    proptest::proptest! {
        #[test]
        fn every_form_reads_back(bits: u64) {
            let value = f64::from_bits(bits);
            for text in [format_decimal(value), format_scientific(value), format_general(value)] {
                let back: f64 = text.parse().unwrap();
                proptest::prop_assert!(back.to_bits() == value.to_bits() || value.is_nan() && back.is_nan());
            }
        }
    }

    #[test]
    fn significant_rounds() {
        for (value, text) in
            [(0.333, "0.33"), (10.0, "10"), (100.0, "1e+02"), (5.0, "5"), (0.000012, "1.2e-05")]
        {
            assert_eq!(format_significant(value, 2), text);
        }
    }
}
