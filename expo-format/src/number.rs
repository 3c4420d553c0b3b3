//! Floats and timestamps as text, in the forms that the field's formats share.

use crate::digits::{Digits, ShortText};
use crate::scan;

/// The NaN that stands for "not a number" in a store; the staleness marker is another one.
const NORMAL_NAN: f64 = f64::from_bits(0x7ff8_0000_0000_0001);

/// Up to here every whole float is that whole number.
const LAST_EXACT: f64 = (1u64 << 53) as f64;

/// Powers of ten that a float holds exactly.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    1e19, 1e20, 1e21, 1e22,
];

/// Reads a float as the field's parsers do: decimal with optional exponent, `Inf`, `Infinity` and `NaN` in any
/// case, correctly rounded. A number too large for a float is refused, as is a signed `NaN`.
#[inline]
pub(crate) fn parse_float(text: &[u8]) -> Option<f64> {
    let (negative, digits) = match text.first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let (mut mantissa, mut point, mut used) = (0u64, None, 0usize);
    let mut at = 0;
    while let Some(&b) = digits.get(at) {
        let digit = b.wrapping_sub(b'0');
        if digit < 10 {
            mantissa = mantissa.wrapping_mul(10).wrapping_add(u64::from(digit));
            used += 1;
        } else if b == b'.' && point.is_none() {
            point = Some(used);
        } else {
            break;
        }
        at += 1;
    }
    let fraction = point.map_or(0, |p| used - p) as i32;
    let exponent = if at == digits.len() { Some(0) } else { small_exponent(&digits[at..]) };
    // Mantissa and power of ten are both exact here, so one operation rounds once (Clinger's fast path).
    if let Some(exponent) = exponent
        && used > 0
        && used <= 19
        && mantissa <= 1 << 53
    {
        let power = exponent - fraction;
        let magnitude = match POWERS.get(power.unsigned_abs() as usize) {
            Some(p) if power < 0 => mantissa as f64 / p,
            Some(p) => mantissa as f64 * p,
            None => return parse_slowly(text),
        };
        return Some(if negative { -magnitude } else { magnitude });
    }
    parse_slowly(text)
}

/// Reads a number in the forms that nearly all values have (`17`, `-0.25`, `4.4e+10`) that ends its line, and
/// returns the line's end. `None` says nothing about the number: it has to be read with care.
#[inline(always)]
pub(crate) fn parse_usual_line(bytes: &[u8], start: usize) -> Option<(f64, usize)> {
    parse_short_line(bytes, start).or_else(|| parse_longer_line(bytes, start))
}

/// A whole number of up to eight digits: one word, without a loop whose end a processor would have to guess.
#[inline(always)]
fn parse_short_line(bytes: &[u8], start: usize) -> Option<(f64, usize)> {
    // Digits are put together to pairs, and pairs in two halves by factors that leave the number in the upper half.
    const EVERY_OTHER_PAIR: u64 = 0x0000_00ff_0000_00ff;
    const EVEN_FACTORS: u64 = 100 + (1_000_000 << 32);
    const ODD_FACTORS: u64 = 1 + (10_000 << 32);
    let digits = scan::word(bytes, start)? ^ scan::splat(b'0');
    let others = (((digits & !scan::HIGH) + scan::splat(0x80 - 10)) | digits) & scan::HIGH;
    let count = scan::first_marked(others);
    let end = match bytes.get(start + count..)? {
        [b'\n', ..] => start + count,
        // OpenMetrics' form of a whole number.
        [b'.', b'0', b'\n', ..] => start + count + 2,
        _ => return None,
    };
    if count == 0 {
        return None;
    }
    // Zeros move in as the first digits.
    let digits = digits.checked_shl(64 - 8 * count as u32)?;
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8);
    let even = (pairs & EVERY_OTHER_PAIR).wrapping_mul(EVEN_FACTORS);
    let odd = ((pairs >> 16) & EVERY_OTHER_PAIR).wrapping_mul(ODD_FACTORS);
    Some((f64::from((even.wrapping_add(odd) >> 32) as u32), end))
}

