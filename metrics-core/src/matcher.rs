//! Label matchers: `=`, `!=`, `=~`, `!~`.

use std::fmt;

use regex::Regex;

use crate::regexp::compile_anchored;
use crate::{LabelSet, METRIC_NAME};

/// How a matcher compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MatchOp {
    /// `=`: equal.
    Equal,
    /// `!=`: not equal.
    NotEqual,
    /// `=~`: the whole value matches a regular expression.
    Regex,
    /// `!~`: the whole value does not match a regular expression.
    NotRegex,
}

impl MatchOp {
    /// The operator as PromQL writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Regex => "=~",
            Self::NotRegex => "!~",
        }
    }

    /// Whether the operator holds where its positive twin does not.
    pub fn is_negative(self) -> bool {
        matches!(self, Self::NotEqual | Self::NotRegex)
    }
}

impl fmt::Display for MatchOp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A regular expression that a matcher cannot use.
#[derive(Debug, Clone)]
pub struct MatcherError {
    pattern: String,
    source: regex::Error,
}

impl fmt::Display for MatcherError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot use regular expression {:?}", self.pattern)
    }
}

impl std::error::Error for MatcherError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

/// A condition on one label. A label that is not set has the empty value.
///
/// Regular expressions are anchored at both ends and `.` matches newlines, as in the original.
///
/// ```
/// use metrics_core::{MatchOp, Matcher};
/// let m = Matcher::new("job", MatchOp::Regex, "node|api.*").unwrap();
/// assert!(m.matches("api-eu"));
/// assert!(!m.matches("my-node"));
/// assert_eq!(m.to_string(), r#"job=~"node|api.*""#);
/// ```
#[derive(Clone)]
pub struct Matcher {
    /// The label.
    pub name: String,
    /// How to compare.
    pub op: MatchOp,
    /// The text or the pattern as given.
    pub value: String,
    test: Test,
}

/// What is done to find out, cheapest first.
#[derive(Clone)]
enum Test {
    Literal,
    /// A pattern that is an alternation of plain words: `a|b|c`. Sorted.
    OneOf(Vec<String>),
    /// `.*`
    Anything,
    /// `.+`
    NotEmpty,
    /// `prefix.*`
    Prefix(String),
    Regex(Regex),
}

impl Matcher {
    /// Builds a matcher.
    ///
    /// # Errors
    /// If the operator takes a regular expression and `value` is not one.
    pub fn new(name: impl Into<String>, op: MatchOp, value: impl Into<String>) -> Result<Self, MatcherError> {
        let value = value.into();
        let test = match op {
            MatchOp::Equal | MatchOp::NotEqual => Test::Literal,
            MatchOp::Regex | MatchOp::NotRegex => Test::compile(&value)?,
        };
        Ok(Self { name: name.into(), op, value, test })
    }

    /// A matcher for one exact value.
    pub fn equal(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self { name: name.into(), op: MatchOp::Equal, value: value.into(), test: Test::Literal }
    }

    /// A matcher for one exact metric name.
    pub fn metric_name(name: impl Into<String>) -> Self {
        Self::equal(METRIC_NAME, name)
    }

    /// Whether a value satisfies the condition.
    pub fn matches(&self, value: &str) -> bool {
        let positive = match &self.test {
            Test::Literal => self.value == value,
            Test::OneOf(words) => words.binary_search_by(|w| w.as_str().cmp(value)).is_ok(),
            Test::Anything => true,
            Test::NotEmpty => !value.is_empty(),
            Test::Prefix(p) => value.starts_with(p.as_str()),
            Test::Regex(r) => r.is_match(value),
        };
        positive != self.op.is_negative()
    }

    /// Whether a set of labels satisfies the condition.
    pub fn matches_labels(&self, labels: &LabelSet) -> bool {
        self.matches(labels.value(&self.name))
    }

    /// The only values that the positive form of this matcher can match, sorted, where the pattern lists
    /// them: an index can look these up instead of testing every value.
    pub fn listed_values(&self) -> Option<&[String]> {
        match &self.test {
            Test::Literal => Some(std::slice::from_ref(&self.value)),
            Test::OneOf(words) => Some(words),
            _ => None,
        }
    }
}

impl Test {
    fn compile(pattern: &str) -> Result<Self, MatcherError> {
        match pattern {
            ".*" => return Ok(Self::Anything),
            ".+" => return Ok(Self::NotEmpty),
            _ => {}
        }
        if let Some(words) = plain_words(pattern) {
            return Ok(Self::OneOf(words));
        }
        if let Some(prefix) = pattern.strip_suffix(".*")
            && is_plain(prefix)
        {
            return Ok(Self::Prefix(prefix.to_owned()));
        }
        compile_anchored(pattern)
            .map(Self::Regex)
            .map_err(|source| MatcherError { pattern: pattern.to_owned(), source })
    }
}

fn is_plain(text: &str) -> bool {
    !text.contains(|c: char| r"\.+*?()|[]{}^$".contains(c))
}

fn plain_words(pattern: &str) -> Option<Vec<String>> {
    let inner = pattern.strip_prefix('(').and_then(|p| p.strip_suffix(')')).unwrap_or(pattern);
    let mut words: Vec<String> = inner.split('|').map(str::to_owned).collect();
    if !words.iter().all(|w| is_plain(w)) {
        return None;
    }
    words.sort();
    words.dedup();
    Some(words)
}

impl PartialEq for Matcher {
    fn eq(&self, other: &Self) -> bool {
        (&self.name, self.op, &self.value) == (&other.name, other.op, &other.value)
    }
}

impl Eq for Matcher {}

impl fmt::Debug for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}{:?}", self.name, self.op, self.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(op: MatchOp, pattern: &str, value: &str) -> bool {
        Matcher::new("l", op, pattern).unwrap().matches(value)
    }

    #[test]
    fn fast_paths_agree_with_the_regex() {
        let values = ["", "a", "b", "ab", "a\nb", "(a", "c|d", "xay"];
        for pattern in ["", "a", "a|b", "(a|b)", ".*", ".+", "a.*", "a|", "a.+", "[ab]+", ".*a.*"] {
            let plain = Regex::new(&format!("^(?s:{pattern})$")).unwrap();
            for value in values {
                assert_eq!(
                    matches(MatchOp::Regex, pattern, value),
                    plain.is_match(value),
                    "{pattern} {value}"
                );
                assert_eq!(matches(MatchOp::NotRegex, pattern, value), !plain.is_match(value));
            }
        }
    }

    #[test]
    fn a_bad_pattern_is_named() {
        let error = Matcher::new("l", MatchOp::Regex, "a(").unwrap_err();
        assert_eq!(error.to_string(), r#"cannot use regular expression "a(""#);
    }
}
