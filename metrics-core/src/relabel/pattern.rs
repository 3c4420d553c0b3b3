//! The anchored regular expression of a rule.

use std::fmt;
use std::str::FromStr;

use regex::{Captures, Regex};

use crate::regexp::compile_anchored;

/// A regular expression that must match as a whole; `.` matches newlines too.
///
/// Two patterns are equal if their texts are.
#[derive(Clone)]
pub struct Pattern {
    text: String,
    regex: Regex,
}

/// The pattern of rules that have none: it matches everything and captures it.
const MATCH_ALL: &str = "(.*)";

impl Pattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// If the text is not a regular expression.
    pub fn new(text: impl Into<String>) -> Result<Self, PatternError> {
        let text = text.into();
        match compile_anchored(&text) {
            Ok(regex) => Ok(Self { text, regex }),
            Err(source) => Err(PatternError { text, source }),
        }
    }

    /// The text as given, without the anchors.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether this is the pattern of rules that have none.
    pub fn is_default(&self) -> bool {
        self.text == MATCH_ALL
    }

    /// Whether the whole text matches.
    pub fn is_match(&self, text: &str) -> bool {
        self.is_default() || self.regex.is_match(text)
    }

    pub(super) fn captures<'t>(&self, text: &'t str) -> Option<Captures<'t>> {
        self.regex.captures(text)
    }
}

impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        Self::new(text)
    }
}

impl Default for Pattern {
    fn default() -> Self {
        Self::new(MATCH_ALL).expect("a constant that compiles")
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Pattern {}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.text)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A text that is not a regular expression.
#[derive(Debug, Clone)]
pub struct PatternError {
    text: String,
    source: regex::Error,
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error parsing regexp: `^(?s:{})$`", self.text)
    }
}

impl std::error::Error for PatternError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}