/// Any usual number.
#[inline(never)]
fn parse_longer_line(bytes: &[u8], start: usize) -> Option<(f64, usize)> {
    /// So many digits fit into the mantissa for certain.
    const MAX_DIGITS: usize = 18;
    let mut mantissa = 0u64;
    let is_negative = match bytes.get(start)? {
        b'-' => true,
        b'N' if bytes.get(start..start + 4)? == b"NaN\n" => return Some((NORMAL_NAN, start + 3)),
        b'+' if bytes.get(start..start + 5)? == b"+Inf\n" => return Some((f64::INFINITY, start + 4)),
        _ => false,
    };
    let start = start + usize::from(is_negative);
    let mut at = start;
    let mut digit = bytes.get(at)?.wrapping_sub(b'0');
    while digit < 10 {
        mantissa = mantissa.wrapping_mul(10).wrapping_add(u64::from(digit));
        at += 1;
        digit = bytes.get(at)?.wrapping_sub(b'0');
    }
    let mut power = 0;
    let mut digits = at - start;
    if digit == b'.'.wrapping_sub(b'0') {
        let point = at;
        at += 1;
        digit = bytes.get(at)?.wrapping_sub(b'0');
        while digit < 10 {
            mantissa = mantissa.wrapping_mul(10).wrapping_add(u64::from(digit));
            at += 1;
            digit = bytes.get(at)?.wrapping_sub(b'0');
        }
        let fraction = at - point - 1;
        digits += fraction;
        power = -i32::try_from(fraction).ok()?;
    }
    if digit == b'e'.wrapping_sub(b'0') {
        let exponent;
        (exponent, at) = usual_exponent(bytes, at + 1)?;
        power += exponent;
        digit = bytes.get(at)?.wrapping_sub(b'0');
    }
    let is_exact = mantissa <= 1 << 53 && (1..=MAX_DIGITS).contains(&digits);
    if digit != b'\n'.wrapping_sub(b'0') || !is_exact {
        return None;
    }
    // Both operands are exact, so that the result is rounded once.
    let magnitude = match power {
        0 => mantissa as f64,
        1.. => mantissa as f64 * POWERS.get(power as usize)?,
        _ => mantissa as f64 / POWERS.get(power.unsigned_abs() as usize)?,
    };
    Some((if is_negative { -magnitude } else { magnitude }, at))
}

/// The two digits behind a sign that the field's writers put there, and the place behind.
#[inline]
fn usual_exponent(bytes: &[u8], at: usize) -> Option<(i32, usize)> {
    let [sign, tens, ones] = *bytes.get(at..)?.first_chunk()?;
    let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
    if tens > 9 || ones > 9 {
        return None;
    }
    let value = i32::from(tens) * 10 + i32::from(ones);
    match sign {
        b'+' => Some((value, at + 3)),
        b'-' => Some((-value, at + 3)),
        _ => None,
    }
}

/// An exponent such as `e+06` of at most three digits.
fn small_exponent(text: &[u8]) -> Option<i32> {
    let (b'e' | b'E', rest) = text.split_first()? else { return None };
    let (negative, digits) = match rest.first()? {
        b'-' => (true, &rest[1..]),
        b'+' => (false, &rest[1..]),
        _ => (false, rest),
    };
    if digits.is_empty() || digits.len() > 3 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let value = digits.iter().fold(0, |n, d| n * 10 + i32::from(d - b'0'));
    Some(if negative { -value } else { value })
}

#[cold]
fn parse_slowly(text: &[u8]) -> Option<f64> {
    match text {
        b"NaN" => return Some(NORMAL_NAN),
        b"+Inf" => return Some(f64::INFINITY),
        _ => {}
    }
    let value: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    if value.is_nan() {
        return text[0].is_ascii_alphabetic().then_some(NORMAL_NAN);
    }
    if value.is_infinite() && text.iter().any(u8::is_ascii_digit) {
        return None;
    }
    Some(value)
}

/// Reads a whole number of decimal digits without sign.
pub(crate) fn parse_digits(text: &[u8]) -> Option<i64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0i64, |n, b| {
        let digit = b.is_ascii_digit().then(|| i64::from(b - b'0'))?;
        n.checked_mul(10)?.checked_add(digit)
    })
}

/// Seconds, as OpenMetrics writes timestamps, to milliseconds cut towards zero.
pub(crate) fn parse_seconds(text: &[u8]) -> Option<i64> {
    let seconds = parse_float(text).filter(|s| s.is_finite())?;
    Some((seconds * 1000.0) as i64)
}

/// Appends a float in the shortest form that reads back the same: `1`, `0.5`, `1e+06`, `1e-05`, `+Inf`, `NaN`.
///
/// An exponent is written below 1e-4 and from 1e6, with a sign and at least two digits; negative zero is `0`.
#[inline]
pub(crate) fn write_float(out: &mut Vec<u8>, value: f64) {
    match short_float(value) {
        Some(text) => text.append_to(out),
        None => write_other(out, value),
    }
}

/// As [`write_float`] writes it, if that is a whole number of not too many digits.
#[inline]
pub(crate) fn short_float(value: f64) -> Option<ShortText> {
    match whole(value)? {
        0 => Some(ShortText::ZERO),
        number if number < FIRST_EXPONENT => Some(Digits::of(number).plain()),
        number => Digits::of(number).with_exponent(),
    }
}

