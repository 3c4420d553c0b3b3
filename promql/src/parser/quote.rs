//! Text between quotes, in both directions, with the escapes of Go's strings, which the field's languages share.

use std::fmt::Write;

/// The text between double quotes; what cannot be shown is escaped.
///
/// ```
/// assert_eq!(promql::parser::quote("a\"b\n"), r#""a\"b\n""#);
/// ```
pub fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        push_escaped(&mut out, c, '"');
    }
    out.push('"');
    out
}

/// The first characters of the text between double quotes.
pub(crate) fn quote_prefix(text: &str, chars: usize) -> String {
    let end = text.char_indices().nth(chars).map_or(text.len(), |(at, _)| at);
    quote(&text[..end])
}

/// A character between single quotes, as messages show it; `None` is the end of the input.
pub(crate) fn quote_char(c: Option<char>) -> String {
    let mut out = String::from("'");
    push_escaped(&mut out, c.unwrap_or(char::REPLACEMENT_CHARACTER), '\'');
    out.push('\'');
    out
}

/// As [`quote`], for bytes that need not be text: stray bytes appear as `\xff`.
pub(crate) fn quote_bytes(bytes: &[u8]) -> String {
    let mut out = String::from("\"");
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            push_escaped(&mut out, c, '"');
        }
        for b in chunk.invalid() {
            let _ = write!(out, "\\x{b:02x}");
        }
    }
    out.push('"');
    out
}

fn push_escaped(out: &mut String, c: char, quote: char) {
    match c {
        '\\' => out.push_str("\\\\"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\u{7}' => out.push_str("\\a"),
        '\u{8}' => out.push_str("\\b"),
        '\u{c}' => out.push_str("\\f"),
        '\u{b}' => out.push_str("\\v"),
        c if c == quote => out.extend(['\\', c]),
        ' '..='~' => out.push(c),
        '\0'..='\u{7f}' => {
            let _ = write!(out, "\\x{:02x}", u32::from(c));
        }
        c if is_printable(c) => out.push(c),
        c if u32::from(c) > 0xffff => {
            let _ = write!(out, "\\U{:08x}", u32::from(c));
        }
        c => {
            let _ = write!(out, "\\u{:04x}", u32::from(c));
        }
    }
}

/// Whether a character beyond ASCII has a shape of its own.
fn is_printable(c: char) -> bool {
    // The standard library's debug form escapes those that have none, but also marks that join the character
    // before them, which are shown.
    c.escape_debug().len() == 1 || is_combining(c)
}

/// Whether a character is in a block of combining marks.
fn is_combining(c: char) -> bool {
    c.is_alphanumeric()
        || matches!(
            u32::from(c),
            0x300..=0x36f
                | 0x483..=0x489
                | 0x591..=0x5bd
                | 0x610..=0x61a
                | 0x64b..=0x65f
                | 0x93c
                | 0x94d
                | 0x1ab0..=0x1aff
                | 0x1dc0..=0x1dff
                | 0x20d0..=0x20f0
                | 0x302a..=0x302f
                | 0x3099
                | 0x309a
                | 0xfe00..=0xfe0f
                | 0xfe20..=0xfe2f
                | 0xe0100..=0xe01ef
        )
}

/// Takes the quotes off a string that the lexer accepted. The result need not be valid UTF-8: `\xff` is a byte.
///
/// Returns `None` where the escapes are malformed.
pub(crate) fn unquote(quoted: &str) -> Option<Vec<u8>> {
    let mut chars = quoted.chars();
    let (open, close) = (chars.next()?, chars.next_back()?);
    let inner = chars.as_str();
    if open != close || inner.contains(open) && open == '`' {
        return None;
    }
    match open {
        '`' => return Some(inner.as_bytes().to_vec()),
        '"' | '\'' if !inner.contains('\n') => {}
        _ => return None,
    }
    let mut out = Vec::with_capacity(inner.len());
    let mut rest = inner;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        if c == open {
            return None;
        }
        if c != '\\' {
            out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            continue;
        }
        rest = unescape(rest, open, &mut out)?;
    }
    Some(out)
}

/// As [`unquote`], for text; stray bytes are replaced.
#[cfg(feature = "rules")]
pub(crate) fn unquote_text(quoted: &str) -> Option<String> {
    unquote(quoted).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

/// Decodes the escape sequence behind a backslash and returns what follows it.
fn unescape<'a>(rest: &'a str, quote: char, out: &mut Vec<u8>) -> Option<&'a str> {
    let c = rest.chars().next()?;
    let tail = &rest[c.len_utf8()..];
    let plain = match c {
        'a' => 7,
        'b' => 8,
        'f' => 12,
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        'v' => 11,
        '\\' => b'\\',
        '\'' | '"' if c == quote => c as u8,
        'x' => {
            let digits = tail.get(..2)?;
            out.push(u8::from_str_radix(digits, 16).ok()?);
            return tail.get(2..);
        }
        'u' | 'U' => {
            let n = if c == 'u' { 4 } else { 8 };
            let code = u32::from_str_radix(tail.get(..n)?, 16).ok()?;
            let c = char::from_u32(code)?;
            out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            return tail.get(n..);
        }
        '0'..='7' => {
            let code = u32::from_str_radix(rest.get(..3)?, 8).ok()?;
            out.push(u8::try_from(code).ok()?);
            return rest.get(3..);
        }
        _ => return None,
    };
    out.push(plain);
    Some(tail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_what_cannot_be_shown() {
        assert_eq!(
            quote("a\u{1}\u{7f}\u{ad}é\u{301}☺\u{e000}"),
            "\"a\\x01\\x7f\\u00ad\u{e9}\u{301}☺\\ue000\""
        );
        assert_eq!(quote_bytes(b"a\xffb"), r#""a\xffb""#);
        assert_eq!(quote_char(Some('\'')), r"'\''");
        assert_eq!(quote_prefix("abcdefghijkl", 3), "\"abc\"");
    }

    #[test]
    fn takes_off_what_it_puts_on() {
        for text in ["", "a", "\"", "'", "\\", "\n\r\t\u{7}", "☺\u{ad}", "\u{10ffff}"] {
            assert_eq!(unquote(&quote(text)).unwrap(), text.as_bytes());
        }
        assert_eq!(unquote(r"'\xFF\377\u1234\''").unwrap(), b"\xff\xff\xe1\x88\xb4'");
        assert_eq!(unquote("`\\a`").unwrap(), b"\\a");
        for bad in ["\"", "\"a'", r#""\q""#, r#""\x1""#, r#""\'""#, "\"a\nb\"", r#""\ud800""#, r#""\400""#] {
            assert_eq!(unquote(bad), None, "{bad}");
        }
    }
}
