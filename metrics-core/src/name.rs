//! Which names are valid, and how names outside the classic alphabet are escaped.

use std::borrow::Cow;
use std::fmt::Write;

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
    is_word(name, METRIC)
}

/// Whether a label name is in the classic alphabet `[a-zA-Z_][a-zA-Z0-9_]*`.
pub fn is_legacy_label_name(name: &str) -> bool {
    is_word(name, LABEL)
}

/// Bits that say in which alphabets a byte is.
const LABEL: u8 = 1;
const METRIC: u8 = 2;

/// The alphabets of every byte: names are checked for every family of every page.
const ALPHABETS: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0u8;
    while byte < 128 {
        if byte.is_ascii_alphanumeric() || byte == b'_' {
            table[byte as usize] = LABEL | METRIC;
        }
        byte += 1;
    }
    table[b':' as usize] = METRIC;
    table
};

fn is_word(name: &str, alphabet: u8) -> bool {
    let bytes = name.as_bytes();
    let common = bytes.iter().fold(alphabet, |common, b| common & ALPHABETS[usize::from(*b)]);
    common != 0 && bytes.first().is_some_and(|b| !b.is_ascii_digit())
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

    /// A name as a peer of this scheme reads it.
    ///
    /// ```
    /// use metrics_core::Escaping;
    /// assert_eq!(Escaping::AllowUtf8.escape("http.hits_ü"), "http.hits_ü");
    /// assert_eq!(Escaping::Underscores.escape("http.hits_ü"), "http_hits__");
    /// assert_eq!(Escaping::Dots.escape("http.hits_ü"), "http_dot_hits____");
    /// assert_eq!(Escaping::Values.escape("http.hits_ü"), "U__http_2e_hits___fc_");
    /// ```
    pub fn escape(self, name: &str) -> Cow<'_, str> {
        let needed = match self {
            Self::AllowUtf8 => false,
            Self::Dots => !is_legacy_metric_name(name) || name.contains('_'),
            Self::Underscores | Self::Values => !is_legacy_metric_name(name),
        };
        if !needed || name.is_empty() {
            return Cow::Borrowed(name);
        }
        let mut out = String::with_capacity(name.len() + 8);
        if self == Self::Values {
            out.push_str("U__");
        }
        for (at, c) in name.char_indices() {
            let classic = c.is_ascii_alphabetic() || c == ':' || c == '_' || (c.is_ascii_digit() && at > 0);
            match (self, c) {
                (Self::Dots | Self::Values, '_') => out.push_str("__"),
                (Self::Dots, '.') => out.push_str("_dot_"),
                _ if classic => out.push(c),
                (Self::Underscores, _) => out.push('_'),
                (Self::Values, _) => drop(write!(out, "_{:x}_", u32::from(c))),
                _ => out.push_str("__"),
            }
        }
        Cow::Owned(out)
    }

    /// The name behind an escaped one, as far as the scheme allows to tell; a name that this scheme cannot have
    /// produced is returned as it is.
    ///
    /// ```
    /// use metrics_core::Escaping;
    /// assert_eq!(Escaping::Values.unescape("U__http_2e_hits___fc_"), "http.hits_ü");
    /// assert_eq!(Escaping::Dots.unescape("http_dot_hits__x"), "http.hits_x");
    /// assert_eq!(Escaping::Values.unescape("U__broken_2e"), "U__broken_2e");
    /// ```
    pub fn unescape(self, name: &str) -> Cow<'_, str> {
        match self {
            Self::AllowUtf8 | Self::Underscores => Cow::Borrowed(name),
            Self::Dots if name.contains('_') => Cow::Owned(name.replace("_dot_", ".").replace("__", "_")),
            Self::Dots => Cow::Borrowed(name),
            Self::Values => unescape_values(name).map_or(Cow::Borrowed(name), Cow::Owned),
        }
    }
}

fn unescape_values(name: &str) -> Option<String> {
    /// No code point has more hexadecimal digits.
    const MAX_DIGITS: usize = 6;
    let mut rest = name.strip_prefix("U__")?;
    let mut out = String::with_capacity(rest.len());
    while let Some((before, behind)) = rest.split_once('_') {
        out.push_str(before);
        let (code, tail) = behind.split_once('_')?;
        rest = tail;
        if code.is_empty() {
            out.push('_');
            continue;
        }
        if code.len() >= MAX_DIGITS || !code.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        out.push(char::from_u32(u32::from_str_radix(code, 16).ok()?)?);
    }
    out.push_str(rest);
    Some(out)
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
