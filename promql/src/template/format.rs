//! The verbs of `printf`, as Go's `fmt` defines them.

use super::value::TemplateValue as Value;
use crate::parser::quote;
use metrics_core::number::{format_decimal, format_general, format_significant};

/// What stands between `%` and the verb.
#[derive(Debug, Default, Clone, Copy)]
struct Flags {
    minus: bool,
    plus: bool,
    sharp: bool,
    space: bool,
    zero: bool,
    width: Option<usize>,
    precision: Option<usize>,
}

/// Widths and precisions are cut to this, so that a template cannot ask for gigabytes.
const MAX_WIDTH: usize = 10_000;

/// Formats arguments by a format text.
pub(super) fn printf(format: &str, args: &[Value]) -> String {
    let mut out = String::new();
    let mut args_left = args.iter();
    let mut rest = format;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let flags = flags(&mut rest, &mut args_left, &mut out);
        let Some(verb) = rest.chars().next() else {
            out.push_str("%!(NOVERB)");
            break;
        };
        rest = &rest[verb.len_utf8()..];
        if verb == '%' {
            out.push('%');
            continue;
        }
        match args_left.next() {
            Some(arg) => out.push_str(&argument(arg, verb, flags)),
            None => out.push_str(&format!("%!{verb}(MISSING)")),
        }
    }
    out.push_str(rest);
    let extra: Vec<String> = args_left.map(typed).collect();
    if !extra.is_empty() {
        out.push_str(&format!("%!(EXTRA {})", extra.join(", ")));
    }
    out
}

fn flags<'v>(rest: &mut &str, args: &mut impl Iterator<Item = &'v Value>, out: &mut String) -> Flags {
    let mut flags = Flags::default();
    while let Some(c) = rest.chars().next() {
        match c {
            '-' => flags.minus = true,
            '+' => flags.plus = true,
            '#' => flags.sharp = true,
            ' ' => flags.space = true,
            '0' => flags.zero = true,
            _ => break,
        }
        *rest = &rest[1..];
    }
    flags.width = size(rest, args, out, "%!(BADWIDTH)");
    if let Some(after) = rest.strip_prefix('.') {
        *rest = after;
        flags.precision = Some(size(rest, args, out, "%!(BADPREC)").unwrap_or(0));
    }
    flags
}

/// A number, or `*` for the next argument.
fn size<'v>(
    rest: &mut &str,
    args: &mut impl Iterator<Item = &'v Value>,
    out: &mut String,
    bad: &str,
) -> Option<usize> {
    if let Some(after) = rest.strip_prefix('*') {
        *rest = after;
        let size = match args.next() {
            Some(Value::Int(n)) => usize::try_from(*n).ok(),
            _ => None,
        };
        if size.is_none() {
            out.push_str(bad);
        }
        return size.map(|n| n.min(MAX_WIDTH));
    }
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let (number, after) = rest.split_at(digits);
    *rest = after;
    (digits > 0).then(|| number.parse().unwrap_or(MAX_WIDTH).min(MAX_WIDTH))
}

fn typed(value: &Value) -> String {
    match value {
        Value::Nil => "<nil>".to_owned(),
        value => format!("{}={value}", value.type_name()),
    }
}

fn argument(value: &Value, verb: char, flags: Flags) -> String {
    let text = match (verb, value) {
        ('T', value) => value.type_name().to_owned(),
        ('v', Value::Nil) => "<nil>".to_owned(),
        ('v', Value::Float(v)) => return number(float(*v, 'g', flags), *v < 0.0, flags),
        ('v', Value::Int(_) | Value::Uint(_)) => return argument(value, 'd', flags),
        ('v', Value::Text(t)) if flags.sharp => quote(t),
        ('v', value) => value.to_string(),
        ('t', Value::Bool(b)) => b.to_string(),
        ('s', Value::Text(t) | Value::Html(t)) => cut(t, flags.precision),
        ('q', Value::Text(t) | Value::Html(t)) => quote(&cut(t, flags.precision)),
        ('x' | 'X', Value::Text(t) | Value::Html(t)) => {
            let hex: String = t.bytes().map(|b| format!("{b:02x}")).collect();
            if verb == 'X' { hex.to_uppercase() } else { hex }
        }
        (
            's',
            Value::Labels(_) | Value::Map(_) | Value::Time(_) | Value::Duration(_) | Value::Histogram(_),
        ) => value.to_string(),
        ('s', Value::List(_) | Value::Samples(_) | Value::Sample(_)) => value.to_string(),
        ('c', Value::Int(n)) => char::from_u32(*n as u32).unwrap_or(char::REPLACEMENT_CHARACTER).to_string(),
        ('q', Value::Int(n)) => crate::parser::quote_char(char::from_u32(*n as u32)),
        ('U', Value::Int(n)) => format!("U+{n:04X}"),
        ('d' | 'b' | 'o' | 'O' | 'x' | 'X', Value::Int(n)) => {
            return number(digits(n.unsigned_abs(), verb, flags), *n < 0, flags);
        }
        ('d' | 'b' | 'o' | 'O' | 'x' | 'X', Value::Uint(n)) => {
            return number(digits(*n, verb, flags), false, flags);
        }
        ('d', Value::Duration(n) | Value::Time(n)) => {
            return number(digits(n.unsigned_abs(), verb, flags), *n < 0, flags);
        }
        ('e' | 'E' | 'f' | 'F' | 'g' | 'G', Value::Float(v)) => {
            return number(float(*v, verb, flags), v.is_sign_negative() && !v.is_nan(), flags);
        }
        (verb, value) => format!("%!{verb}({})", typed(value)),
    };
    pad(text, flags, ' ')
}

