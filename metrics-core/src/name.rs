//! Which names are valid, and how names outside the classic alphabet are escaped.

/// Whether a metric name is valid: any non-empty UTF-8 text (Prometheus 3).
pub fn is_valid_metric_name(name: &str) -> bool {
    !name.is_empty()
}

/// Whether a label name is valid: any non-empty UTF-8 text (Prometheus 3).
pub fn is_valid_label_name(name: &str) -> bool {
    !name.is_empty()
}

/// Whether a metric name is in the classic alphabet `[a-zA-Z_:][a-zA-Z0-9_:]*`.
pub fn is_legacy_metric_name(name: &str) -> bool {
    is_word(name, true)
}

/// Whether a label name is in the classic alphabet `[a-zA-Z_][a-zA-Z0-9_]*`.
pub fn is_legacy_label_name(name: &str) -> bool {
    is_word(name, false)
}

fn is_word(name: &str, colon: bool) -> bool {
    let bytes = name.as_bytes();
    let inner = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_' || (colon && *b == b':');
    bytes.first().is_some_and(|b| !b.is_ascii_digit()) && bytes.iter().all(inner)
}

/// Which names a configuration lets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum NameScheme {
    /// Any UTF-8 text (Prometheus 3).
    #[default]
    Utf8,
    /// The classic alphabet only.
    Legacy,
}

impl NameScheme {
    /// The scheme's name in configuration files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Utf8 => "utf8",
            Self::Legacy => "legacy",
        }
    }

    /// Whether a label may have this name.
    pub fn allows_label(self, name: &str) -> bool {
        match self {
            Self::Utf8 => is_valid_label_name(name),
            Self::Legacy => is_legacy_label_name(name),
        }
    }

    /// Whether a metric may have this name.
    pub fn allows_metric(self, name: &str) -> bool {
        match self {
            Self::Utf8 => is_valid_metric_name(name),
            Self::Legacy => is_legacy_metric_name(name),
        }
    }
}

/// How a name outside the classic alphabet is shown to a peer that does not understand UTF-8 names.
///
/// Source: the escaping schemes of Prometheus 3 (content negotiation parameter `escaping`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Escaping {
    /// `allow-utf-8`: names are sent as they are, quoted.
    #[default]
    AllowUtf8,
    /// `underscores`: every other character becomes `_`.
    Underscores,
    /// `dots`: `.` becomes `_dot_`, `_` becomes `__`, every other character `__`.
    Dots,
    /// `values`: prefix `U__`, `_` doubled, every other character `_HEX_` of its code point.
    Values,
}

impl Escaping {
    /// The scheme's name in a content type.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AllowUtf8 => "allow-utf-8",
            Self::Underscores => "underscores",
            Self::Dots => "dots",
            Self::Values => "values",
        }
    }

    /// The scheme of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::AllowUtf8, Self::Underscores, Self::Dots, Self::Values]
            .into_iter()
            .find(|s| s.as_str() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classic_alphabet() {
        assert!(is_legacy_metric_name("job:up:sum5"));
        assert!(!is_legacy_label_name("job:up"));
        assert!(!is_legacy_metric_name("5xx"));
        assert!(!is_legacy_metric_name(""));
        assert!(!is_legacy_label_name("a.b"));
        assert!(!is_legacy_label_name("ä"));
    }
}
