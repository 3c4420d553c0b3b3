//! What is wrong with a regular expression, in the words of the original's library where they are known.

use std::error::Error;

use metrics_core::MatcherError;

/// The message for a pattern that a matcher refused.
pub(super) fn message(error: &MatcherError, pattern: &str) -> String {
    let Some(cause) = error.source().map(ToString::to_string) else {
        return error.to_string();
    };
    let last = cause.lines().last().unwrap_or("").trim_start_matches("error: ");
    let whole = format!("^(?s:{pattern})$");
    let known = [
        ("unclosed group", format!("missing closing ): `{whole}`")),
        ("unopened group", format!("unexpected ): `{whole}`")),
        ("unclosed character class", format!("missing closing ]: `{}`", from_last_bracket(&whole))),
        (
            "repetition operator missing expression",
            format!("missing argument to repetition operator: `{}`", first_repetition(pattern)),
        ),
    ];
    match known.into_iter().find(|(words, _)| last.contains(words)) {
        Some((_, text)) => format!("error parsing regexp: {text}"),
        None => format!("error parsing regexp: {last}"),
    }
}

fn from_last_bracket(pattern: &str) -> &str {
    pattern.rfind('[').map_or(pattern, |at| &pattern[at..])
}

/// The repetition operator that has nothing to repeat: at the start, or behind `(`, `|`.
fn first_repetition(pattern: &str) -> &str {
    let mut before = '(';
    for (at, c) in pattern.char_indices() {
        if matches!(c, '*' | '+' | '?') && matches!(before, '(' | '|') {
            return &pattern[at..at + 1];
        }
        before = c;
    }
    pattern
}
