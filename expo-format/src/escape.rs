//! The escapes of label values and help texts.

use std::borrow::Cow;

/// Undoes the escapes `\\`, `\n` and `\"` of a quoted string; other escapes stay as they are.
pub(crate) fn unescape_quoted(text: &str) -> Cow<'_, str> {
    unescape(text, true)
}

/// Undoes the escapes `\\` and `\n` of a help text; other escapes stay as they are.
pub(crate) fn unescape_help(text: &str) -> Cow<'_, str> {
    unescape(text, false)
}

fn unescape(text: &str, quotes: bool) -> Cow<'_, str> {
    let Some(first) = memchr::memchr(b'\\', text.as_bytes()) else {
        return Cow::Borrowed(text);
    };
    let (before, mut rest) = text.split_at(first);
    let mut out = String::with_capacity(text.len());
    out.push_str(before);
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let plain = match rest.as_bytes().get(1) {
            Some(b'\\') => '\\',
            Some(b'n') => '\n',
            Some(b'"') if quotes => '"',
            _ => {
                out.push('\\');
                rest = &rest[1..];
                continue;
            }
        };
        out.push(plain);
        rest = &rest[2..];
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// Appends the inside of a quoted string.
pub(crate) fn write_quoted(out: &mut Vec<u8>, text: &str) {
    escape(text, true, |part| out.extend_from_slice(part.as_bytes()));
}

/// As [`write_quoted`], to text. Answers whether anything had to be escaped.
#[cfg(feature = "protobuf")]
pub(crate) fn push_quoted(out: &mut String, text: &str) -> bool {
    escape(text, true, |part| out.push_str(part))
}

/// Appends a help text; OpenMetrics escapes quotes there as well, classic text does not.
pub(crate) fn write_help(out: &mut Vec<u8>, text: &str, quotes: bool) {
    escape(text, quotes, |part| out.extend_from_slice(part.as_bytes()));
}

/// Hands on the text in parts, and answers whether any of them is an escape.
#[inline]
fn escape<'a>(text: &'a str, quotes: bool, mut push: impl FnMut(&'a str)) -> bool {
    let next = |text: &str| match quotes {
        true => memchr::memchr3(b'\\', b'\n', b'"', text.as_bytes()),
        false => memchr::memchr2(b'\\', b'\n', text.as_bytes()),
    };
    let mut rest = text;
    while let Some(at) = next(rest) {
        push(&rest[..at]);
        push(match rest.as_bytes()[at] {
            b'\n' => "\\n",
            b'"' => "\\\"",
            _ => "\\\\",
        });
        rest = &rest[at + 1..];
    }
    push(rest);
    rest.len() < text.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn backslash_pairs_do_not_start_another_escape() {
        assert_eq!(unescape_quoted(r"a\\nb"), "a\\nb");
        assert_eq!(unescape_quoted(r#"\\\"\n\x\"#), "\\\"\n\\x\\");
        assert_eq!(unescape_help(r#"\"\\\n"#), "\\\"\\\n");
        assert!(matches!(unescape_quoted("plain"), Cow::Borrowed("plain")));
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(text in "[a\\\\\n\"ü]{0,20}") {
            let mut out = Vec::new();
            write_quoted(&mut out, &text);
            prop_assert_eq!(unescape_quoted(std::str::from_utf8(&out).unwrap()), text.as_str());
            out.clear();
            write_help(&mut out, &text, false);
            prop_assert_eq!(unescape_help(std::str::from_utf8(&out).unwrap()), text.as_str());
        }
    }
}