/// From here on whole numbers are written with an exponent.
const FIRST_EXPONENT: u64 = 1_000_000;
/// Whole numbers below this have so few digits that a float has all of them.
const EXACT: i64 = 1_000_000_000_000_000;

/// A whole number, not negative, that a float has all digits of.
#[inline]
fn whole(value: f64) -> Option<u64> {
    // The cast saturates, and makes zero of what is not a number. Negative zero is equal to zero.
    let number = value as i64;
    (number as f64 == value && (0..EXACT).contains(&number)).then_some(number as u64)
}

/// Appends a float that is negative, not whole, or too large for all of its digits.
#[inline(never)]
fn write_other(out: &mut Vec<u8>, value: f64) {
    if let Some(text) = short_float(-value) {
        out.push(b'-');
        text.append_to(out);
    } else if value.is_finite() {
        write_shortest(out, value);
    } else {
        let word: &[u8] = if value.is_nan() {
            b"NaN"
        } else if value > 0.0 {
            b"+Inf"
        } else {
            b"-Inf"
        };
        out.extend_from_slice(word);
    }
}

/// Appends a float without exponent, however long: `0.0000001`, `10`, `+Inf`.
#[cfg(feature = "otlp")]
pub(crate) fn write_shortest_plain(out: &mut Vec<u8>, value: f64) {
    if value.is_finite() {
        out.extend_from_slice(value.to_string().as_bytes());
    } else {
        write_float(out, value);
    }
}

/// Places the shortest digits of a finite value with or without exponent.
fn write_shortest(out: &mut Vec<u8>, value: f64) {
    let mut buffer = ryu::Buffer::new();
    let text = buffer.format_finite(value.abs()).as_bytes();
    if value.is_sign_negative() {
        out.push(b'-');
    }
    // The library's form is digits with a point somewhere, then perhaps an exponent: take it apart.
    let (number, exponent) = match text.iter().position(|b| *b == b'e') {
        Some(at) => (&text[..at], signed(&text[at + 1..])),
        None => (text, 0),
    };
    let point = number.iter().position(|b| *b == b'.').unwrap_or(number.len());
    let (mut digits, mut count) = ([b'0'; 32], 0);
    for b in number.iter().filter(|b| **b != b'.') {
        digits[count] = *b;
        count += 1;
    }
    let digits = &digits[..count];
    let zeros = digits.iter().take_while(|b| **b == b'0').count();
    let end = digits.iter().rposition(|b| *b != b'0').map_or(zeros, |at| at + 1);
    let significant = &digits[zeros.min(end)..end];
    // The value is 0.DIGITS times ten to the power of `scale`.
    let scale = point as i32 + exponent - zeros as i32;
    if (-3..=6).contains(&scale) {
        place_point(out, significant, scale);
    } else {
        place_exponent(out, significant, scale - 1);
    }
}

fn place_point(out: &mut Vec<u8>, digits: &[u8], scale: i32) {
    if scale <= 0 {
        out.extend_from_slice(b"0.");
        out.extend(std::iter::repeat_n(b'0', scale.unsigned_abs() as usize));
        out.extend_from_slice(digits);
        return;
    }
    let whole = scale as usize;
    match digits.split_at_checked(whole) {
        Some((before, after)) => {
            out.extend_from_slice(before);
            if !after.is_empty() {
                out.push(b'.');
                out.extend_from_slice(after);
            }
        }
        None => {
            out.extend_from_slice(digits);
            out.extend(std::iter::repeat_n(b'0', whole - digits.len()));
        }
    }
}

fn place_exponent(out: &mut Vec<u8>, digits: &[u8], exponent: i32) {
    let Some((first, rest)) = digits.split_first() else { return };
    out.push(*first);
    if !rest.is_empty() {
        out.push(b'.');
        out.extend_from_slice(rest);
    }
    out.extend_from_slice(if exponent < 0 { b"e-" } else { b"e+" });
    let exponent = exponent.unsigned_abs();
    if exponent < 100 {
        // The smallest form has two digits.
        out.extend_from_slice(&[b'0' + (exponent / 10) as u8, b'0' + (exponent % 10) as u8]);
    } else {
        write_unsigned(out, u64::from(exponent));
    }
}

/// A short exponent with an optional minus sign.
fn signed(text: &[u8]) -> i32 {
    let (negative, digits) = text.strip_prefix(b"-").map_or((false, text), |d| (true, d));
    let value = digits.iter().fold(0, |n, d| n * 10 + i32::from(d - b'0'));
    if negative { -value } else { value }
}

