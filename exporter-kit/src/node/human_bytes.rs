//! Amounts as file systems write them for people: `1.1M`, `28.2k`.

use super::NodeError;

/// How the digits after the point are meant.
#[derive(Debug, Clone, Copy)]
pub(super) enum Fraction {
    /// Tenths, hundredths and so on.
    Decimal,
    /// A count of 1/10.24, which is what the kernel's bcache prints.
    Tenths1024,
}

/// The whole number of bytes; a letter multiplies by a power of 1024.
pub(super) fn parse(file: &'static str, text: &str, fraction: Fraction) -> Result<f64, NodeError> {
    let text = text.trim();
    let malformed = || NodeError::malformed(file, "an amount", text);
    let (digits, power) = match text.char_indices().last() {
        Some((at, letter)) if letter.is_ascii_alphabetic() => {
            let power = "KMGTPEZY".find(letter.to_ascii_uppercase()).ok_or_else(malformed)? + 1;
            (text[..at].trim(), power)
        }
        _ => (text, 0),
    };
    let number = |digits: &str| digits.parse::<f64>().map_err(|_| malformed());
    let value = match (digits.split_once('.'), fraction) {
        (Some((whole, part)), Fraction::Tenths1024) if power > 0 => number(whole)? + number(part)? / 10.24,
        _ => number(digits)?,
    };
    Ok((value * 1024f64.powi(power as i32)).trunc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_powers_of_1024() {
        let decimal = |text| parse("x", text, Fraction::Decimal).unwrap();
        assert_eq!((decimal("100k"), decimal("2.05G"), decimal("697")), (102400.0, 2201170739.0, 697.0));
        assert_eq!(parse("x", "1.1M", Fraction::Tenths1024).unwrap(), 1150976.0);
        assert!(parse("x", "", Fraction::Decimal).is_err());
        assert!(parse("x", "3Q", Fraction::Decimal).is_err());
    }
}
