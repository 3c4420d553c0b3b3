//! Regular expressions in the syntax of Go's `regexp` package (RE2), which the field's configurations and queries
//! are written in.
//!
//! Rust's `regex` understands nearly the same. Where the two differ the pattern is rewritten: Perl classes are ASCII
//! in Go, `[` and `&&` are nothing special inside a bracket expression, `{` is a literal where no count follows, and
//! `\Q…\E` quotes.

use std::borrow::Cow;

use regex::Regex;

/// Compiles a pattern of Go's syntax.
///
/// ```
/// use metrics_core::regexp::compile;
/// assert!(compile(r"\d+").unwrap().is_match("7"));
/// assert!(!compile(r"^\d+$").unwrap().is_match("٧")); // a digit, but not of ASCII
/// assert!(compile(r"^\Qa.b\E$").unwrap().is_match("a.b"));
/// ```
///
/// # Errors
/// If the pattern is not a regular expression.
pub fn compile(pattern: &str) -> Result<Regex, regex::Error> {
    Regex::new(&translate(pattern))
}

/// Compiles a pattern that must match as a whole; `.` matches newlines too, as everywhere in the field.
///
/// # Errors
/// As [`compile`].
pub fn compile_anchored(pattern: &str) -> Result<Regex, regex::Error> {
    Regex::new(&format!("^(?s:{})$", translate(pattern)))
}

/// The same pattern in Rust's syntax.
fn translate(pattern: &str) -> Cow<'_, str> {
    if !pattern.contains(['\\', '[', '{']) {
        return Cow::Borrowed(pattern);
    }
    let mut out = String::with_capacity(pattern.len() + 16);
    let mut rest = pattern;
    let mut in_class = false;
    while let Some(c) = rest.chars().next() {
        let behind = &rest[c.len_utf8()..];
        rest = match c {
            '\\' => escape(behind, in_class, &mut out),
            '[' if in_class => bracket_in_class(behind, &mut out),
            '[' => {
                in_class = true;
                open_class(behind, &mut out)
            }
            ']' if in_class => {
                in_class = false;
                out.push(']');
                behind
            }
            // Set operations in Rust, plain characters in Go.
            '&' | '~' if in_class => {
                out.extend(['\\', c]);
                behind
            }
            '-' if in_class && behind.starts_with('-') => {
                out.push_str(r"\-");
                behind
            }
            '{' if !in_class && !is_count(behind) => {
                out.push_str(r"\{");
                behind
            }
            c => {
                out.push(c);
                behind
            }
        };
    }
    Cow::Owned(out)
}

/// What follows a backslash.
fn escape<'a>(behind: &'a str, in_class: bool, out: &mut String) -> &'a str {
    let Some(c) = behind.chars().next() else {
        out.push('\\');
        return behind;
    };
    let rest = &behind[c.len_utf8()..];
    if c == 'Q' {
        let (quoted, rest) = rest.split_once(r"\E").unwrap_or((rest, ""));
        out.push_str(&regex::escape(quoted));
        return rest;
    }
    let members = match c.to_ascii_lowercase() {
        'd' => "0-9",
        'w' => "0-9A-Za-z_",
        's' => r"\t\n\f\r ",
        'b' if c == 'b' && !in_class => {
            out.push_str(r"(?-u:\b)");
            return rest;
        }
        _ => {
            out.extend(['\\', c]);
            return rest;
        }
    };
    match (in_class, c.is_ascii_uppercase()) {
        (true, false) => out.push_str(members),
        (_, negated) => {
            let sign = if negated { "^" } else { "" };
            out.push_str(&format!("[{sign}{members}]"));
        }
    }
    rest
}

/// The beginning of a bracket expression: a `]` that comes first stands for itself.
fn open_class<'a>(mut behind: &'a str, out: &mut String) -> &'a str {
    out.push('[');
    if let Some(rest) = behind.strip_prefix('^') {
        out.push('^');
        behind = rest;
    }
    match behind.strip_prefix(']') {
        Some(rest) => {
            out.push_str(r"\]");
            rest
        }
        None => behind,
    }
}

/// A `[` inside a bracket expression: a named class such as `[:alpha:]`, or itself.
fn bracket_in_class<'a>(behind: &'a str, out: &mut String) -> &'a str {
    if behind.starts_with(':')
        && let Some(end) = behind.find(":]")
    {
        let (name, rest) = behind.split_at(end + 2);
        out.push('[');
        out.push_str(name);
        return rest;
    }
    out.push_str(r"\[");
    behind
}

/// Whether a count such as `3}`, `3,}` or `3,5}` follows the brace.
fn is_count(behind: &str) -> bool {
    let Some((inside, _)) = behind.split_once('}') else { return false };
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let (least, most) = inside.split_once(',').unwrap_or((inside, ""));
    !least.is_empty() && digits(least) && digits(most)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn means_what_it_means_in_go() {
        for (pattern, yes, no) in [
            (r"\w+", "a_1", "ä"),
            (r"[\w.]+", "a.b", "é"),
            (r"[^\d]", "٧", "7"),
            (r"[\D]", "x", "7"),
            (r"\S", "x", " "),
            ("[[a]", "[", "b"),
            ("[a&&b]+", "a&b", "c"),
            ("[]a]", "]", "b"),
            ("[^]a]", "b", "]"),
            ("[[:alpha:]]", "x", "1"),
            ("a{", "a{", "a"),
            ("{{x}}", "{{x}}", "x"),
            ("a{2}", "aa", "a"),
            ("a{1,2}", "aa", "aaa"),
            (r"\Qa+b\E+", "a+bb", "aab"),
            (r"x\.y", "x.y", "xzy"),
            (r"\babc\b", "abc", "abcd"),
        ] {
            let regex = compile_anchored(pattern).unwrap();
            assert!(regex.is_match(yes), "{pattern} on {yes}");
            assert!(!regex.is_match(no), "{pattern} on {no}");
        }
    }

    #[test]
    fn what_is_no_expression_stays_none() {
        for pattern in ["(", "[a", r"\", "*", r"a\8"] {
            assert!(compile(pattern).is_err(), "{pattern}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_an_expression_or_an_error(pattern in r"[\\\[\](){}a-c&~^:|*+?QEdDwb\-,0-9]{0,16}") {
            let _ = compile_anchored(&pattern);
        }

        #[test]
        fn quoted_text_matches_itself(text in "[a-z.+*()\\[\\]{}&-]{0,12}") {
            let pattern = format!(r"\Q{text}\E");
            prop_assert!(compile_anchored(&pattern).unwrap().is_match(&text));
        }
    }
}
