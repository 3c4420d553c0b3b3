//! Numbers as the language writes them, in both directions.

/// Reads a number literal: decimal, `0x` hexadecimal, leading-zero octal, `Inf` and `NaN` in any case.
///
/// Integers may group digits with `_`. Errors carry the original's words.
pub(crate) fn parse_number(text: &str) -> Result<f64, String> {
    if let Some(n) = parse_integer(text) {
        return Ok(n as f64);
    }
    let refused = |why| Err(format!("strconv.ParseFloat: parsing {}: {why}", super::quote::quote(text)));
    if text.contains('_') || text.starts_with("0x") || text.starts_with("0X") {
        return refused("invalid syntax");
    }
    match text.parse::<f64>() {
        Ok(v) if v.is_infinite() && !text.to_ascii_lowercase().contains("inf") => {
            refused("value out of range")
        }
        Ok(v) => Ok(v),
        Err(_) => refused("invalid syntax"),
    }
}

/// An integer of 64 bits whose prefix tells its base, with `_` between digits or behind a prefix.
fn parse_integer(text: &str) -> Option<i64> {
    let lower = text.to_ascii_lowercase();
    let (digits, base, prefixed) = if let Some(hex) = lower.strip_prefix("0x") {
        (hex, 16, true)
    } else if lower.len() > 1 && lower.starts_with('0') {
        (&lower[1..], 8, true)
    } else {
        (lower.as_str(), 10, false)
    };
    // A separator stands between digits only; a prefix counts as one.
    let mut after_digit = prefixed;
    for c in digits.chars() {
        match c {
            '_' if after_digit => after_digit = false,
            '_' => return None,
            _ => after_digit = true,
        }
    }
    if !after_digit || digits.is_empty() {
        return None;
    }
    i64::from_str_radix(&digits.replace('_', ""), base).ok()
}

/// A float without exponent, shortest form that reads back the same: `0.005`, `+Inf`, `-0`.
///
/// The form of scalars in the API and of numbers in printed queries (Go's `'f', -1`).
pub(crate) fn plain(value: f64) -> String {
    if value.is_nan() {
        "NaN".to_owned()
    } else if value == f64::INFINITY {
        "+Inf".to_owned()
    } else if value == f64::NEG_INFINITY {
        "-Inf".to_owned()
    } else {
        value.to_string()
    }
}

/// A float in its shortest form, with an exponent of at least two digits below 1e-4 and from 1e21 (Go's `%v`).
pub(crate) fn shortest(value: f64) -> String {
    let magnitude = value.abs();
    if !value.is_finite() || magnitude == 0.0 || (1e-4..1e21).contains(&magnitude) {
        return plain(value);
    }
    with_exponent(value)
}

/// A finite float in its shortest form with an exponent: `1e-07`, `1.5e+21`.
pub(crate) fn with_exponent(value: f64) -> String {
    let text = format!("{value:e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, digits) = match exponent.strip_prefix('-') {
        Some(digits) => ('-', digits),
        None => ('+', exponent),
    };
    format!("{mantissa}e{sign}{digits:0>2}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_base() {
        for (text, value) in [
            ("1", 1.0),
            ("0xc", 12.0),
            ("010", 8.0),
            ("08", 8.0),
            ("1_000", 1000.0),
            ("0x_1F", 31.0),
            ("5e-3", 0.005),
            ("9223372036854775808", 9_223_372_036_854_775_808.0),
            ("iNf", f64::INFINITY),
            (".5", 0.5),
            ("3.", 3.0),
        ] {
            assert_eq!(parse_number(text), Ok(value), "{text}");
        }
        assert!(parse_number("nan").unwrap().is_nan());
        assert!(parse_number(&"9".repeat(400)).unwrap_err().ends_with("value out of range"));
        for bad in ["1_000.5", "1__0", "0xfffffffffffffffff"] {
            assert!(parse_number(bad).unwrap_err().ends_with("invalid syntax"), "{bad}");
        }
    }

    #[test]
    fn writes_as_the_original() {
        for (value, text) in [
            (0.005, "0.005"),
            (1e-5, "1e-05"),
            (1e21, "1e+21"),
            (1e20, "100000000000000000000"),
            (-0.0, "-0"),
            (f64::INFINITY, "+Inf"),
            (1.5e300, "1.5e+300"),
        ] {
            assert_eq!(shortest(value), text);
        }
        assert_eq!(plain(1e21), "1000000000000000000000");
    }
}
