//! The text of a series, put together from a message, so that every format has the same kind of series.
//!
//! The samples of one metric differ at their end only, those of one family from their labels on: what a text has
//! in common with the one before stays where it is.

use metrics_core::{MetricType, is_legacy_label_name, is_legacy_metric_name};

use crate::escape::push_quoted;
use crate::number::write_float_with_point;
use crate::series::{Layout, Series};

/// Labels as the message has them.
pub(super) type Pairs<'a> = [(&'a str, &'a str)];

/// One series' text, changed from sample to sample.
#[derive(Debug, Default)]
pub(super) struct SeriesText {
    /// Name, labels and last label, each label behind a comma or the opening brace.
    text: String,
    /// The suffix that the text has now; `None` if it is of another family.
    suffix: Option<Suffix>,
    /// Where the name is, without quotes.
    name: (usize, usize),
    /// Where the labels of the metric begin, and where they end; zero if they are another metric's.
    labels_start: usize,
    labels_end: usize,
    /// Where the parts hold escapes.
    escapes: Escapes,
    bounds: Vec<Bound>,
}

#[derive(Debug, Default)]
struct Escapes {
    in_name: bool,
    in_labels: bool,
}

/// What a sample adds to the name of its family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Suffix {
    None,
    Bucket,
    Count,
    Sum,
}

impl Suffix {
    fn as_str(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Bucket => "_bucket",
            Self::Count => "_count",
            Self::Sum => "_sum",
        }
    }
}

/// A bucket's bound or a quantile with its text: the metrics of a family have the same ones.
#[derive(Debug)]
struct Bound {
    bits: u64,
    text: String,
}

/// The last label of a sample: its name, its place among those of the metric, and its value.
#[derive(Debug, Clone, Copy)]
pub(super) struct LastLabel {
    pub(super) name: &'static str,
    pub(super) place: usize,
    pub(super) value: f64,
}

impl SeriesText {
    /// What follows is another family's.
    pub(super) fn next_family(&mut self) {
        self.suffix = None;
    }

    /// What follows has other labels.
    pub(super) fn next_metric(&mut self) {
        self.labels_end = 0;
    }

    /// Puts a series together: the family's name, a suffix, the labels of the metric and perhaps one more.
    pub(super) fn set(&mut self, family: &str, suffix: Suffix, labels: &Pairs<'_>, last: Option<LastLabel>) {
        if self.suffix != Some(suffix) {
            self.set_name(family, suffix);
        }
        if self.labels_end == 0 {
            self.set_labels(labels);
        }
        self.text.truncate(self.labels_end);
        if let Some(last) = last {
            self.push_last(last);
        }
        if self.separator(self.text.len()) == ',' {
            self.text.push('}');
        }
    }

    /// What stands between a text of this length and its next label.
    fn separator(&self, length: usize) -> char {
        if self.text.starts_with('{') || length > self.labels_start { ',' } else { '{' }
    }

    fn set_name(&mut self, family: &str, suffix: Suffix) {
        self.text.clear();
        self.labels_end = 0;
        self.suffix = Some(suffix);
        if is_legacy_metric_name(family) {
            self.text.push_str(family);
            self.text.push_str(suffix.as_str());
            self.name = (0, self.text.len());
            self.escapes.in_name = false;
        } else {
            self.text.push_str("{\"");
            self.escapes.in_name = push_quoted(&mut self.text, family);
            self.text.push_str(suffix.as_str());
            self.name = (2, self.text.len());
            self.text.push('"');
        }
        self.labels_start = self.text.len();
    }

    fn set_labels(&mut self, labels: &Pairs<'_>) {
        self.text.truncate(self.labels_start);
        self.escapes.in_labels = false;
        for (name, value) in labels {
            let separator = self.separator(self.text.len());
            let out = &mut self.text;
            out.push(separator);
            if is_legacy_label_name(name) {
                out.push_str(name);
            } else {
                out.push('"');
                self.escapes.in_labels |= push_quoted(out, name);
                out.push('"');
            }
            out.push_str("=\"");
            self.escapes.in_labels |= push_quoted(out, value);
            out.push('"');
        }
        self.labels_end = self.text.len();
    }

    fn push_last(&mut self, last: LastLabel) {
        self.text.push(self.separator(self.labels_end));
        self.text.push_str(last.name);
        self.text.push_str("=\"");
        let bits = last.value.to_bits();
        let Self { bounds, text, .. } = self;
        match bounds.get(last.place) {
            Some(bound) if bound.bits == bits => text.push_str(&bound.text),
            known => {
                let bound = Bound { bits, text: float_text(last.value) };
                text.push_str(&bound.text);
                match known.is_some() {
                    true => bounds[last.place] = bound,
                    false if last.place == bounds.len() => bounds.push(bound),
                    false => {}
                }
            }
        }
        self.text.push('"');
    }

    /// The series put together last, with the labels that it was put together of.
    pub(super) fn series<'a>(&'a self, labels: &'a Pairs<'a>, metric_type: MetricType) -> Series<'a> {
        let has_escapes = self.escapes.in_name || self.escapes.in_labels;
        // The last label stands behind a separator; without it there is at most the closing brace.
        let last = self.text.len().min(self.labels_end + 1);
        let layout = Layout { name: self.name, labels: last, has_escapes };
        Series::new(&self.text, layout, metric_type).with_pairs(labels)
    }
}

fn float_text(value: f64) -> String {
    let mut out = Vec::with_capacity(24);
    write_float_with_point(&mut out, value);
    String::from_utf8(out).unwrap_or_default()
}