/// Appends a float as OpenMetrics prefers them: as [`write_float`], with `.0` after a whole number.
#[inline]
pub(crate) fn write_float_with_point(out: &mut Vec<u8>, value: f64) {
    match short_float_with_point(value) {
        Some(text) => text.append_to(out),
        None => {
            write_other(out, value);
            if whole(-value).is_some_and(|number| number < FIRST_EXPONENT) {
                out.extend_from_slice(b".0");
            }
        }
    }
}

/// As [`write_float_with_point`] writes it, if that is a whole number of not too many digits.
#[inline]
pub(crate) fn short_float_with_point(value: f64) -> Option<ShortText> {
    let text = short_float(value)?;
    if value < FIRST_EXPONENT as f64 { text.then(u32::from_le_bytes(*b".0\0\0"), 2) } else { Some(text) }
}

/// Appends a count: a whole number with all its digits, anything else as [`write_float_with_point`].
#[inline]
pub(crate) fn write_count(out: &mut Vec<u8>, value: f64) {
    match short_count(value) {
        Some(text) => text.append_to(out),
        _ if value.fract() == 0.0 && (0.0..=LAST_EXACT).contains(&value) => write_unsigned(out, value as u64),
        None => write_float_with_point(out, value),
    }
}

/// As [`write_count`] writes it, if that is a whole number of not too many digits.
#[inline]
pub(crate) fn short_count(value: f64) -> Option<ShortText> {
    let number = whole(value)?;
    Some(if number == 0 { ShortText::ZERO } else { Digits::of(number).plain() })
}

/// Appends a whole number.
pub(crate) fn write_integer(out: &mut Vec<u8>, value: i64) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Appends an unsigned whole number.
pub(crate) fn write_unsigned(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(value: f64) -> String {
        let mut out = Vec::new();
        write_float(&mut out, value);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn floats_look_as_in_the_field() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "0"),
            (1.0, "1"),
            (-1.0, "-1"),
            (0.5, "0.5"),
            (999_999.0, "999999"),
            (1e6, "1e+06"),
            (123_456_789.0, "1.23456789e+08"),
            (123_456.789, "123456.789"),
            (0.0001, "0.0001"),
            (0.000_012, "1.2e-05"),
            (-12.345_678_901_234_567, "-12.345678901234567"),
            (1.797_693_134_862_315_7e308, "1.7976931348623157e+308"),
            (5e-324, "5e-324"),
            (1.2345e100, "1.2345e+100"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(written(value), text);
        }
        let mut out = Vec::new();
        for value in [1.0, 0.25, 1e9, f64::INFINITY, -17.0] {
            write_float_with_point(&mut out, value);
            out.push(b' ');
        }
        assert_eq!(out, b"1.0 0.25 1e+09 +Inf -17.0 ");
    }

    #[test]
    fn reads_what_the_field_reads() {
        for (text, value) in [
            ("1", 1.0),
            ("+1.5e3", 1500.0),
            (".5", 0.5),
            ("5.", 5.0),
            ("-0", -0.0),
            ("1e-5", 1e-5),
            ("123456789012345678901234567890", 123_456_789_012_345_678_901_234_567_890.0),
            ("+Inf", f64::INFINITY),
            ("-infinity", f64::NEG_INFINITY),
            ("inf", f64::INFINITY),
        ] {
            assert_eq!(parse_float(text.as_bytes()), Some(value), "{text}");
        }
        assert_eq!(parse_float(b"nAN").map(f64::to_bits), Some(NORMAL_NAN.to_bits()));
        for text in ["", ".", "-", "1e", "1e999", "+NaN", "0x1p4", "1_000", "1.2.3", "e5", "1 ", "--1", "in"]
        {
            assert_eq!(parse_float(text.as_bytes()), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn floats_survive_the_round_trip(bits: u64) {
            let value = f64::from_bits(bits);
            let back = parse_float(written(value).as_bytes()).unwrap();
            prop_assert!(back == value || (back.is_nan() && value.is_nan()));
        }

        #[test]
        fn lines_are_read_as_their_numbers(text in "-?[0-9]{0,20}(\\.[0-9]{0,20})?(e[+-][0-9]{1,3})?x?") {
            let line = format!("{text}\n");
            if let Some((value, end)) = parse_usual_line(line.as_bytes(), 0) {
                prop_assert_eq!(end, text.len());
                prop_assert_eq!(Some(value.to_bits()), text.parse().ok().map(f64::to_bits));
            }
        }

        #[test]
        fn reading_rounds_correctly(text in "[+-]?[0-9]{1,22}(\\.[0-9]{0,20})?(e[+-]?[0-9]{1,2})?") {
            prop_assert_eq!(parse_float(text.as_bytes()), text.parse().ok());
        }
    }
}
