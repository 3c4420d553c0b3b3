//! What the writers of both text formats share: names and the series part of a sample line.

use std::borrow::Cow;

use metrics_core::{Escaping, LabelSet, is_legacy_label_name, is_legacy_metric_name};

use crate::escape::write_quoted;

/// How pages are written.
///
/// ```
/// use expo_format::{Escaping, WriteOptions};
/// let options = WriteOptions::default().escaping(Escaping::Underscores).created_lines(true);
/// assert_eq!(options, WriteOptions::default().created_lines(true).escaping(Escaping::Underscores));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WriteOptions {
    pub(crate) escaping: Escaping,
    pub(crate) created_lines: bool,
}

impl WriteOptions {
    /// How names outside the classic alphabet are shown. Default: quoted, as they are.
    #[must_use]
    pub fn escaping(mut self, escaping: Escaping) -> Self {
        self.escaping = escaping;
        self
    }

    /// Whether OpenMetrics shows when counting began as `_created` lines. Default: no, because a reader that
    /// does not know them takes them for series.
    #[must_use]
    pub fn created_lines(mut self, shown: bool) -> Self {
        self.created_lines = shown;
        self
    }

    /// A metric or label name in the chosen scheme; a classic one stays as it is.
    pub(crate) fn name<'a>(&self, name: &'a str) -> Cow<'a, str> {
        if is_legacy_metric_name(name) { Cow::Borrowed(name) } else { self.escaping.escape(name) }
    }
}

/// A name as metadata lines show it: quoted if it is not classic.
pub(crate) fn write_name(out: &mut Vec<u8>, name: &str) {
    write_plain_or_quoted(out, name, is_legacy_metric_name(name));
}

fn write_plain_or_quoted(out: &mut Vec<u8>, name: &str, is_plain: bool) {
    if is_plain {
        out.extend_from_slice(name.as_bytes());
    } else {
        out.push(b'"');
        write_quoted(out, name);
        out.push(b'"');
    }
}

/// A label that a writer adds behind a metric's own, such as a bucket's bound.
pub(crate) type ExtraLabel<'a> = (&'a str, &'a [u8]);

/// `name{label="value",…}` with one more label at the end, if there is one.
pub(crate) fn write_series(
    out: &mut Vec<u8>,
    name: &str,
    suffix: &str,
    label_sets: &[&LabelSet],
    extra: Option<ExtraLabel<'_>>,
    options: WriteOptions,
) {
    let mut separator = b'{';
    if is_legacy_metric_name(name) {
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(suffix.as_bytes());
    } else if !name.is_empty() {
        out.extend_from_slice(b"{\"");
        write_quoted(out, name);
        out.extend_from_slice(suffix.as_bytes());
        out.push(b'"');
        separator = b',';
    }
    let mut open = |out: &mut Vec<u8>, label: &str| {
        out.push(std::mem::replace(&mut separator, b','));
        // A colon may stand in the name of a metric only.
        write_plain_or_quoted(out, label, is_legacy_label_name(label));
        out.extend_from_slice(b"=\"");
    };
    for (label, value) in label_sets.iter().flat_map(|set| set.iter()) {
        open(out, &options.name(label));
        write_quoted(out, value);
        out.push(b'"');
    }
    if let Some((label, value)) = extra {
        open(out, label);
        out.extend_from_slice(value);
        out.push(b'"');
    }
    if separator == b',' {
        out.push(b'}');
    }
}
