//! The text of a series, put together from a message, so that every format has the same kind of series.

use metrics_core::{MetricType, is_legacy_label_name, is_legacy_metric_name};

use crate::escape::write_quoted;
use crate::series::{Labels, Layout, Series};

/// Buffers for one series' text, reused from sample to sample.
#[derive(Debug, Default)]
pub(super) struct SeriesText {
    text: Vec<u8>,
    /// The metric's own labels, rendered once for all its samples, each with a comma behind it.
    labels: Vec<u8>,
    layout: Option<Layout>,
}

impl SeriesText {
    /// Renders the labels of the next metric.
    pub(super) fn set_labels(&mut self, labels: &[(&str, &str)]) {
        self.labels.clear();
        for (name, value) in labels {
            write_label(&mut self.labels, name, value);
            self.labels.push(b',');
        }
    }

    /// Puts a series together: the family's name, a suffix, the labels and perhaps one more.
    pub(super) fn set(&mut self, family: &str, suffix: &str, extra: Option<(&str, &[u8])>) {
        let out = &mut self.text;
        out.clear();
        let is_bare = is_legacy_metric_name(family);
        let has_labels = !self.labels.is_empty() || extra.is_some();
        let name;
        let labels;
        if is_bare {
            out.extend_from_slice(family.as_bytes());
            out.extend_from_slice(suffix.as_bytes());
            name = (0, out.len());
            if has_labels {
                out.push(b'{');
            }
            labels = out.len();
        } else {
            out.push(b'{');
            labels = out.len();
            out.push(b'"');
            write_quoted(out, family);
            out.extend_from_slice(suffix.as_bytes());
            name = (labels + 1, out.len());
            out.extend_from_slice(b"\",");
        }
        out.extend_from_slice(&self.labels);
        if let Some((label, value)) = extra {
            out.extend_from_slice(label.as_bytes());
            out.extend_from_slice(b"=\"");
            out.extend_from_slice(value);
            out.extend_from_slice(b"\",");
        }
        // Every part left a comma behind; the last one becomes the brace.
        if (has_labels || !is_bare)
            && let Some(last) = out.last_mut()
        {
            *last = b'}';
        }
        let has_escapes = memchr::memchr(b'\\', out).is_some();
        self.layout = Some(Layout { name, labels, has_escapes });
    }

    /// The series put together last.
    pub(super) fn series(&self, metric_type: MetricType) -> Series<'_> {
        let text = std::str::from_utf8(&self.text).unwrap_or_default();
        match self.layout {
            Some(layout) => Series::new(text, layout, metric_type),
            None => Series::bare(text, metric_type),
        }
    }
}

/// Labels of an exemplar as text.
pub(super) fn render_labels(out: &mut Vec<u8>, labels: &[(&str, &str)]) {
    out.clear();
    for (name, value) in labels {
        write_label(out, name, value);
        out.push(b',');
    }
    out.push(b'}');
}

/// The labels that were rendered.
pub(super) fn rendered(text: &[u8]) -> Labels<'_> {
    Labels::new(std::str::from_utf8(text).unwrap_or_default())
}

fn write_label(out: &mut Vec<u8>, name: &str, value: &str) {
    if is_legacy_label_name(name) {
        out.extend_from_slice(name.as_bytes());
    } else {
        out.push(b'"');
        write_quoted(out, name);
        out.push(b'"');
    }
    out.extend_from_slice(b"=\"");
    write_quoted(out, value);
    out.push(b'"');
}