fn cut(text: &str, chars: Option<usize>) -> String {
    text.chars().take(chars.unwrap_or(usize::MAX)).collect()
}

/// A magnitude in a base, with as many digits as the precision asks for.
fn digits(n: u64, verb: char, flags: Flags) -> String {
    let text = match verb {
        'b' => format!("{n:b}"),
        'o' | 'O' => format!("{n:o}"),
        'x' => format!("{n:x}"),
        'X' => format!("{n:X}"),
        _ => n.to_string(),
    };
    let text = format!("{text:0>width$}", width = flags.precision.unwrap_or(0));
    let prefix = match verb {
        'O' => "0o",
        'o' if flags.sharp => "0",
        'x' if flags.sharp => "0x",
        'X' if flags.sharp => "0X",
        'b' if flags.sharp => "0b",
        _ => "",
    };
    format!("{prefix}{text}")
}

/// A float without its sign.
fn float(v: f64, verb: char, flags: Flags) -> String {
    if !v.is_finite() {
        return format_decimal(v).trim_start_matches(['+', '-']).to_owned();
    }
    let v = v.abs();
    let text = match (verb, flags.precision) {
        ('f' | 'F', precision) => format!("{v:.*}", precision.unwrap_or(6)),
        ('e' | 'E', precision) => {
            let text = format!("{v:.*e}", precision.unwrap_or(6));
            let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
            let exponent: i32 = exponent.parse().unwrap_or(0);
            format!("{mantissa}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs())
        }
        (_, Some(precision)) => format_significant(v, precision),
        (_, None) => format_general(v),
    };
    if verb.is_ascii_uppercase() { text.to_uppercase() } else { text }
}

/// Puts sign and padding around a magnitude.
fn number(magnitude: String, negative: bool, flags: Flags) -> String {
    let special = magnitude == "Inf" || magnitude == "NaN";
    let sign = match (negative, flags.plus, flags.space) {
        (true, ..) => "-",
        (_, true, _) => "+",
        (_, _, true) => " ",
        // Without a flag, only positive infinity shows its sign.
        _ if magnitude == "Inf" => "+",
        _ => "",
    };
    if flags.zero && !flags.minus && !special {
        let width = flags.width.unwrap_or(0).saturating_sub(sign.len());
        return format!("{sign}{magnitude:0>width$}");
    }
    pad(format!("{sign}{magnitude}"), flags, ' ')
}

fn pad(text: String, flags: Flags, with: char) -> String {
    let missing = flags.width.unwrap_or(0).saturating_sub(text.chars().count());
    let padding: String = std::iter::repeat_n(with, missing).collect();
    if flags.minus { text + &padding } else { padding + &text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verbs() {
        let f = |format: &str, arg: Value| printf(format, &[arg]);
        assert_eq!(f("%.2f%%", 12.346.into()), "12.35%");
        assert_eq!(f("%0.2f", 3720.01.into()), "3720.01");
        assert_eq!(f("%.4g", 1234567.0.into()), "1.235e+06");
        assert_eq!(f("%d", 1.5.into()), "%!d(float64=1.5)");
        assert_eq!(f("%5.1f|", 1.0.into()), "  1.0|");
        assert_eq!(f("%-5s|", "ab".into()), "ab   |");
        assert_eq!(f("%05d", Value::Int(-42)), "-0042");
        assert_eq!(f("%q", "a\"b".into()), r#""a\"b""#);
        assert_eq!(f("%v", 1e21.into()), "1e+21");
        assert_eq!(f("%f", f64::INFINITY.into()), "+Inf");
        assert_eq!(printf("%s", &[]), "%!s(MISSING)");
        assert_eq!(printf("x", &[Value::Int(1)]), "x%!(EXTRA int=1)");
    }
}
