//! Number literals.

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
}
