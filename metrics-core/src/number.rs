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
    special(value).map_or_else(|| value.to_string(), str::to_owned)
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
        None => with_exponent_rule(&format!("{value:e}"), 6),
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

/// Rewrites `d.ddde±x`: plainly if the exponent lies in `-4 .. limit`, else with two exponent digits.
fn with_exponent_rule(scientific: &str, limit: usize) -> String {
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |m| ("-", m));
    let mantissa =
        if mantissa.contains('.') { mantissa.trim_end_matches('0').trim_end_matches('.') } else { mantissa };
    if exponent < -4 || exponent >= limit as i32 {
        return format!("{sign}{mantissa}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs());
    }
    let digits = mantissa.replace('.', "");
    if exponent < 0 {
        return format!("{sign}0.{}{digits}", "0".repeat((-exponent - 1) as usize));
    }
    let whole = exponent as usize + 1;
    if digits.len() <= whole {
        return format!("{sign}{digits}{}", "0".repeat(whole - digits.len()));
    }
    format!("{sign}{}.{}", &digits[..whole], &digits[whole..])
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
    fn significant_rounds() {
        for (value, text) in
            [(0.333, "0.33"), (10.0, "10"), (100.0, "1e+02"), (5.0, "5"), (0.000012, "1.2e-05")]
        {
            assert_eq!(format_significant(value, 2), text);
        }
    }
}
