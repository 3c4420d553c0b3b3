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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backslash_pairs_do_not_start_another_escape() {
        assert_eq!(unescape_quoted(r"a\\nb"), "a\\nb");
        assert_eq!(unescape_quoted(r#"\\\"\n\x\"#), "\\\"\n\\x\\");
        assert_eq!(unescape_help(r#"\"\\\n"#), "\\\"\\\n");
        assert!(matches!(unescape_quoted("plain"), Cow::Borrowed("plain")));
    }
}
