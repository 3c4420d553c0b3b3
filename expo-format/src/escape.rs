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
    write_escaped(out, text.as_bytes(), true);
}

/// Appends a help text; OpenMetrics escapes quotes there as well, classic text does not.
pub(crate) fn write_help(out: &mut Vec<u8>, text: &str, quotes: bool) {
    write_escaped(out, text.as_bytes(), quotes);
}

fn write_escaped(out: &mut Vec<u8>, mut rest: &[u8], quotes: bool) {
    let next = |text: &[u8]| {
        if quotes { memchr::memchr3(b'\\', b'\n', b'"', text) } else { memchr::memchr2(b'\\', b'\n', text) }
    };
    while let Some(at) = next(rest) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(match rest[at] {
            b'\n' => b"\\n",
            b'"' => b"\\\"",
            _ => b"\\\\",
        });
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
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
